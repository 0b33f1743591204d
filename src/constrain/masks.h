// The tokens that a configuration lets through, and what is remembered to find them quickly.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "constrain/stacks.h"
#include "constrain/token_trie.h"

namespace sluice::constrain {

// Either a list of token ids, rising, or (where many are allowed) one bit for each token.
struct TokenSet {
  std::vector<int32_t> ids;
  std::vector<uint64_t> bits;

  bool empty() const { return ids.empty() && bits.empty(); }
  bool contains(int32_t token) const;
};

// Most of a mask depends on the uppermost frames of a stack alone, whatever lies below: the walk over the
// vocabulary is done once for them, and what is left of it where their rule ends is walked for each stack
// (after Dong et al., "XGrammar", arXiv 2411.15100). Not thread-safe.
class Masks {
 public:
  Masks(const Automaton& automaton, const TokenTrie& trie, const Limits& limits)
      : trie_(trie), stacks_(automaton, limits), limits_(limits) {}

  // The tokens of text and the grammar's own tokens that may follow; none of those that end an answer.
  // Remembered; null where a limit was passed.
  const TokenSet* Allowed(ConfigId config);
  // kDead: the token may not follow.
  ConfigId Accept(ConfigId config, int32_t token);

  Stacks& stacks() { return stacks_; }
  size_t bytes() const { return stacks_.bytes() + bytes_; }

 private:
  // What the uppermost frames say.
  struct Part {
    TokenSet allowed;
    std::vector<uint32_t> exits;  // nodes of the trie behind which what lies below goes on
    bool deeper = false;          // too much depends on what lies below: more frames have to be looked at
  };

  const Part& PartOf(StackId top);
  void AddStack(StackId stack);
  // The upper frames of a stack on an unknown bottom, and the stack below them.
  struct Cut {
    StackId top, below;
  };
  Cut CutBelow(StackId stack, int frames);
  uint32_t TypicalCount(const Frame& frame) const;
  void WalkFrom(ConfigId config, uint32_t node, std::vector<uint32_t>* exits);
  void AddTokens(uint32_t node);
  void AddToken(int32_t token);
  TokenSet TakeMarked();

  const TokenTrie& trie_;
  Stacks stacks_;
  const Limits limits_;
  size_t bytes_ = 0;
  std::unordered_map<StackId, Part> parts_;
  std::unordered_map<ConfigId, std::unique_ptr<TokenSet>> allowed_;

  std::vector<uint64_t> marked_;  // tokens found so far; all zero between two computations
  size_t marked_count_ = 0;
  std::vector<ConfigId> path_;  // configurations along the walk, by depth
};

}  // namespace sluice::constrain
