// Runs a program.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/jinja/ast.h"
#include "chat/jinja/runtime.h"

namespace sluice::chat::jinja {

// Variables of one block; lookups go on in the parent.
struct Scope : Object {
  Scope* parent = nullptr;
  std::vector<std::pair<int, Value>> variables;  // by symbol

  const Value* Find(int symbol) const;
  void Set(int symbol, const Value& value);
};

// What a statement leaves behind for the loop around it.
enum class Flow { kNormal, kBreak, kContinue };

class Interpreter {
 public:
  Interpreter(Runtime& runtime, const Program& program) : runtime_(runtime), program_(program) {}

  std::string Render(const std::vector<std::pair<std::string, Value>>& variables);

  Runtime& runtime() { return runtime_; }
  Flow Execute(const Block& block, Scope& scope, std::string& out);
  Value Evaluate(const Expression& expression, Scope& scope);
  Scope* NewScope(Scope* parent);
  void Assign(const Expression& target, const Value& value, Scope& scope);
  // The loop over `items`; also called by {{ loop(...) }} in a recursive one.
  Flow RunLoop(const Statement& statement, const Value& items, Scope& scope, int depth, std::string& out);
  std::string RenderNamedBlock(std::string_view name);
  const Program& program() const { return program_; }

 private:
  Runtime& runtime_;
  const Program& program_;
  Scope* root_ = nullptr;

  Flow ExecuteStatement(const Statement& statement, Scope& scope, std::string& out);
  void Print(const Value& value, std::string& out);
  Flow ExecuteIf(const Statement& statement, Scope& scope, std::string& out);
  void ExecuteSetBlock(const Statement& statement, Scope& scope);
  void ExecuteWith(const Statement& statement, Scope& scope, std::string& out);
  void ExecuteFilterBlock(const Statement& statement, Scope& scope, std::string& out);
  void ExecuteCallBlock(const Statement& statement, Scope& scope, std::string& out);
  Value MakeMacro(const MacroDefinition& definition, Scope& scope);
  std::string Capture(const Block& block, Scope& scope);

  Value EvaluateName(const Expression& expression, Scope& scope);
  Value EvaluateItems(const Expression& expression, Scope& scope);
  Value EvaluateDict(const Expression& expression, Scope& scope);
  Value EvaluateSlice(const Expression& expression, Scope& scope);
  Value EvaluateCall(const Expression& expression, Scope& scope, const Value* caller = nullptr);
  // `input` replaces the innermost operand of a filter chain that has none.
  Value EvaluateFilter(const Expression& expression, Scope& scope, const Value* input = nullptr);
  Value EvaluateTest(const Expression& expression, Scope& scope);
  Value EvaluateConcat(const Expression& expression, Scope& scope);
  Value EvaluateCompare(const Expression& expression, Scope& scope);
  Value EvaluateConditional(const Expression& expression, Scope& scope);
  Value EvaluateLogical(const Expression& expression, Scope& scope);
  bool Compare(Comparison comparison, const Value& a, const Value& b);
  Args EvaluateArguments(const CallArguments* call, Scope& scope);
};

}  // namespace sluice::chat::jinja
