#include "chat/jinja/value.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>

#include "chat/jinja/error.h"

namespace sluice::chat::jinja {

Value Object::Call(Runtime&, const Args&) {
  throw Failure(FailureKind::kType, fmt::format("'{}' object is not callable", type_name()));
}
std::optional<Value> Object::Attribute(Runtime&, std::string_view) { return std::nullopt; }

Value Value::Bool(bool b) {
  Value value;
  value.kind = Kind::kBool;
  value.boolean = b;
  return value;
}
Value Value::Int(int64_t i) {
  Value value;
  value.kind = Kind::kInt;
  value.integer = i;
  return value;
}
Value Value::Float(double d) {
  Value value;
  value.kind = Kind::kFloat;
  value.number = d;
  return value;
}
Value Value::Of(Kind kind, Object* object) {
  Value value;
  value.kind = kind;
  value.object = object;
  return value;
}

const std::string& Value::text() const { return static_cast<StringObject*>(object)->text; }
bool Value::markup() const { return kind == Kind::kString && static_cast<StringObject*>(object)->markup; }
std::vector<Value>& Value::items() const { return static_cast<SequenceObject*>(object)->items; }
DictObject& Value::dict() const { return *static_cast<DictObject*>(object); }
RangeObject& Value::range() const { return *static_cast<RangeObject*>(object); }
IteratorObject& Value::iterator() const { return *static_cast<IteratorObject*>(object); }
ViewObject& Value::view() const { return *static_cast<ViewObject*>(object); }
const UndefinedObject& Value::undefined() const { return *static_cast<UndefinedObject*>(object); }

int64_t RangeObject::size() const {
  if (step > 0) return start < stop ? (stop - start - 1) / step + 1 : 0;
  return start > stop ? (start - stop - 1) / -step + 1 : 0;
}

namespace {

constexpr int kMaxKeyDepth = 32;  // tuples in tuples as dictionary keys

size_t Hash(const Value& key, int depth = 0) {
  switch (key.kind) {
    case Kind::kNone:
      return 0x9e3779b9u;
    case Kind::kUndefined:
      return 0x51ed270bu;
    case Kind::kBool:
    case Kind::kInt:
      return std::hash<int64_t>()(key.AsInt());
    case Kind::kFloat:
      if (key.number == std::floor(key.number) && std::fabs(key.number) < 9e18)
        return std::hash<int64_t>()(static_cast<int64_t>(key.number));
      return std::hash<double>()(key.number);
    case Kind::kString:
    case Kind::kBytes:
      return std::hash<std::string>()(key.text());
    case Kind::kTuple: {
      if (depth > kMaxKeyDepth) throw Failure(FailureKind::kLimit, "a dictionary key is nested too deeply");
      size_t hash = 0x345678;
      for (const Value& item : key.items()) hash = hash * 1000003 ^ Hash(item, depth + 1);
      return hash;
    }
    case Kind::kObject:
      return std::hash<const void*>()(key.object);
    default:
      throw Failure(FailureKind::kType, fmt::format("unhashable type: '{}'", TypeName(key)));
  }
}

bool SameKey(const Value& a, const Value& b) {
  if (a.IsNumber() && b.IsNumber()) {
    if (a.IsInteger() && b.IsInteger()) return a.AsInt() == b.AsInt();
    return a.AsFloat() == b.AsFloat();
  }
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kNone:
    case Kind::kUndefined:
      return true;
    case Kind::kString:
    case Kind::kBytes:
      return a.text() == b.text();
    case Kind::kTuple: {
      if (a.items().size() != b.items().size()) return false;
      for (size_t i = 0; i < a.items().size(); ++i)
        if (!SameKey(a.items()[i], b.items()[i])) return false;
      return true;
    }
    default:
      return a.object == b.object;
  }
}

}  // namespace

std::optional<size_t> DictObject::Position(const Value& key) const {
  const size_t hash = Hash(key);
  if (entries.size() <= kLinear) {
    for (size_t i = 0; i < entries.size(); ++i)
      if (SameKey(entries[i].first, key)) return i;
    return std::nullopt;
  }
  const auto [first, last] = index_.equal_range(hash);
  for (auto it = first; it != last; ++it)
    if (SameKey(entries[it->second].first, key)) return it->second;
  return std::nullopt;
}

void DictObject::Reindex() {
  index_.clear();
  if (entries.size() <= kLinear) return;
  for (size_t i = 0; i < entries.size(); ++i)
    index_.emplace(Hash(entries[i].first), static_cast<uint32_t>(i));
}

const Value* DictObject::Find(const Value& key) const {
  const auto position = Position(key);
  return position ? &entries[*position].second : nullptr;
}

const Value* DictObject::Find(std::string_view key) const {
  StringObject probe;
  probe.text = key;
  return Find(Value::Of(Kind::kString, &probe));
}

void DictObject::Set(const Value& key, const Value& value) {
  if (const auto position = Position(key)) {
    entries[*position].second = value;
    return;
  }
  entries.emplace_back(key, value);
  if (entries.size() == kLinear + 1)
    Reindex();
  else if (entries.size() > kLinear)
    index_.emplace(Hash(key), static_cast<uint32_t>(entries.size() - 1));
}

bool DictObject::Erase(const Value& key) {
  const auto position = Position(key);
  if (!position) return false;
  entries.erase(entries.begin() + static_cast<ptrdiff_t>(*position));
  Reindex();
  return true;
}

Value Heap::String(std::string text, bool markup) {
  auto* object = New<StringObject>();
  object->text = std::move(text);
  object->markup = markup;
  return Value::Of(Kind::kString, object);
}

std::string_view TypeName(const Value& value) {
  switch (value.kind) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return value.markup() ? "Markup" : "str";
    case Kind::kBytes:
      return "bytes";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kRange:
      return "range";
    case Kind::kIterator:
      return "generator";
    case Kind::kView:
      return value.view().name;
    case Kind::kObject:
      return value.object->type_name();
  }
  return "object";
}

}  // namespace sluice::chat::jinja
