#include "chat/jinja/loop.h"

#include "chat/jinja/operations.h"
#include "chat/jinja/params.h"

namespace sluice::chat::jinja {
namespace {

// loop.cycle or loop.changed before it is called.
struct LoopMethod : Object {
  Loop* loop = nullptr;
  bool cycle = false;

  bool callable() const override { return true; }
  Value Call(Runtime& runtime, const Args& args) override {
    return cycle ? loop->Cycle(args) : loop->Changed(runtime, args);
  }
};

}  // namespace

std::optional<Value> Loop::Accept() {
  while (next_ < source_.size()) {
    const Value item = source_[next_++];
    interpreter_.runtime().Step();
    if (!statement_.condition || accepted_) return item;
    Scope* scope = interpreter_.NewScope(&scope_);
    interpreter_.Assign(*statement_.target, item, *scope);
    if (Truthy(interpreter_.Evaluate(*statement_.condition, *scope))) return item;
  }
  return std::nullopt;
}

const std::optional<Value>& Loop::Peek() {
  if (!peeked_) peeked_ = Accept();
  return peeked_;
}

bool Loop::Advance() {
  std::optional<Value> item = peeked_ ? peeked_ : Accept();
  peeked_.reset();
  if (!item) return false;
  ++index_;
  previous_ = current_;
  current_ = *item;
  return true;
}

int64_t Loop::TotalLength() {
  if (length_) return *length_;
  if (!statement_.condition) return *(length_ = static_cast<int64_t>(source_.size()));
  // The condition decides about the rest now, and not again.
  std::vector<Value> rest;
  for (Peek(); peeked_; peeked_ = Accept()) rest.push_back(*peeked_);
  length_ = index_ + 1 + static_cast<int64_t>(rest.size());
  accepted_ = true;
  source_ = std::move(rest);
  next_ = 0;
  return *length_;
}

std::optional<Value> Loop::Attribute(Runtime& runtime, std::string_view name) {
  if (name == "index") return Value::Int(index_ + 1);
  if (name == "index0") return Value::Int(index_);
  if (name == "first") return Value::Bool(index_ == 0);
  if (name == "last") return Value::Bool(!Peek());
  if (name == "length") return Value::Int(TotalLength());
  if (name == "revindex") return Value::Int(TotalLength() - index_);
  if (name == "revindex0") return Value::Int(TotalLength() - index_ - 1);
  if (name == "depth") return Value::Int(depth_ + 1);
  if (name == "depth0") return Value::Int(depth_);
  if (name == "previtem") return index_ == 0 ? runtime.Undefined("there is no previous item") : previous_;
  if (name == "nextitem") return Peek() ? *Peek() : runtime.Undefined("there is no next item");
  if (name != "cycle" && name != "changed") return std::nullopt;
  auto* method = runtime.New<LoopMethod>();
  method->loop = this;
  method->cycle = name == "cycle";
  return Value::Of(Kind::kObject, method);
}

Value Loop::Cycle(const Args& args) const {
  if (args.positional.empty()) ThrowType("no items for cycling given");
  return args.positional[static_cast<size_t>(index_) % args.positional.size()];
}

Value Loop::Changed(Runtime& runtime, const Args& args) {
  const Value now = runtime.Tuple(args.positional);
  const bool changed = !last_changed_ || !Equal(runtime, *last_changed_, now);
  last_changed_ = now;
  return Value::Bool(changed);
}

Value Loop::Call(Runtime& runtime, const Args& args) {
  if (!statement_.recursive) ThrowType("The loop must have the 'recursive' marker to be called recursively.");
  const Params params("loop", args, {"iterable"}, 1);
  std::string out;
  interpreter_.RunLoop(statement_, *params[0], scope_, depth_ + 1, out);
  return runtime.String(std::move(out));
}

Flow Interpreter::RunLoop(const Statement& statement, const Value& items, Scope& scope, int depth,
                          std::string& out) {
  const auto loop_symbol = program_.symbols.find("loop");
  auto* loop = runtime_.Adopt(std::make_unique<Loop>(*this, statement, scope, Walk(runtime_, items), depth));
  bool completed = false;  // break and continue leave the else branch to run
  while (loop->Advance()) {
    runtime_.Step();
    Scope* inner = NewScope(&scope);
    if (loop_symbol != program_.symbols.end())
      inner->Set(loop_symbol->second, Value::Of(Kind::kObject, loop));
    Assign(*statement.target, loop->item(), *inner);
    const Flow flow = Execute(statement.body, *inner, out);
    if (flow == Flow::kBreak) break;
    if (flow == Flow::kNormal) completed = true;
  }
  if (completed) return Flow::kNormal;
  return Execute(statement.otherwise, *NewScope(&scope), out);
}

}  // namespace sluice::chat::jinja
