// The second stage: tokens that are found in the text before anything splits it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/byte_trie.h"
#include "tokenizer/tokenizer.h"

namespace sluice::tokenizer {

struct AddedToken {
  std::string content;
  TokenId id = -1;
  bool single_word = false;  // not next to a word character
  bool strip_left = false;   // takes the white space before it
  bool strip_right = false;  // and after it
  bool normalized = false;   // searched in the normalised text
  bool special = false;      // plain text unless special tokens are to be parsed
};

// Where in the text a token was found; id -1: text between tokens.
struct Segment {
  size_t begin, end;
  TokenId id;
};

class AddedTokens {
 public:
  void Add(AddedToken token);
  // Finds `content` (the token's own content, normalised) instead.
  void SetPattern(size_t index, std::string_view content);
  const std::vector<AddedToken>& tokens() const { return tokens_; }

  // Cuts `text` at the tokens of one kind (normalized or not): at each place the longest. Segments can be
  // empty or overlap only where one token's white space runs into the next token.
  void Split(std::string_view text, bool normalized, bool parse_special,
             std::vector<Segment>& segments) const;

 private:
  std::vector<AddedToken> tokens_;
  ByteTrie tries_[2];  // [normalized]; value: index into tokens_
};

}  // namespace sluice::tokenizer
