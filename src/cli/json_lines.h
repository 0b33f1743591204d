// One JSON object per line in, one per line out.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.h"

namespace sluice::cli {

// Answers every line of standard input with `answer`'s object. A line that is not a JSON object, or that
// `answer` refuses, ends the run with an error that names the line.
Status AnswerJsonLines(
    const std::function<Result<nlohmann::ordered_json>(const nlohmann::ordered_json& line)>& answer);

// A member of `line` that must be true or false where it is present.
Result<bool> BoolMember(const nlohmann::ordered_json& line, std::string_view name, bool otherwise);

}  // namespace sluice::cli
