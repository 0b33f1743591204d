#include "chat/jinja/params.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::chat::jinja {

Params::Params(std::string_view function, const Args& args, std::initializer_list<std::string_view> names,
               size_t required)
    : function_(function), values_(names.size(), nullptr) {
  if (args.positional.size() > names.size())
    ThrowType(fmt::format("{}() takes at most {} arguments ({} given)", function, names.size(),
                          args.positional.size()));
  for (size_t i = 0; i < args.positional.size(); ++i) values_[i] = &args.positional[i];
  for (const auto& [name, value] : args.named) {
    const auto* found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      ThrowType(fmt::format("{}() got an unexpected keyword argument '{}'", function, name));
    const auto index = static_cast<size_t>(found - names.begin());
    if (values_[index] != nullptr)
      ThrowType(fmt::format("{}() got multiple values for argument '{}'", function, name));
    values_[index] = &value;
  }
  for (size_t i = 0; i < required; ++i)
    if (values_[i] == nullptr)
      ThrowType(fmt::format("{}() missing required argument '{}'", function, *(names.begin() + i)));
}

int64_t Params::Int(size_t index, int64_t fallback) const {
  if (!Given(index)) return fallback;
  const Value& value = *values_[index];
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (!value.IsInteger())
    ThrowType(
        fmt::format("{}(): '{}' object cannot be interpreted as an integer", function_, TypeName(value)));
  return value.AsInt();
}

const std::string& Params::Text(size_t index, const std::string& fallback) const {
  if (!Given(index)) return fallback;
  const Value& value = *values_[index];
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (!value.Is(Kind::kString))
    ThrowType(fmt::format("{}() argument {} must be str, not {}", function_, index + 1, TypeName(value)));
  return value.text();
}

}  // namespace sluice::chat::jinja
