// The `loop` variable of a for statement, which also walks its items.
#pragma once

#include <optional>
#include <vector>

#include "chat/jinja/interpreter.h"

namespace sluice::chat::jinja {

class Loop : public Object {
 public:
  Loop(Interpreter& interpreter, const Statement& statement, Scope& scope, std::vector<Value> items,
       int depth)
      : interpreter_(interpreter),
        statement_(statement),
        scope_(scope),
        source_(std::move(items)),
        depth_(depth) {}

  // Goes to the next item that the loop's condition accepts; false at the end.
  bool Advance();
  const Value& item() const { return current_; }

  std::string_view type_name() const override { return "LoopContext"; }
  bool callable() const override { return statement_.recursive; }
  Value Call(Runtime& runtime, const Args& args) override;
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override;
  Value Cycle(const Args& args) const;
  Value Changed(Runtime& runtime, const Args& args);

 private:
  Interpreter& interpreter_;
  const Statement& statement_;
  Scope& scope_;  // around the loop
  std::vector<Value> source_;
  size_t next_ = 0;              // in source_
  std::optional<Value> peeked_;  // accepted, but not yet reached
  bool accepted_ = false;        // the condition has already chosen what is left in source_
  std::optional<int64_t> length_;
  int depth_;
  int64_t index_ = -1;
  Value current_, previous_;
  std::optional<Value> last_changed_;

  std::optional<Value> Accept();  // the next item of source_ that the condition accepts
  const std::optional<Value>& Peek();
  int64_t TotalLength();
};

}  // namespace sluice::chat::jinja
