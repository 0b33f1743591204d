// The methods of strings, lists, tuples and dictionaries.
#pragma once

#include <string_view>

#include "chat/jinja/runtime.h"

namespace sluice::chat::jinja {

struct Method {
  std::string_view name;
  Value (*function)(Runtime& runtime, const Value& self, const Args& args);
  bool mutates = false;
};

// nullptr if the value's type has no such method.
const Method* FindMethod(const Value& value, std::string_view name);

// The lookup tables behind FindMethod.
const Method* FindStringMethod(std::string_view name);
const Method* FindContainerMethod(Kind kind, std::string_view name);

}  // namespace sluice::chat::jinja
