// A macro with the scope it was defined in, as a value.
#pragma once

#include "chat/jinja/interpreter.h"

namespace sluice::chat::jinja {

class Macro : public Object {
 public:
  Macro(Interpreter& interpreter, const MacroDefinition& definition, Scope& scope)
      : interpreter_(interpreter), definition_(definition), scope_(scope) {}

  std::string_view type_name() const override { return "Macro"; }
  bool callable() const override { return true; }
  Value Call(Runtime& runtime, const Args& args) override;
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override;

 private:
  Interpreter& interpreter_;
  const MacroDefinition& definition_;
  Scope& scope_;

  // Defines what the macro's body sees beyond its parameters; refuses arguments that nothing takes.
  void BindRest(Runtime& runtime, const Args& args, std::vector<bool> named_used, Scope& inner) const;
};

}  // namespace sluice::chat::jinja
