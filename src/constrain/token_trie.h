// The tokens of a vocabulary as a trie of their bytes, laid out for walking.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "constrain/text_kinds.h"
#include "tokenizer/tokenizer.h"

namespace sluice::constrain {

// Immutable. Special tokens, and tokens that stand for nothing, are no text and not in the trie.
class TokenTrie {
 public:
  // Nodes level by level, so that the children of one lie side by side, their bytes rising.
  struct Node {
    uint32_t children = 0;  // the first; they end where the next node's begin
    // Where in tokens() its own tokens lie, those of its descendants behind them, and where these end.
    uint32_t tokens = 0, below = 0, end = 0;
    Kinds rest = 0;  // of what tokens have behind this node
  };

  explicit TokenTrie(const tokenizer::Tokenizer& tokenizer);

  // Node 0 is the root; one more stands at the end, to end the last one's children.
  std::span<const Node> nodes() const { return nodes_; }
  // By node: the byte that leads there.
  const uint8_t* node_bytes() const { return node_bytes_.data(); }
  // By node: the kinds of its tokens and of those below, from their beginning.
  const Kinds* whole() const { return whole_.data(); }
  const Kinds* behind_first() const { return behind_first_.data(); }  // and without their first bytes
  // By node: bytes of the longest of these tokens.
  const uint16_t* deepest() const { return deepest_.data(); }
  std::span<const int32_t> tokens() const { return tokens_; }  // in the order of their bytes
  // Tokens of more than so many bytes.
  std::span<const int32_t> longer_than(size_t bytes) const;
  // A bit for each token, set where it has no more than so many characters, or bytes: 1 to kMostCharacters.
  static constexpr size_t kMostCharacters = 32;
  std::span<const uint64_t> of_characters(size_t most) const { return of_characters_[most - 1]; }
  std::span<const uint64_t> of_bytes(size_t most) const { return of_bytes_[most - 1]; }
  // A bit for each token, set where it consists of these kinds. Kept for the next that ask; any thread may.
  std::shared_ptr<const std::vector<uint64_t>> TokensOf(Kinds kinds) const;
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
  std::vector<uint8_t> node_bytes_;
  std::vector<Kinds> whole_, behind_first_;
  std::vector<uint16_t> deepest_;
  std::vector<int32_t> tokens_, by_length_;  // by_length_: the longest first
  std::array<std::vector<uint64_t>, kMostCharacters> of_characters_, of_bytes_;
  std::vector<uint64_t> texts_;  // a bit for each token, set where it is text
  std::vector<int32_t> end_tokens_;
  size_t longest_ = 0;
  bool drops_first_space_ = false;

  // The tokens that consist of just these kinds.
  struct Group {
    Kinds kinds;
    std::vector<int32_t> tokens;
  };
  std::vector<Group> groups_;

  struct TokensOfKinds {
    Kinds kinds;
    std::shared_ptr<const std::vector<uint64_t>> bits;
  };
  mutable std::mutex mutex_;  // guards what follows
  mutable std::deque<TokensOfKinds> of_kinds_;

  void Sort();
  void CountCharacters();
  void AddNodes();
  void DescribeNodes(std::span<const uint32_t> parents, std::span<const uint32_t> ends);
};

}  // namespace sluice::constrain
