// Any text as a regular expression: refused, or a grammar of which every text matches the expression where
// the matcher for splitting expressions reads it.
#include <cstdint>

#include "constrain/regex_grammar.h"
#include "tokenizer/regex.h"
#include "walk.h"

namespace {

using namespace sluice;

bool Matches(const tokenizer::Regex& regex, const std::string& text) {
  tokenizer::RegexScratch scratch(text.size());
  std::vector<tokenizer::Regex::Match> found;
  if (!regex.FindAll(text, scratch, found)) return true;  // not known: it takes too long
  return found.size() == 1 && found[0].begin == 0 && found[0].end == text.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const WalkInput input(std::string_view(reinterpret_cast<const char*>(data), size));
  const auto grammar = constrain::RegexGrammar(input.source);
  if (!grammar) {
    FUZZ_REQUIRE(!grammar.error().message.empty());
    return 0;
  }
  const auto whole =
      tokenizer::Regex::Compile("^(?:" + std::string(input.source) + ")$", tokenizer::RegexDialect::kCommon);
  Walk(*grammar, input.choices,
       [&](const std::string& text) { FUZZ_REQUIRE(!whole || Matches(*whole, text)); });
  return 0;
}
