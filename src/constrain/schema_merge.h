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

// How much there is to look at.
struct Extent {
  size_t values = 0;   // with those inside, long texts counting as several
  size_t longest = 0;  // list or object
};
Extent ExtentOf(const Json& json);
// No less than merging both, or asking whether they are disjoint, looks at.
inline size_t ComparisonWork(const Extent& a, const Extent& b) {
  return (a.values + b.values) * (a.longest + b.longest + 1);
}

// A schema that says what both say; neither has a $ref. Sub-schemas that have to be merged in turn are left
// as an `allOf`. Fails where that cannot be said.
Result<Json> MergeSchemas(const Json& a, const Json& b);

// No value satisfies both: their types, fixed values, or a required property's tell them apart. Neither has a
// $ref at its top. False: not known.
bool AreDisjoint(const Json& a, const Json& b, int depth = 0);

}  // namespace sluice::constrain
