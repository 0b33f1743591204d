// JSON to template values and back.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "chat/jinja/runtime.h"

namespace sluice::chat::jinja {

// Throws a Failure (kLimit) for what is nested too deeply.
Value FromJson(Runtime& runtime, const nlohmann::ordered_json& json);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool pretty = false;  // on several lines, each level behind `indent`
  std::string indent;
  std::string item_separator = ", ", key_separator = ": ";
};

// Python's json.dumps. Throws a TypeError for what JSON cannot say.
std::string ToJson(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace sluice::chat::jinja
