// Truth, equality, order and membership.
#include <fmt/format.h>

#include "chat/jinja/operations.h"

namespace sluice::chat::jinja {

void ThrowUndefined(const Value& undefined) {
  const auto& object = undefined.undefined();
  throw Failure(object.unsafe ? FailureKind::kSecurity : FailureKind::kUndefined, object.message);
}
void ThrowType(std::string message) { throw Failure(FailureKind::kType, std::move(message)); }

bool Truthy(const Value& value) {
  switch (value.kind) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
      return value.boolean;
    case Kind::kInt:
      return value.integer != 0;
    case Kind::kFloat:
      return value.number != 0;
    case Kind::kString:
    case Kind::kBytes:
      return !value.text().empty();
    case Kind::kList:
    case Kind::kTuple:
      return !value.items().empty();
    case Kind::kDict:
      return !value.dict().entries.empty();
    case Kind::kRange:
      return value.range().size() != 0;
    case Kind::kView:
      return !value.view().items.empty();
    case Kind::kIterator:
    case Kind::kObject:
      return true;
  }
  return true;
}

namespace {

bool EqualItems(Runtime& runtime, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  Runtime::Depth depth(runtime);
  for (size_t i = 0; i < a.size(); ++i)
    if (!Equal(runtime, a[i], b[i])) return false;
  return true;
}

bool EqualDicts(Runtime& runtime, const DictObject& a, const DictObject& b) {
  if (a.entries.size() != b.entries.size()) return false;
  Runtime::Depth depth(runtime);
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.Find(key);
    if (other == nullptr || !Equal(runtime, value, *other)) return false;
  }
  return true;
}

bool EqualRanges(const RangeObject& a, const RangeObject& b) {
  if (a.size() != b.size()) return false;
  if (a.size() == 0) return true;
  return a.start == b.start && (a.size() == 1 || a.step == b.step);
}

[[noreturn]] void ThrowNoOrder(const Value& a, const Value& b) {
  ThrowType(fmt::format("'<' not supported between instances of '{}' and '{}'", TypeName(a), TypeName(b)));
}

bool LessNumbers(const Value& a, const Value& b) {
  if (a.IsInteger() && b.IsInteger()) return a.AsInt() < b.AsInt();
  return a.AsFloat() < b.AsFloat();
}

}  // namespace

bool Equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.Step();
  if (a.IsNumber() && b.IsNumber()) {
    if (a.IsInteger() && b.IsInteger()) return a.AsInt() == b.AsInt();
    return a.AsFloat() == b.AsFloat();
  }
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
    case Kind::kBytes:
      return a.text() == b.text();
    case Kind::kList:
    case Kind::kTuple:
      return EqualItems(runtime, a.items(), b.items());
    case Kind::kDict:
      return EqualDicts(runtime, a.dict(), b.dict());
    case Kind::kRange:
      return EqualRanges(a.range(), b.range());
    case Kind::kView:
      return a.view().name == b.view().name && EqualItems(runtime, a.view().items, b.view().items);
    default:
      return a.object == b.object;
  }
}

bool Less(Runtime& runtime, const Value& a, const Value& b) {
  runtime.Step();
  if (a.Is(Kind::kUndefined)) ThrowUndefined(a);
  if (b.Is(Kind::kUndefined)) ThrowUndefined(b);
  if (a.IsNumber() && b.IsNumber()) return LessNumbers(a, b);
  if (a.kind != b.kind) ThrowNoOrder(a, b);
  if (a.Is(Kind::kString) || a.Is(Kind::kBytes)) return a.text() < b.text();  // UTF-8 sorts as code points do
  if (!a.IsSequence()) ThrowNoOrder(a, b);
  Runtime::Depth depth(runtime);
  const auto& left = a.items();
  const auto& right = b.items();
  for (size_t i = 0; i < left.size() && i < right.size(); ++i)
    if (!Equal(runtime, left[i], right[i])) return Less(runtime, left[i], right[i]);
  return left.size() < right.size();
}

bool Contains(Runtime& runtime, const Value& container, const Value& item) {
  switch (container.kind) {
    case Kind::kString:
      if (item.Is(Kind::kUndefined)) ThrowUndefined(item);
      if (!item.Is(Kind::kString))
        ThrowType(fmt::format("'in <string>' requires string as left operand, not {}", TypeName(item)));
      return container.text().find(item.text()) != std::string::npos;
    case Kind::kDict:
      return container.dict().Find(item) != nullptr;
    default:
      break;
  }
  if (!IsIterable(container))
    ThrowType(fmt::format("argument of type '{}' is not iterable", TypeName(container)));
  for (const Value& member : Walk(runtime, container))
    if (Equal(runtime, member, item)) return true;
  return false;
}

}  // namespace sluice::chat::jinja
