// What two JSON Schemas say together.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::constrain {

using Json = nlohmann::ordered_json;

// Keywords that say nothing about which values are valid.
bool IsAnnotation(std::string_view keyword);

// JSON's types that a schema's `type` lets through, "integer" where only whole numbers are meant.
std::set<std::string> TypesOf(const Json& schema);

// A schema that says what both say; neither has a $ref. Sub-schemas that have to be merged in turn are left
// as an `allOf`. Fails where that cannot be said.
Result<Json> MergeSchemas(const Json& a, const Json& b);

// No value satisfies both: their types, fixed values, or a required property's tell them apart. Neither has a
// $ref at its top. False: not known.
bool AreDisjoint(const Json& a, const Json& b, int depth = 0);

}  // namespace sluice::constrain
