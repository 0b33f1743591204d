#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/json_lines.h"
#include "cli/streams.h"
#include "cli/tokenizer_source.h"
#include "cli/verb.h"

namespace sluice::cli {
namespace {

using json = nlohmann::ordered_json;
using tokenizer::EncodeOptions;
using tokenizer::TokenId;
using tokenizer::Tokenizer;

struct Options {
  TokenizerSource source;
  std::vector<std::string> words;
  EncodeOptions encode;
  bool json_lines = false;
};

Result<json> EncodeLine(const Tokenizer& tokenizer, const EncodeOptions& defaults, const json& line) {
  const auto text = line.find("text");
  if (text == line.end() || !text->is_string())
    return Fail(ErrorCode::kBadFile, R"(there is no string "text")", R"(lines such as {"text": "Hello"})");
  EncodeOptions options;
  SLUICE_TRY(options.add_special, BoolMember(line, "add_special", defaults.add_special));
  SLUICE_TRY(options.parse_special, BoolMember(line, "parse_special", defaults.parse_special));
  SLUICE_TRY(const std::vector<TokenId> ids, tokenizer.Encode(text->get_ref<const std::string&>(), options));
  return json{{"ids", ids}};
}

Result<int> Tokenize(const Options& options) {
  SLUICE_TRY(const std::unique_ptr<Tokenizer> tokenizer, options.source.Load());
  if (options.json_lines) {
    SLUICE_CHECK_OK(
        AnswerJsonLines([&](const json& line) { return EncodeLine(*tokenizer, options.encode, line); }));
    return 0;
  }
  std::string text = fmt::format("{}", fmt::join(options.words, " "));
  if (options.words.empty()) {
    SLUICE_TRY(text, ReadAllInput());
  }
  SLUICE_TRY(const std::vector<TokenId> ids, tokenizer->Encode(text, options.encode));
  Print(fmt::format("{}\n", fmt::join(ids, " ")));
  return 0;
}

}  // namespace

void AddTokenize(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "tokenize", "Turn text into token ids");
  options->source.AddTo(verb);
  verb.Arguments("TEXT", &options->words, "The text; standard input, byte for byte, if not given");
  verb.Flag("!--no-add-special", &options->encode.add_special, "Leave out BOS, EOS and their like");
  verb.Flag("!--no-parse-special", &options->encode.parse_special,
            "Special tokens in the text are plain text");
  verb.Flag("--jsonl", &options->json_lines,
            R"(Read lines of {"text", "add_special", "parse_special"}, write lines of {"ids"})");
  verb.Exclude("--jsonl", "TEXT");
  verb.Do([options] { return Tokenize(*options); });
}

}  // namespace sluice::cli
