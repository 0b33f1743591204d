#include "chat/jinja/interpreter.h"

#include <fmt/format.h>

#include "chat/jinja/globals.h"
#include "chat/jinja/macro.h"
#include "chat/jinja/operations.h"

namespace sluice::chat::jinja {

const Value* Scope::Find(int symbol) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent)
    for (const auto& [name, value] : scope->variables)
      if (name == symbol) return &value;
  return nullptr;
}

void Scope::Set(int symbol, const Value& value) {
  for (auto& [name, held] : variables) {
    if (name != symbol) continue;
    held = value;
    return;
  }
  variables.emplace_back(symbol, value);
}

namespace {

// `self`, through which a template renders its named blocks again.
struct BlockCall : Object {
  Interpreter* interpreter = nullptr;
  std::string name;
  bool callable() const override { return true; }
  Value Call(Runtime& runtime, const Args&) override {
    return runtime.String(interpreter->RenderNamedBlock(name));
  }
};

struct SelfObject : Object {
  Interpreter* interpreter = nullptr;
  std::string_view type_name() const override { return "TemplateReference"; }
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override {
    if (!interpreter->program().blocks.contains(std::string(name))) return std::nullopt;
    auto* call = runtime.New<BlockCall>();
    call->interpreter = interpreter;
    call->name = name;
    return Value::Of(Kind::kObject, call);
  }
};

}  // namespace

Scope* Interpreter::NewScope(Scope* parent) {
  Scope* scope = runtime_.New<Scope>();
  scope->parent = parent;
  return scope;
}

std::string Interpreter::Render(const std::vector<std::pair<std::string, Value>>& variables) {
  Scope* globals = NewScope(nullptr);
  const auto define = [&](const std::string& name, const Value& value) {
    const auto symbol = program_.symbols.find(name);
    if (symbol != program_.symbols.end()) globals->Set(symbol->second, value);
  };
  for (const auto& [name, value] : Globals(runtime_)) define(std::string(name), value);
  auto* self = runtime_.New<SelfObject>();
  self->interpreter = this;
  define("self", Value::Of(Kind::kObject, self));
  for (const auto& [name, value] : variables) define(name, value);
  root_ = NewScope(globals);
  return Capture(program_.body, *root_);
}

std::string Interpreter::RenderNamedBlock(std::string_view name) {
  const Statement* statement = program_.blocks.at(std::string(name));
  return Capture(statement->body, *NewScope(root_));
}

std::string Interpreter::Capture(const Block& block, Scope& scope) {
  std::string out;
  Execute(block, scope, out);
  return out;
}

Flow Interpreter::Execute(const Block& block, Scope& scope, std::string& out) {
  Runtime::Depth depth(runtime_);
  for (const auto& statement : block) {
    Flow flow;
    try {
      flow = ExecuteStatement(*statement, scope, out);
    } catch (Failure& failure) {
      if (failure.line == 0) failure.line = statement->line;
      throw;
    }
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

void Interpreter::Print(const Value& value, std::string& out) { AppendText(runtime_, out, value); }

Flow Interpreter::ExecuteStatement(const Statement& statement, Scope& scope, std::string& out) {
  runtime_.Step();
  switch (statement.kind) {
    case StatementKind::kText:
      out += statement.text;
      runtime_.CheckOutput(out.size());
      break;
    case StatementKind::kPrint:
      Print(Evaluate(*statement.value, scope), out);
      break;
    case StatementKind::kIf:
      return ExecuteIf(statement, scope, out);
    case StatementKind::kFor:
      return RunLoop(statement, Evaluate(*statement.value, scope), scope, 0, out);
    case StatementKind::kSet:
      Assign(*statement.target, Evaluate(*statement.value, scope), scope);
      break;
    case StatementKind::kSetBlock:
      ExecuteSetBlock(statement, scope);
      break;
    case StatementKind::kMacro:
      scope.Set(statement.symbol, MakeMacro(*statement.macro, scope));
      break;
    case StatementKind::kCallBlock:
      ExecuteCallBlock(statement, scope, out);
      break;
    case StatementKind::kFilterBlock:
      ExecuteFilterBlock(statement, scope, out);
      break;
    case StatementKind::kWith:
      ExecuteWith(statement, scope, out);
      break;
    case StatementKind::kScope:
    case StatementKind::kNamedBlock:
      return Execute(statement.body, *NewScope(&scope), out);
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
    case StatementKind::kUnsupported:
      throw Failure(FailureKind::kType, statement.text, statement.line);
  }
  return Flow::kNormal;
}

Flow Interpreter::ExecuteIf(const Statement& statement, Scope& scope, std::string& out) {
  for (const auto& [condition, body] : statement.branches)
    if (Truthy(Evaluate(*condition, scope))) return Execute(body, scope, out);
  return Execute(statement.otherwise, scope, out);
}

void Interpreter::ExecuteSetBlock(const Statement& statement, Scope& scope) {
  Value value = runtime_.String(Capture(statement.body, *NewScope(&scope)));
  if (statement.value) value = EvaluateFilter(*statement.value, scope, &value);
  Assign(*statement.target, value, scope);
}

void Interpreter::ExecuteWith(const Statement& statement, Scope& scope, std::string& out) {
  Scope* inner = NewScope(&scope);
  for (const auto& [target, value] : statement.assignments) Assign(*target, Evaluate(*value, scope), *inner);
  Execute(statement.body, *inner, out);
}

void Interpreter::ExecuteFilterBlock(const Statement& statement, Scope& scope, std::string& out) {
  const Value body = runtime_.String(Capture(statement.body, *NewScope(&scope)));
  Print(EvaluateFilter(*statement.value, scope, &body), out);
}

void Interpreter::ExecuteCallBlock(const Statement& statement, Scope& scope, std::string& out) {
  const Value caller = MakeMacro(*statement.macro, scope);
  Print(EvaluateCall(*statement.value, scope, &caller), out);
}

Value Interpreter::MakeMacro(const MacroDefinition& definition, Scope& scope) {
  return Value::Of(Kind::kObject, runtime_.Adopt(std::make_unique<Macro>(*this, definition, scope)));
}

void Interpreter::Assign(const Expression& target, const Value& value, Scope& scope) {
  if (target.kind == ExpressionKind::kName) {
    scope.Set(target.symbol, value);
    return;
  }
  if (target.kind == ExpressionKind::kNamespaceItem) {
    const Value* held = scope.Find(target.symbol);
    auto* space = held && held->Is(Kind::kObject) ? dynamic_cast<Namespace*>(held->object) : nullptr;
    if (space == nullptr)
      throw Failure(FailureKind::kRuntime, "cannot assign attribute on non-namespace object");
    space->Set(runtime_, target.text, value);
    return;
  }
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  const std::vector<Value> parts = Walk(runtime_, value);
  if (parts.size() != target.operands.size())
    throw Failure(FailureKind::kValue,
                  fmt::format("cannot unpack {} values into {} names", parts.size(), target.operands.size()));
  for (size_t i = 0; i < parts.size(); ++i) Assign(*target.operands[i], parts[i], scope);
}

}  // namespace sluice::chat::jinja
