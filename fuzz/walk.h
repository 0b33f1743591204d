// Follows a grammar token by token, as answers do.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "constrain/matcher.h"
#include "constrain/toy_vocabulary.h"
#include "require.h"

// Input: which of the allowed tokens to take, a NUL, the source of a grammar.
struct WalkInput {
  explicit WalkInput(std::string_view input) {
    const size_t split = std::min(input.find('\0'), input.size());
    choices = input.substr(0, std::min(split, size_t{64}));
    source = input.substr(std::min(split + 1, input.size()));
  }
  std::string_view choices, source;
};

// A vocabulary that has every byte: from wherever an answer stands, its grammar can be satisfied.
inline const sluice::constrain::ToyTokenizer& WalkVocabulary() {
  static const sluice::constrain::ToyTokenizer toy(sluice::constrain::ToyPieces(1));
  return toy;
}

// Compiles, or refuses with a message; then what is offered is taken, and what is not is refused. `complete`
// is told every text on the way that satisfies the grammar.
template <typename Complete>
void Walk(const sluice::constrain::Grammar& grammar, std::string_view choices, const Complete& complete) {
  using namespace sluice::constrain;
  const ToyTokenizer& toy = WalkVocabulary();
  static const auto trie = std::make_shared<const TokenTrie>(toy);
  const auto compiled = CompiledGrammar::Create(grammar, trie);
  if (!compiled) {
    FUZZ_REQUIRE(!compiled.error().message.empty());
    return;
  }
  Matcher matcher(*compiled);
  std::string text;
  for (const char choice : choices) {
    if (matcher.CanEnd()) complete(text);
    const auto allowed = matcher.Allowed();
    if (!allowed) return;  // too ambiguous
    const auto ids = Ids(**allowed, toy.vocab_size());
    const auto offers = [&](int32_t id) { return std::ranges::binary_search(ids, id); };
    FUZZ_REQUIRE(!ids.empty() && (!matcher.CanEnd() || offers(*toy.eos())));
    const auto number = static_cast<unsigned char>(choice);
    const int32_t other = number * 31 % toy.vocab_size();
    FUZZ_REQUIRE(offers(other) || !matcher.Accept(other));
    const int32_t token = ids[number % ids.size()];
    const auto accepted = matcher.Accept(token);
    FUZZ_REQUIRE(accepted || accepted.error().code != sluice::ErrorCode::kInternal);
    if (!accepted || token == *toy.eos()) return;
    text += toy.TokenBytes(token);
  }
}
