// Binds the arguments of a call to a function's parameter names, as Python would.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja/operations.h"

namespace sluice::chat::jinja {

class Params {
 public:
  // `function` is for messages. The first `required` parameters must be given. Throws a TypeError.
  Params(std::string_view function, const Args& args, std::initializer_list<std::string_view> names,
         size_t required = 0);

  // nullptr if the parameter was not given.
  const Value* operator[](size_t index) const { return values_[index]; }
  bool Given(size_t index) const { return values_[index] != nullptr; }
  Value Or(size_t index, const Value& fallback) const { return Given(index) ? *values_[index] : fallback; }
  bool Flag(size_t index, bool fallback) const { return Given(index) ? Truthy(*values_[index]) : fallback; }
  // Throws a TypeError if it is no integer.
  int64_t Int(size_t index, int64_t fallback) const;
  // Throws a TypeError if it is no string.
  const std::string& Text(size_t index, const std::string& fallback) const;

 private:
  std::string_view function_;
  std::vector<const Value*> values_;
};

}  // namespace sluice::chat::jinja
