#include "chat/jinja/attribute_path.h"

#include <algorithm>
#include <charconv>

#include "chat/jinja/operations.h"
#include "chat/jinja/unicode.h"

namespace sluice::chat::jinja {

AttributePath::AttributePath(Runtime& runtime, const Value& attribute) {
  if (attribute.Is(Kind::kNone)) return;
  if (!attribute.Is(Kind::kString)) {
    parts_.push_back(attribute);
    return;
  }
  std::string_view rest = attribute.text();
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    int64_t number = 0;
    const auto result = std::from_chars(part.data(), part.data() + part.size(), number);
    const bool digits = !part.empty() && part[0] != '-' && result.ec == std::errc() &&
                        result.ptr == part.data() + part.size();
    parts_.push_back(digits ? Value::Int(number) : runtime.String(std::string(part)));
    if (dot == std::string_view::npos) return;
    rest.remove_prefix(dot + 1);
  }
}

std::vector<AttributePath> AttributePath::Several(Runtime& runtime, const Value& attribute) {
  std::vector<AttributePath> paths;
  if (!attribute.Is(Kind::kString)) {
    paths.emplace_back(runtime, attribute);
    return paths;
  }
  std::string_view rest = attribute.text();
  while (true) {
    const size_t comma = rest.find(',');
    paths.emplace_back(runtime, runtime.String(std::string(rest.substr(0, comma))));
    if (comma == std::string_view::npos) return paths;
    rest.remove_prefix(comma + 1);
  }
}

Value AttributePath::Of(Runtime& runtime, Value item, const Value* fallback) const {
  for (const Value& part : parts_) {
    item = GetItem(runtime, item, part);
    if (fallback != nullptr && item.Is(Kind::kUndefined)) item = *fallback;
  }
  return item;
}

Value SortKey(Runtime& runtime, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.Is(Kind::kString)) return value;
  return runtime.String(Lower(value.text()));
}

}  // namespace sluice::chat::jinja
