#include "cli/json_lines.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/streams.h"

namespace sluice::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepest = 64;  // deeper than any tool's schema

// nlohmann's parser recurses; a callback that refuses depth would still build it, so brackets are counted
// first.
bool TooDeep(std::string_view line) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (in_string && c == '\\')
      ++i;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string && (c == '{' || c == '[') && ++depth > kDeepest)
      return true;
    else if (!in_string && (c == '}' || c == ']'))
      --depth;
  }
  return false;
}

Result<Json> ParseLine(std::string_view line) {
  if (TooDeep(line)) return Fail(ErrorCode::kBadFile, fmt::format("nested deeper than {} levels", kDeepest));
  Json value = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return Fail(ErrorCode::kBadFile, "not JSON in UTF-8");
  if (!value.is_object())
    return Fail(ErrorCode::kBadFile, fmt::format("a JSON {}, not an object", value.type_name()));
  return value;
}

}  // namespace

Status AnswerJsonLines(const std::function<Result<Json>(const Json& line)>& answer) {
  for (size_t number = 1;; ++number) {
    SLUICE_TRY(const std::optional<std::string> line, ReadInputLine());
    if (!line) return {};
    if (line->find_first_not_of(" \t\r") == std::string::npos) continue;
    Result<Json> reply = ParseLine(*line).and_then(answer);
    if (!reply) {
      Error error = std::move(reply).error();
      error.message = fmt::format("standard input: line {}: {}", number, error.message);
      return Fail(std::move(error));
    }
    // In ASCII: some readers take U+2028 and its like for the end of a line.
    Print(reply->dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace));
    Print("\n");
    SLUICE_CHECK_OK(FlushOutput());  // whoever waits for this answer before asking again gets it
  }
}

Result<bool> BoolMember(const Json& line, std::string_view name, bool otherwise) {
  const auto found = line.find(name);
  if (found == line.end()) return otherwise;
  if (!found->is_boolean())
    return Fail(ErrorCode::kBadFile,
                fmt::format("\"{}\" is a {}, not true or false", name, found->type_name()));
  return found->get<bool>();
}

}  // namespace sluice::cli
