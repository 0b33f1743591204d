// value.name, value[key], value[a:b:c], and walking over values.
#include <fmt/format.h>

#include <algorithm>

#include "chat/jinja/methods.h"
#include "chat/jinja/operations.h"
#include "chat/jinja/unicode.h"

namespace sluice::chat::jinja {
namespace {

// `value.method` before it is called.
struct BoundMethod : Object {
  Value self;
  const Method* method = nullptr;

  std::string_view type_name() const override { return "builtin_function_or_method"; }
  bool callable() const override { return true; }
  Value Call(Runtime& runtime, const Args& args) override { return method->function(runtime, self, args); }
};

std::string Describe(const Value& value) {
  if (value.Is(Kind::kNone)) return "'None'";
  return fmt::format("'{} object'", TypeName(value));
}

Value MissingAttribute(Runtime& runtime, const Value& value, std::string_view name) {
  return runtime.Undefined(fmt::format("{} has no attribute '{}'", Describe(value), name));
}

Value Unsafe(Runtime& runtime, const Value& value, std::string_view name) {
  return runtime.Undefined(
      fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, TypeName(value)), true);
}

// What Python's getattr would find.
std::optional<Value> FindAttribute(Runtime& runtime, const Value& value, std::string_view name) {
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (name.size() > 4 && name.starts_with("__") && name.ends_with("__")) {
    constexpr std::string_view kEverywhere[] = {"__class__", "__doc__", "__init__",  "__dict__",
                                                "__repr__",  "__str__", "__module__"};
    if (std::find(std::begin(kEverywhere), std::end(kEverywhere), name) != std::end(kEverywhere))
      return Unsafe(runtime, value, name);
  }
  if (value.Is(Kind::kObject)) return value.object->Attribute(runtime, name);
  if (value.Is(Kind::kTuple) && static_cast<SequenceObject*>(value.object)->group) {
    if (name == "grouper") return value.items()[0];
    if (name == "list") return value.items()[1];
  }
  if (value.Is(Kind::kRange)) {
    if (name == "start") return Value::Int(value.range().start);
    if (name == "stop") return Value::Int(value.range().stop);
    if (name == "step") return Value::Int(value.range().step);
  }
  const Method* method = FindMethod(value, name);
  if (method == nullptr) return std::nullopt;
  if (method->mutates && !runtime.settings().allow_mutation) return Unsafe(runtime, value, name);
  auto* bound = runtime.New<BoundMethod>();
  bound->self = value;
  bound->method = method;
  return Value::Of(Kind::kObject, bound);
}

std::optional<Value> Element(Runtime& runtime, const Value& value, int64_t index) {
  const int64_t size = value.Is(Kind::kString)  ? CharCount(value.text())
                       : value.IsSequence()     ? static_cast<int64_t>(value.items().size())
                       : value.Is(Kind::kRange) ? value.range().size()
                                                : 0;
  if (index < 0) index += size;
  if (index < 0 || index >= size) return std::nullopt;
  if (value.IsSequence()) return value.items()[static_cast<size_t>(index)];
  if (value.Is(Kind::kRange)) return Value::Int(value.range().start + index * value.range().step);
  size_t end = CharOffset(value.text(), index);
  const size_t begin = end;
  NextChar(value.text(), end);
  return runtime.String(value.text().substr(begin, end - begin), value.markup());
}

// value[key] as Python has it, without the fallback to attributes.
std::optional<Value> FindItem(Runtime& runtime, const Value& value, const Value& key) {
  if (value.Is(Kind::kDict)) {
    if (key.IsSequence() || key.Is(Kind::kDict)) return std::nullopt;
    if (const Value* found = value.dict().Find(key)) return *found;
    return std::nullopt;
  }
  if (key.IsInteger()) return Element(runtime, value, key.AsInt());
  return std::nullopt;
}

}  // namespace

const Method* FindMethod(const Value& value, std::string_view name) {
  if (value.Is(Kind::kString)) return FindStringMethod(name);
  return FindContainerMethod(value.kind, name);
}

Value GetAttribute(Runtime& runtime, const Value& value, std::string_view name) {
  if (auto found = FindAttribute(runtime, value, name)) return *found;
  if (value.Is(Kind::kDict))
    if (const Value* found = value.dict().Find(name)) return *found;
  return MissingAttribute(runtime, value, name);
}

Value GetItem(Runtime& runtime, const Value& value, const Value& key) {
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (auto found = FindItem(runtime, value, key)) return *found;
  if (key.Is(Kind::kString)) {
    if (auto found = FindAttribute(runtime, value, key.text())) return *found;
    return MissingAttribute(runtime, value, key.text());
  }
  return runtime.Undefined(fmt::format("{} object has no element {}", TypeName(value), Repr(runtime, key)));
}

