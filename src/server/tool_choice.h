// Which tools the model may, must or must not call.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "server/fields.h"

namespace sluice::server {

struct ToolChoice {
  enum class Mode : uint8_t { kAuto, kNone, kRequired, kNamed };

  Mode mode = Mode::kAuto;
  std::string name;  // kNamed
};

// Checks that tools are functions with names of their own; null if there are none.
nlohmann::ordered_json ReadTools(Fields& fields);
ToolChoice ReadToolChoice(Fields& fields, const nlohmann::ordered_json& tools);

}  // namespace sluice::server
