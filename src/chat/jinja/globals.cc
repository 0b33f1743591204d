#include "chat/jinja/globals.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "chat/jinja/operations.h"
#include "chat/jinja/params.h"

namespace sluice::chat::jinja {

std::optional<Value> Namespace::Attribute(Runtime&, std::string_view name) {
  const Value* found = attributes.Find(name);
  return found ? std::optional(*found) : std::nullopt;
}

void Namespace::Set(Runtime& runtime, std::string_view name, const Value& value) {
  if (name.starts_with('_'))
    throw Failure(
        FailureKind::kSecurity,
        fmt::format("Chat templates cannot store underscore-prefixed attributes on a namespace, but got "
                    "'{}'. Please rename the attribute.",
                    name));
  attributes.Set(runtime.String(std::string(name)), value);
}

namespace {

constexpr int64_t kMaxRange = 100'000;

Value Range(Runtime& runtime, const Args& args) {
  const Params params("range", args, {"start", "stop", "step"}, 1);
  auto* range = runtime.New<RangeObject>();
  range->start = params.Given(1) ? params.Int(0, 0) : 0;
  range->stop = params.Int(params.Given(1) ? 1 : 0, 0);
  range->step = params.Int(2, 1);
  if (range->step == 0) throw Failure(FailureKind::kValue, "range() arg 3 must not be zero");
  constexpr int64_t kBound = int64_t{1} << 62;  // keeps the arithmetic below from overflowing
  const bool sane = std::max({std::abs(range->start), std::abs(range->stop), std::abs(range->step)}) < kBound;
  if (!sane || range->size() > kMaxRange)
    throw Failure(
        FailureKind::kOverflow,
        fmt::format("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", kMaxRange));
  return Value::Of(Kind::kRange, range);
}

// The pairs of a mapping, or of a list of pairs, go into `dict`.
void AddPairs(Runtime& runtime, DictObject& dict, const Value& source) {
  if (source.Is(Kind::kDict)) {
    for (const auto& [key, value] : source.dict().entries) dict.Set(key, value);
    return;
  }
  for (const Value& pair : Walk(runtime, source)) {
    const std::vector<Value> parts = Walk(runtime, pair);
    if (parts.size() != 2)
      throw Failure(
          FailureKind::kValue,
          fmt::format("dictionary update sequence element has length {}; 2 is required", parts.size()));
    dict.Set(parts[0], parts[1]);
  }
}

Value Dict(Runtime& runtime, const Args& args) {
  if (args.positional.size() > 1) ThrowType("dict expected at most 1 argument");
  Value dict = runtime.Dict();
  if (!args.positional.empty()) AddPairs(runtime, dict.dict(), args.positional[0]);
  for (const auto& [name, value] : args.named) dict.dict().Set(runtime.String(name), value);
  return dict;
}

Value MakeNamespace(Runtime& runtime, const Args& args) {
  const Value initial = Dict(runtime, args);
  auto* space = runtime.New<Namespace>();
  for (const auto& [key, value] : initial.dict().entries) space->Set(runtime, ToText(runtime, key), value);
  return Value::Of(Kind::kObject, space);
}

struct Cycler : Object {
  std::vector<Value> items;
  size_t position = 0;

  std::string_view type_name() const override { return "Cycler"; }
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override;
};

struct CyclerMethod : Object {
  Cycler* cycler = nullptr;
  bool reset = false;

  bool callable() const override { return true; }
  Value Call(Runtime&, const Args&) override {
    if (reset) {
      cycler->position = 0;
      return {};
    }
    const Value item = cycler->items[cycler->position];
    cycler->position = (cycler->position + 1) % cycler->items.size();
    return item;
  }
};

std::optional<Value> Cycler::Attribute(Runtime& runtime, std::string_view name) {
  if (name == "current") return items[position];
  if (name != "next" && name != "reset") return std::nullopt;
  auto* method = runtime.New<CyclerMethod>();
  method->cycler = this;
  method->reset = name == "reset";
  return Value::Of(Kind::kObject, method);
}

Value MakeCycler(Runtime& runtime, const Args& args) {
  if (args.positional.empty()) ThrowType("at least one item has to be provided");
  auto* cycler = runtime.New<Cycler>();
  cycler->items = args.positional;
  return Value::Of(Kind::kObject, cycler);
}

// Gives nothing at the first call, the separator at every later one.
struct Joiner : Object {
  Value separator;
  bool used = false;

  std::string_view type_name() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value Call(Runtime& runtime, const Args&) override {
    return std::exchange(used, true) ? separator : runtime.String("");
  }
};

Value MakeJoiner(Runtime& runtime, const Args& args) {
  const Params params("joiner", args, {"sep"});
  auto* joiner = runtime.New<Joiner>();
  joiner->separator = params.Given(0) ? *params[0] : runtime.String(", ");
  return Value::Of(Kind::kObject, joiner);
}

Value Lipsum(Runtime& runtime, const Args&) {
  return runtime.String("Lorem ipsum dolor sit amet, consectetur adipiscing elit.");
}

Value RaiseException(Runtime& runtime, const Args& args) {
  const Params params("raise_exception", args, {"message"}, 1);
  throw Failure(FailureKind::kRaised, ToText(runtime, *params[0]));
}

Value FormatNow(Runtime& runtime, const Args& args) {
  const Params params("strftime_now", args, {"format"}, 1);
  static const std::string kEmpty;
  const std::string& format = params.Text(0, kEmpty);
  if (format.size() > 4096) throw Failure(FailureKind::kValue, "strftime_now: the format is too long");
  std::string out(format.size() * 16 + 256, '\0');
  const std::tm now = runtime.now();
  out.resize(std::strftime(out.data(), out.size(), format.c_str(), &now));
  return runtime.String(std::move(out));
}

}  // namespace

std::vector<std::pair<std::string_view, Value>> Globals(Runtime& runtime) {
  constexpr std::pair<std::string_view, Value (*)(Runtime&, const Args&)> kFunctions[] = {
      {"range", Range},
      {"dict", Dict},
      {"namespace", MakeNamespace},
      {"cycler", MakeCycler},
      {"joiner", MakeJoiner},
      {"lipsum", Lipsum},
      {"raise_exception", RaiseException},
      {"strftime_now", FormatNow}};
  std::vector<std::pair<std::string_view, Value>> globals;
  for (const auto& [name, function] : kFunctions) {
    auto* object = runtime.New<Function>();
    object->function = function;
    globals.emplace_back(name, Value::Of(Kind::kObject, object));
  }
  return globals;
}

}  // namespace sluice::chat::jinja
