// The functions every template can call.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "chat/jinja/runtime.h"

namespace sluice::chat::jinja {

// {% set ns.x = 1 %} writes here.
struct Namespace : Object {
  DictObject attributes;

  std::string_view type_name() const override { return "Namespace"; }
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override;
  void Set(Runtime& runtime, std::string_view name, const Value& value);
};

// A function of C++ as a value.
struct Function : Object {
  Value (*function)(Runtime& runtime, const Args& args) = nullptr;

  std::string_view type_name() const override { return "function"; }
  bool callable() const override { return true; }
  Value Call(Runtime& runtime, const Args& args) override { return function(runtime, args); }
};

// range, dict, namespace, cycler, joiner, lipsum, raise_exception, strftime_now.
std::vector<std::pair<std::string_view, Value>> Globals(Runtime& runtime);

}  // namespace sluice::chat::jinja
