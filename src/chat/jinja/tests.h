// The tests (`x is defined`), by name.
#pragma once

#include <string_view>

#include "chat/jinja/runtime.h"

namespace sluice::chat::jinja {

struct Test {
  std::string_view name;
  bool (*function)(Runtime& runtime, const Value& value, const Args& args);
};

const Test* FindTest(std::string_view name);  // nullptr if there is none

}  // namespace sluice::chat::jinja
