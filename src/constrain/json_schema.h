// JSON Schema as a grammar.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "constrain/grammar.h"
#include "constrain/json_text.h"

namespace sluice::constrain {

// What every text of the result satisfies; of what the schema allows, some is left out: properties stand in
// the schema's order, and where `properties` are named and `additionalProperties` is not, there are no
// others. What cannot be kept is refused by name: the message has the keyword's JSON pointer.
Result<Grammar> JsonSchemaGrammar(const nlohmann::ordered_json& schema);

// The same as part of a larger grammar; of the schema `root`, the part at a JSON pointer.
Result<ExpressionId> AddJsonSchema(Grammar& grammar, JsonText& text, const nlohmann::ordered_json& root,
                                   const std::string& pointer = {});

// Any object.
Grammar JsonObjectGrammar();

}  // namespace sluice::constrain
