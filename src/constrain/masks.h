// The tokens that a configuration lets through, and what is remembered to find them quickly.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "constrain/stacks.h"
#include "constrain/token_set.h"
#include "constrain/token_trie.h"
#include "constrain/vocabulary_walk.h"

namespace sluice::constrain {

// Most of a mask depends on the uppermost frames of a stack alone, whatever lies below: the walk over the
// vocabulary is done once for them, and what is left of it where their rule ends is walked for each stack
// (after Dong et al., "XGrammar", arXiv 2411.15100). Not thread-safe.
class Masks {
 public:
  Masks(const Automaton& automaton, const TokenTrie& trie, const Limits& limits)
      : trie_(trie), stacks_(automaton, limits), walk_(trie, stacks_), limits_(limits) {}

  // The tokens of text and the grammar's own tokens that may follow; none of those that end an answer.
  // Remembered; null where a limit was passed.
  const TokenSet* Allowed(ConfigId config);
  // Remembers what the uppermost frames of a stack say, if much text may stand there and nobody asked yet.
  // False: nothing had to be done.
  bool Prepare(StackId stack);
  // kDead: the token may not follow.
  ConfigId Accept(ConfigId config, int32_t token);

  Stacks& stacks() { return stacks_; }
  size_t bytes() const { return stacks_.bytes() + walk_.bytes() + bytes_; }

 private:
  // What the uppermost frames say.
  struct Part {
    TokenSet allowed;
    Exits exits;
    bool deeper = false;  // too much depends on what lies below: more frames have to be looked at
  };

  const Part& PartOf(StackId top);
  Part ComputePart(StackId top);
  // What a part says of tokens of so many bytes. False: what lies below has to be known.
  bool AddShort(const Part& part, size_t bytes, Exits* exits, TokenSetBuilder* out);
  void AddStack(StackId stack, TokenSetBuilder* out);
  // The upper frames of a stack on an unknown bottom, and the stack below them.
  struct Cut {
    StackId top, below;
  };
  Cut CutBelow(StackId stack, int frames);
  // How many bytes of a token cannot reach its repetition's maximum, and either end of it.
  struct Distance {
    size_t to_maximum = SIZE_MAX, to_ends = SIZE_MAX;
  };
  Distance DistanceOf(const Frame& frame) const;
  // The same frames; those whose distance is `least` or more stand far from their repetitions' ends.
  struct Far {
    StackId top;
    size_t distance;  // the least of these frames; SIZE_MAX: there are none
  };
  Far FarFrom(size_t Distance::* which, size_t least, const std::vector<Frame>& frames, StackId bottom);

  const TokenTrie& trie_;
  Stacks stacks_;
  VocabularyWalk walk_;
  const Limits limits_;
  size_t bytes_ = 0;
  std::unordered_map<StackId, Part> parts_;
  std::unordered_map<ConfigId, std::unique_ptr<TokenSet>> allowed_;
};

}  // namespace sluice::constrain
