// The little language of the rule tables: {L} a layer, {E} an expert, {N} a layer beyond the model's, * any
// text.
#pragma once

#include <string>
#include <string_view>

namespace sluice::model {

std::string FillPattern(std::string_view pattern, int layer, int expert);

// Whether `name` matches `pattern` as a whole; {N} stands for a number that is not below `layers`.
bool MatchesPattern(std::string_view pattern, std::string_view name, int layers);

}  // namespace sluice::model
