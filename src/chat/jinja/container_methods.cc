// Methods of lists, tuples, ranges, dictionaries and bytes.
#include <fmt/format.h>

#include <algorithm>

#include "chat/jinja/methods.h"
#include "chat/jinja/params.h"

namespace sluice::chat::jinja {
namespace {

Value Count(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("count", args, {"value"}, 1);
  int64_t count = 0;
  for (const Value& item : Walk(runtime, self)) count += Equal(runtime, item, *params[0]);
  return Value::Int(count);
}

Value Index(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("index", args, {"value"}, 1);
  const std::vector<Value> items = Walk(runtime, self);
  for (size_t i = 0; i < items.size(); ++i)
    if (Equal(runtime, items[i], *params[0])) return Value::Int(static_cast<int64_t>(i));
  throw Failure(FailureKind::kValue,
                fmt::format("{} is not in {}", Repr(runtime, *params[0]), TypeName(self)));
}

// ---- lists ----

Value ListCopy(Runtime& runtime, const Value& self, const Args& args) {
  Params("copy", args, {});
  return runtime.List(self.items());
}

Value ListAppend(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("append", args, {"object"}, 1);
  runtime.Charge(sizeof(Value));
  self.items().push_back(*params[0]);
  return {};
}

Value ListExtend(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("extend", args, {"iterable"}, 1);
  const std::vector<Value> more = Walk(runtime, *params[0]);
  runtime.Charge(more.size() * sizeof(Value));
  self.items().insert(self.items().end(), more.begin(), more.end());
  return {};
}

Value ListInsert(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("insert", args, {"index", "object"}, 2);
  runtime.Charge(sizeof(Value));
  const auto size = static_cast<int64_t>(self.items().size());
  int64_t at = params.Int(0, 0);
  if (at < 0) at += size;
  self.items().insert(self.items().begin() + std::clamp<int64_t>(at, 0, size), *params[1]);
  return {};
}

Value ListPop(Runtime&, const Value& self, const Args& args) {
  const Params params("pop", args, {"index"});
  const auto size = static_cast<int64_t>(self.items().size());
  int64_t at = params.Int(0, -1);
  if (at < 0) at += size;
  if (at < 0 || at >= size)
    throw Failure(FailureKind::kValue, size == 0 ? "pop from empty list" : "pop index out of range");
  const Value item = self.items()[static_cast<size_t>(at)];
  self.items().erase(self.items().begin() + at);
  return item;
}

Value ListReverse(Runtime&, const Value& self, const Args& args) {
  Params("reverse", args, {});
  std::reverse(self.items().begin(), self.items().end());
  return {};
}

Value ListClear(Runtime&, const Value& self, const Args& args) {
  Params("clear", args, {});
  self.items().clear();
  return {};
}

// ---- dictionaries ----

Value DictKeys(Runtime& runtime, const Value& self, const Args& args) {
  Params("keys", args, {});
  return runtime.View("dict_keys", Walk(runtime, self));
}

Value DictValues(Runtime& runtime, const Value& self, const Args& args) {
  Params("values", args, {});
  std::vector<Value> values;
  for (const auto& [key, value] : self.dict().entries) values.push_back(value);
  return runtime.View("dict_values", std::move(values));
}

Value DictItems(Runtime& runtime, const Value& self, const Args& args) {
  Params("items", args, {});
  std::vector<Value> pairs;
  for (const auto& [key, value] : self.dict().entries) pairs.push_back(runtime.Tuple({key, value}));
  return runtime.View("dict_items", std::move(pairs));
}

Value DictGet(Runtime&, const Value& self, const Args& args) {
  const Params params("get", args, {"key", "default"}, 1);
  const Value* found = self.dict().Find(*params[0]);
  return found ? *found : params.Or(1, Value::None());
}

Value DictCopy(Runtime& runtime, const Value& self, const Args& args) {
  Params("copy", args, {});
  Value copy = runtime.Dict();
  for (const auto& [key, value] : self.dict().entries) copy.dict().Set(key, value);
  return copy;
}

Value DictUpdate(Runtime& runtime, const Value& self, const Args& args) {
  for (const Value& other : args.positional) {
    if (!other.Is(Kind::kDict)) ThrowType(fmt::format("'{}' object is not a mapping", TypeName(other)));
    const auto entries = other.dict().entries;
    runtime.Charge(entries.size() * 2 * sizeof(Value));
    for (const auto& [key, value] : entries) self.dict().Set(key, value);
  }
  for (const auto& [name, value] : args.named) self.dict().Set(runtime.String(name), value);
  return {};
}

Value DictPop(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("pop", args, {"key", "default"}, 1);
  if (const Value* found = self.dict().Find(*params[0])) {
    const Value value = *found;
    self.dict().Erase(*params[0]);
    return value;
  }
  if (!params.Given(1)) throw Failure(FailureKind::kValue, "KeyError: " + Repr(runtime, *params[0]));
  return *params[1];
}

Value DictSetDefault(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("setdefault", args, {"key", "default"}, 1);
  if (const Value* found = self.dict().Find(*params[0])) return *found;
  runtime.Charge(2 * sizeof(Value));
  self.dict().Set(*params[0], params.Or(1, Value::None()));
  return params.Or(1, Value::None());
}

Value DictClear(Runtime&, const Value& self, const Args& args) {
  Params("clear", args, {});
  self.dict() = DictObject();
  return {};
}

Value BytesDecode(Runtime& runtime, const Value& self, const Args&) { return runtime.String(self.text()); }

constexpr Method kListMethods[] = {
    {"append", ListAppend, true},
    {"clear", ListClear, true},
    {"copy", ListCopy},
    {"count", Count},
    {"extend", ListExtend, true},
    {"index", Index},
    {"insert", ListInsert, true},
    {"pop", ListPop, true},
    {"reverse", ListReverse, true},
};
constexpr Method kTupleMethods[] = {{"count", Count}, {"index", Index}};
constexpr Method kDictMethods[] = {
    {"clear", DictClear, true},
    {"copy", DictCopy},
    {"get", DictGet},
    {"items", DictItems},
    {"keys", DictKeys},
    {"pop", DictPop, true},
    {"setdefault", DictSetDefault, true},
    {"update", DictUpdate, true},
    {"values", DictValues},
};
constexpr Method kBytesMethods[] = {{"decode", BytesDecode}};

template <size_t n>
const Method* Lookup(const Method (&methods)[n], std::string_view name) {
  for (const Method& method : methods)
    if (method.name == name) return &method;
  return nullptr;
}

}  // namespace

const Method* FindContainerMethod(Kind kind, std::string_view name) {
  switch (kind) {
    case Kind::kList:
      return Lookup(kListMethods, name);
    case Kind::kTuple:
    case Kind::kRange:
      return Lookup(kTupleMethods, name);
    case Kind::kDict:
      return Lookup(kDictMethods, name);
    case Kind::kBytes:
      return Lookup(kBytesMethods, name);
    default:
      return nullptr;
  }
}

}  // namespace sluice::chat::jinja