namespace {

struct SliceBounds {
  int64_t start, stop, step;
};

int64_t SliceIndex(const Value& value, int64_t missing, int64_t size, int64_t low, int64_t high) {
  if (value.Is(Kind::kNone)) return missing;
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (!value.IsInteger()) ThrowType("slice indices must be integers or None or have an __index__ method");
  int64_t index = value.AsInt();
  if (index < 0) index += size;
  return std::clamp(index, low, high);
}

SliceBounds ResolveSlice(int64_t size, const Value& start, const Value& stop, const Value& step) {
  SliceBounds bounds{};
  bounds.step = SliceIndex(step, 1, 0, -INT64_MAX, INT64_MAX);
  if (bounds.step == 0) throw Failure(FailureKind::kValue, "slice step cannot be zero");
  const bool forward = bounds.step > 0;
  const int64_t low = forward ? 0 : -1, high = forward ? size : size - 1;
  bounds.start = SliceIndex(start, forward ? low : high, size, low, high);
  bounds.stop = SliceIndex(stop, forward ? high : low, size, low, high);
  return bounds;
}

std::vector<int64_t> SlicePositions(Runtime& runtime, const SliceBounds& bounds) {
  std::vector<int64_t> positions;
  int64_t at = bounds.start;
  while (bounds.step > 0 ? at < bounds.stop : at > bounds.stop) {
    positions.push_back(at);
    if (__builtin_add_overflow(at, bounds.step, &at)) break;
  }
  runtime.Step(static_cast<int64_t>(positions.size() / 16));
  return positions;
}

Value SliceString(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
                  const Value& step) {
  const std::string& text = value.text();
  runtime.Charge(text.size());
  const SliceBounds bounds = ResolveSlice(CharCount(text), start, stop, step);
  if (bounds.step == 1) {
    if (bounds.start >= bounds.stop) return runtime.String({}, value.markup());
    const size_t begin = CharOffset(text, bounds.start);
    const size_t length = CharOffset(std::string_view(text).substr(begin), bounds.stop - bounds.start);
    return runtime.String(text.substr(begin, length), value.markup());
  }
  const std::u32string chars = ToChars(text);
  std::u32string out;
  for (const int64_t at : SlicePositions(runtime, bounds)) out += chars[static_cast<size_t>(at)];
  return runtime.String(FromChars(out), value.markup());
}

}  // namespace

Value GetSlice(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
               const Value& step) {
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (value.Is(Kind::kString)) return SliceString(runtime, value, start, stop, step);
  if (value.IsSequence() || value.Is(Kind::kRange)) {
    const std::vector<Value> all = Walk(runtime, value);
    std::vector<Value> items;
    for (const int64_t at :
         SlicePositions(runtime, ResolveSlice(static_cast<int64_t>(all.size()), start, stop, step)))
      items.push_back(all[static_cast<size_t>(at)]);
    return value.Is(Kind::kTuple) ? runtime.Tuple(std::move(items)) : runtime.List(std::move(items));
  }
  if (value.Is(Kind::kDict)) ThrowType("unhashable type: 'slice'");
  ThrowType(fmt::format("'{}' object is not subscriptable", TypeName(value)));
}

bool IsIterable(const Value& value) {
  switch (value.kind) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kRange:
    case Kind::kIterator:
    case Kind::kView:
      return true;
    default:
      return false;
  }
}

namespace {

std::vector<Value> Characters(Runtime& runtime, const Value& value) {
  std::vector<Value> items;
  const std::string& text = value.text();
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    NextChar(text, position);
    items.push_back(runtime.String(text.substr(begin, position - begin)));
  }
  return items;
}

std::vector<Value> Numbers(Runtime& runtime, const RangeObject& range) {
  runtime.Charge(static_cast<size_t>(range.size()) * sizeof(Value));
  std::vector<Value> items;
  for (int64_t i = 0; i < range.size(); ++i) items.push_back(Value::Int(range.start + i * range.step));
  return items;
}

std::vector<Value> Keys(const DictObject& dict) {
  std::vector<Value> items;
  items.reserve(dict.entries.size());
  for (const auto& [key, value] : dict.entries) items.push_back(key);
  return items;
}

std::vector<Value> Drain(IteratorObject& iterator, size_t needed) {
  std::vector<Value> items(iterator.items.begin() + static_cast<ptrdiff_t>(iterator.position),
                           iterator.items.end());
  iterator.position = iterator.items.size();
  if (iterator.failure && items.size() < needed) std::rethrow_exception(iterator.failure);
  return items;
}

}  // namespace

std::vector<Value> WalkFirst(Runtime& runtime, const Value& value, size_t needed) {
  runtime.Step();
  switch (value.kind) {
    case Kind::kUndefined:
      return {};
    case Kind::kString:
      return Characters(runtime, value);
    case Kind::kList:
    case Kind::kTuple:
      return value.items();
    case Kind::kDict:
      return Keys(value.dict());
    case Kind::kRange:
      return Numbers(runtime, value.range());
    case Kind::kIterator:
      return Drain(value.iterator(), needed);
    case Kind::kView:
      return value.view().items;
    default:
      ThrowType(fmt::format("'{}' object is not iterable", TypeName(value)));
  }
}

std::vector<Value> Walk(Runtime& runtime, const Value& value) { return WalkFirst(runtime, value, SIZE_MAX); }

int64_t Length(const Value& value) {
  switch (value.kind) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      return CharCount(value.text());
    case Kind::kBytes:
      return static_cast<int64_t>(value.text().size());
    case Kind::kList:
    case Kind::kTuple:
      return static_cast<int64_t>(value.items().size());
    case Kind::kDict:
      return static_cast<int64_t>(value.dict().entries.size());
    case Kind::kRange:
      return value.range().size();
    case Kind::kView:
      return static_cast<int64_t>(value.view().items.size());
    default:
      ThrowType(fmt::format("object of type '{}' has no len()", TypeName(value)));
  }
}

Value Call(Runtime& runtime, const Value& callee, const Args& args) {
  if (callee.Is(Kind::kUndefined)) ThrowUndefined(callee);
  if (!callee.Is(Kind::kObject)) ThrowType(fmt::format("'{}' object is not callable", TypeName(callee)));
  return callee.object->Call(runtime, args);
}

}  // namespace sluice::chat::jinja
