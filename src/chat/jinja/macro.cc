#include "chat/jinja/macro.h"

#include <fmt/format.h>

#include <algorithm>

#include "chat/jinja/operations.h"

namespace sluice::chat::jinja {
namespace {

void SetNamed(const Program& program, Scope& scope, const std::string& name, const Value& value) {
  const auto symbol = program.symbols.find(name);
  if (symbol != program.symbols.end()) scope.Set(symbol->second, value);
}

}  // namespace

Value Macro::Call(Runtime& runtime, const Args& args) {
  Runtime::Depth depth(runtime);
  runtime.Step();
  Scope* inner = interpreter_.NewScope(&scope_);
  std::vector<bool> named_used(args.named.size(), false);
  const auto& parameters = definition_.parameters;
  std::vector<const Parameter*> missing;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (i < args.positional.size()) {
      inner->Set(parameters[i].symbol, args.positional[i]);
      continue;
    }
    const auto named = std::find_if(args.named.begin(), args.named.end(), [&](const auto& argument) {
      return argument.first == parameters[i].name;
    });
    if (named == args.named.end()) {
      missing.push_back(&parameters[i]);
      continue;
    }
    named_used[static_cast<size_t>(named - args.named.begin())] = true;
    inner->Set(parameters[i].symbol, named->second);
  }
  BindRest(runtime, args, std::move(named_used), *inner);
  for (const Parameter* parameter : missing) {
    Value value = parameter->fallback
                      ? interpreter_.Evaluate(*parameter->fallback, *inner)
                      : runtime.Undefined(fmt::format("parameter '{}' was not provided", parameter->name));
    inner->Set(parameter->symbol, value);
  }
  std::string out;
  interpreter_.Execute(definition_.body, *inner, out);
  return runtime.String(std::move(out));
}

void Macro::BindRest(Runtime& runtime, const Args& args, std::vector<bool> named_used, Scope& inner) const {
  const auto has_parameter = [this](std::string_view name) {
    return std::any_of(definition_.parameters.begin(), definition_.parameters.end(),
                       [name](const Parameter& parameter) { return parameter.name == name; });
  };
  const Program& program = interpreter_.program();
  if (definition_.uses_caller && !has_parameter("caller")) {
    Value caller = runtime.Undefined("No caller defined");
    for (size_t i = 0; i < args.named.size(); ++i) {
      if (args.named[i].first != "caller") continue;
      caller = args.named[i].second;
      named_used[i] = true;
    }
    SetNamed(program, inner, "caller", caller);
  }
  Value rest = runtime.Dict();
  for (size_t i = 0; i < args.named.size(); ++i) {
    if (named_used[i]) continue;
    if (!definition_.uses_kwargs)
      ThrowType(
          fmt::format("macro '{}' takes no keyword argument '{}'", definition_.name, args.named[i].first));
    rest.dict().Set(runtime.String(args.named[i].first), args.named[i].second);
  }
  if (definition_.uses_kwargs && !has_parameter("kwargs")) SetNamed(program, inner, "kwargs", rest);
  const size_t taken = definition_.parameters.size();
  if (definition_.uses_varargs && !has_parameter("varargs")) {
    std::vector<Value> more;
    for (size_t i = taken; i < args.positional.size(); ++i) more.push_back(args.positional[i]);
    SetNamed(program, inner, "varargs", runtime.Tuple(std::move(more)));
  } else if (args.positional.size() > taken) {
    ThrowType(fmt::format("macro '{}' takes not more than {} argument(s)", definition_.name, taken));
  }
}

std::optional<Value> Macro::Attribute(Runtime& runtime, std::string_view name) {
  if (name == "name") return runtime.String(definition_.name);
  if (name == "caller") return Value::Bool(definition_.uses_caller);
  if (name == "catch_kwargs") return Value::Bool(definition_.uses_kwargs);
  if (name == "catch_varargs") return Value::Bool(definition_.uses_varargs);
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const Parameter& parameter : definition_.parameters) names.push_back(runtime.String(parameter.name));
  return runtime.Tuple(std::move(names));
}

}  // namespace sluice::chat::jinja
