// The tokens of a vocabulary as a trie of their bytes, laid out for walking.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace sluice::constrain {

// Immutable. Special tokens, and tokens that stand for nothing, are no text and not in the trie.
class TokenTrie {
 public:
  // Nodes in the order of a walk from the root, whose children come first.
  struct Node {
    uint32_t end;    // where the walk goes on behind this node's descendants
    uint32_t token;  // where its tokens begin in tokens(); they end where the next node's begin
    uint16_t depth;  // bytes from the root; the root's children: 1
    uint8_t byte;
  };

  explicit TokenTrie(const tokenizer::Tokenizer& tokenizer);

  // Node 0 is the root; one more stands at the end, to end the last one's tokens.
  std::span<const Node> nodes() const { return nodes_; }
  std::span<const int32_t> tokens() const { return tokens_; }
  std::string_view bytes(int32_t token) const { return bytes_[static_cast<size_t>(token)]; }
  bool is_text(int32_t token) const {
    return token >= 0 && token < size() && !bytes_[static_cast<size_t>(token)].empty();
  }
  int32_t size() const { return static_cast<int32_t>(bytes_.size()); }  // of the vocabulary
  size_t longest() const { return longest_; }                           // bytes of a token
  std::span<const int32_t> end_tokens() const { return end_tokens_; }
  // A decoder drops one space at an answer's start.
  bool drops_first_space() const { return drops_first_space_; }

 private:
  std::vector<std::string> bytes_;  // by token; empty: no text
  std::vector<Node> nodes_;
  std::vector<int32_t> tokens_;
  std::vector<int32_t> end_tokens_;
  size_t longest_ = 0;
  bool drops_first_space_ = false;
};

}  // namespace sluice::constrain
