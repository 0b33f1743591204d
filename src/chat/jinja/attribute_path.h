// "role", "details.priority", 0: the `attribute` argument of filters.
#pragma once

#include <string_view>
#include <vector>

#include "chat/jinja/runtime.h"

namespace sluice::chat::jinja {

class AttributePath {
 public:
  // None gives the empty path: the item itself.
  AttributePath(Runtime& runtime, const Value& attribute);
  // "role,n": one path for each part between commas.
  static std::vector<AttributePath> Several(Runtime& runtime, const Value& attribute);

  // `fallback` (may be null) replaces what is undefined on the way.
  Value Of(Runtime& runtime, Value item, const Value* fallback = nullptr) const;

 private:
  std::vector<Value> parts_;
};

// A string in lower case, if `case_sensitive` is not asked for.
Value SortKey(Runtime& runtime, const Value& value, bool case_sensitive);

}  // namespace sluice::chat::jinja
