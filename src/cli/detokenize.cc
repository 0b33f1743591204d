#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/json_lines.h"
#include "cli/streams.h"
#include "cli/tokenizer_source.h"
#include "cli/verb.h"

namespace sluice::cli {
namespace {

using json = nlohmann::ordered_json;
using tokenizer::TokenId;
using tokenizer::Tokenizer;

struct Options {
  TokenizerSource source;
  std::vector<std::string> words;
  bool skip_special = false;
  bool json_lines = false;
};

constexpr std::string_view kBetweenIds = " \t\r\n,[]";

// Ids in decimal, with spaces, commas or brackets around them.
Status ParseIds(std::string_view text, ErrorCode code, std::string_view where, std::vector<TokenId>& ids) {
  for (size_t begin = 0; (begin = text.find_first_not_of(kBetweenIds, begin)) != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(kBetweenIds, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    TokenId id = 0;
    const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || rest != word.data() + word.size())
      return Fail(code,
                  fmt::format("{}: '{}' at byte {} is not a token id", where, word.substr(0, 40), begin),
                  "ids in decimal, with spaces between them");
    ids.push_back(id);
    begin = end;
  }
  return {};
}

Result<std::vector<TokenId>> ReadIds(const Options& options) {
  std::vector<TokenId> ids;
  for (const std::string& word : options.words)
    SLUICE_CHECK_OK(ParseIds(word, ErrorCode::kUsage, "argument", ids));
  if (options.words.empty()) {
    SLUICE_TRY(const std::string text, ReadAllInput());
    SLUICE_CHECK_OK(ParseIds(text, ErrorCode::kBadFile, "standard input", ids));
  }
  return ids;
}

Result<json> DecodeLine(const Tokenizer& tokenizer, bool skip_special, const json& line) {
  const auto found = line.find("ids");
  if (found == line.end() || !found->is_array())
    return Fail(ErrorCode::kBadFile, R"(there is no array "ids")", R"(lines such as {"ids": [1, 2, 3]})");
  std::vector<TokenId> ids;
  ids.reserve(found->size());
  for (const json& id : *found) {
    const double value = id.is_number_integer() ? id.get<double>() : 0.5;
    if (value != static_cast<TokenId>(std::clamp(value, double{INT32_MIN}, double{INT32_MAX})))
      return Fail(ErrorCode::kBadFile,
                  fmt::format(R"("ids"[{}] is not a token id: {})", ids.size(), id.dump()));
    ids.push_back(id.get<TokenId>());
  }
  SLUICE_TRY(const bool skip, BoolMember(line, "skip_special", skip_special));
  return json{{"text", tokenizer.Decode(ids, skip)}};
}

Result<int> Detokenize(const Options& options) {
  SLUICE_TRY(const std::unique_ptr<Tokenizer> tokenizer, options.source.Load());
  if (options.json_lines) {
    SLUICE_CHECK_OK(AnswerJsonLines(
        [&](const json& line) { return DecodeLine(*tokenizer, options.skip_special, line); }));
    return 0;
  }
  SLUICE_TRY(const std::vector<TokenId> ids, ReadIds(options));
  Print(tokenizer->Decode(ids, options.skip_special));
  if (OutputIsTerminal()) Print("\n");
  return 0;
}

}  // namespace

void AddDetokenize(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "detokenize", "Turn token ids into text");
  options->source.AddTo(verb);
  verb.Arguments("ID", &options->words, "The ids; standard input if not given");
  verb.Flag("--skip-special", &options->skip_special, "Leave special tokens out of the text");
  verb.Flag("--jsonl", &options->json_lines,
            R"(Read lines of {"ids", "skip_special"}, write lines of {"text"})");
  verb.Exclude("--jsonl", "ID");
  verb.Do([options] { return Detokenize(*options); });
}

}  // namespace sluice::cli
