// For tests: a vocabulary of all bytes and some longer pieces of text.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "constrain/matcher.h"
#include "tokenizer/tokenizer.h"

namespace sluice::constrain {

// 0-255 are bytes; then the pieces; the last two are <mark>, which is special, and </s>, which ends an
// answer.
class ToyTokenizer final : public tokenizer::Tokenizer {
 public:
  explicit ToyTokenizer(std::vector<std::string> pieces = {}) {
    for (int byte = 0; byte < 256; ++byte) texts_.emplace_back(1, static_cast<char>(byte));
    texts_.insert(texts_.end(), pieces.begin(), pieces.end());
    mark_ = static_cast<int32_t>(texts_.size());
    texts_.insert(texts_.end(), {"<mark>", "</s>"});
    ends_ = {mark_ + 1};
  }
  int32_t mark() const { return mark_; }

  Result<std::vector<tokenizer::TokenId>> Encode(std::string_view text,
                                                 tokenizer::EncodeOptions) const override {
    std::vector<tokenizer::TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::string Decode(std::span<const tokenizer::TokenId> ids, bool) const override {
    std::string text;
    for (const auto id : ids) text += TokenBytes(id);
    return text;
  }
  int32_t vocab_size() const override { return static_cast<int32_t>(texts_.size()); }
  std::string TokenSpelling(tokenizer::TokenId id) const override { return texts_[static_cast<size_t>(id)]; }
  std::string TokenBytes(tokenizer::TokenId id) const override { return texts_[static_cast<size_t>(id)]; }
  std::optional<tokenizer::TokenId> FindToken(std::string_view spelling) const override {
    if (spelling == "<mark>") return mark_;
    return std::nullopt;
  }
  bool IsSpecial(tokenizer::TokenId id) const override { return id >= mark_; }
  std::optional<tokenizer::TokenId> bos() const override { return std::nullopt; }
  std::optional<tokenizer::TokenId> eos() const override { return ends_[0]; }
  std::span<const tokenizer::TokenId> end_tokens() const override { return ends_; }
  std::string_view chat_template() const override { return ""; }

 private:
  std::vector<std::string> texts_;
  int32_t mark_ = 0;
  std::vector<tokenizer::TokenId> ends_;
};

// Pieces such as vocabularies have: of JSON, of words, of spaces, and random ones.
inline std::vector<std::string> ToyPieces(uint32_t seed) {
  std::vector<std::string> pieces = {"\"a", "\":",  "\": ", "\", \"", "\"}", "}}",   "]}",   "],",    "{\"",
                                     "[{",  "true", "alse", "null",   "  ",  "\n  ", "name", "12",    "34.",
                                     "e1",  "abc",  "ab",   "bc",     "é",   "\\\"", "\\n",  "\\u00", "://",
                                     ",\"", "\",",  "0.5",  "-1",     "aaa", "xyz"};
  std::mt19937 random(seed);
  const std::string alphabet = "abx01\"{}[]:, \\n";
  for (int i = 0; i < 200; ++i) {
    std::string piece;
    for (uint32_t n = 2 + random() % 3; n > 0; --n) piece += alphabet[random() % alphabet.size()];
    pieces.push_back(piece);
  }
  return pieces;
}

inline bool Accepts(const Automaton& automaton, std::string_view text) {
  Stacks stacks(automaton, {});
  ConfigId config = stacks.Start();
  for (const char c : text) config = stacks.Step(config, static_cast<uint8_t>(c));
  return stacks.config(config).accepts || (text.empty() && automaton.may_be_empty);
}

inline std::vector<int32_t> Ids(const TokenSet& set, int32_t vocabulary) {
  std::vector<int32_t> ids;
  for (int32_t id = 0; id < vocabulary; ++id)
    if (set.contains(id)) ids.push_back(id);
  return ids;
}

}  // namespace sluice::constrain
