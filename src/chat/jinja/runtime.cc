#include "chat/jinja/runtime.h"

#include <fmt/format.h>

namespace sluice::chat::jinja {

Value Runtime::String(std::string text, bool markup) {
  Charge(sizeof(StringObject) + text.size());
  return heap_.String(std::move(text), markup);
}

Value Runtime::Bytes(std::string bytes) {
  Value value = String(std::move(bytes));
  value.kind = Kind::kBytes;
  return value;
}

Value Runtime::List(std::vector<Value> items) {
  Charge(items.size() * sizeof(Value));
  auto* object = New<SequenceObject>();
  object->items = std::move(items);
  return Value::Of(Kind::kList, object);
}

Value Runtime::Tuple(std::vector<Value> items) {
  Value value = List(std::move(items));
  value.kind = Kind::kTuple;
  return value;
}

Value Runtime::Dict() { return Value::Of(Kind::kDict, New<DictObject>()); }

Value Runtime::Iterator(std::vector<Value> items, std::exception_ptr failure) {
  Charge(items.size() * sizeof(Value));
  auto* object = New<IteratorObject>();
  object->items = std::move(items);
  object->failure = std::move(failure);
  return Value::Of(Kind::kIterator, object);
}

Value Runtime::View(std::string_view name, std::vector<Value> items) {
  Charge(items.size() * sizeof(Value));
  auto* object = New<ViewObject>();
  object->name = name;
  object->items = std::move(items);
  return Value::Of(Kind::kView, object);
}

Value Runtime::Undefined(std::string message, bool unsafe) {
  auto* object = New<UndefinedObject>();
  object->message = std::move(message);
  object->unsafe = unsafe;
  return Value::Of(Kind::kUndefined, object);
}

void Runtime::ThrowStepLimit() const {
  throw Failure(FailureKind::kLimit,
                fmt::format("the template ran more than {} steps", settings_.limits.max_steps));
}
void Runtime::ThrowDepthLimit() const {
  throw Failure(FailureKind::kLimit,
                fmt::format("the template nests more than {} levels deep", settings_.limits.max_depth));
}
void Runtime::ThrowHeapLimit() const {
  throw Failure(FailureKind::kLimit, fmt::format("the template used more than {} bytes of memory",
                                                 settings_.limits.max_heap_bytes));
}
void Runtime::ThrowOutputLimit() const {
  throw Failure(FailureKind::kLimit,
                fmt::format("the rendered text is longer than {} bytes", settings_.limits.max_output_bytes));
}

}  // namespace sluice::chat::jinja
