// SentencePiece's compiled normalisation rules: a double-array trie and the texts that replace its keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::tokenizer {

class Charsmap {
 public:
  // `blob`: bytes of the trie (32 bits, little-endian), the trie, the replacements, each ended by a zero
  // byte.
  static Result<Charsmap> Parse(std::string_view blob);

  struct Rule {
    size_t length;  // bytes of the text that are replaced
    std::string_view replacement;
  };
  // The longest key at the start of `text`, as sentencepiece takes it.
  std::optional<Rule> Longest(std::string_view text) const;
  // The shortest one, as tokenizers takes it.
  std::optional<Rule> Shortest(std::string_view text) const;

 private:
  template <typename Visit>
  void Walk(std::string_view text, Visit visit) const;
  Rule At(size_t length, uint32_t offset) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace sluice::tokenizer
