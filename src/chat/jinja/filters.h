// The filters, by name.
#pragma once

#include <string_view>

#include "chat/jinja/runtime.h"

namespace sluice::chat::jinja {

struct Filter {
  std::string_view name;
  Value (*function)(Runtime& runtime, const Value& value, const Args& args);
};

const Filter* FindFilter(std::string_view name);  // nullptr if there is none

// The tables behind FindFilter, by subject.
const Filter* FindTextFilter(std::string_view name);
const Filter* FindSequenceFilter(std::string_view name);
const Filter* FindSelectionFilter(std::string_view name);
const Filter* FindValueFilter(std::string_view name);

// str(value), keeping a string's mark as safe HTML.
Value SoftString(Runtime& runtime, const Value& value);

}  // namespace sluice::chat::jinja
