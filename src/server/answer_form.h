// The form that a request asks its answer to have.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/fields.h"

namespace sluice::server {

struct AnswerForm {
  enum class Kind : uint8_t { kFree, kObject, kSchema, kRegex, kChoice, kGrammar };

  Kind kind = Kind::kFree;
  nlohmann::ordered_json schema;     // kSchema
  std::string text;                  // kRegex, kGrammar
  std::vector<std::string> choices;  // kChoice
  std::string param;                 // the request's member that said so
};

// Reads response_format and json_schema, structured_outputs and guided_*, and grammar; refuses two of them.
AnswerForm ReadAnswerForm(Fields& fields);

}  // namespace sluice::server
