// Finds the tokens that can be read from a configuration.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "constrain/stacks.h"
#include "constrain/token_set.h"
#include "constrain/token_trie.h"
#include "constrain/utf8_ranges.h"

namespace sluice::constrain {

// Nodes of the trie behind which what lies below an unknown bottom goes on.
struct Exits {
  std::vector<uint32_t> nodes;
  size_t behind = 0;  // tokens that begin with one of them, in all
};

// What can be read of text of some kinds, in whatever order its characters stand: all of it; or `characters`
// and no more; or that of up to `bytes`, with more to be looked at.
struct KnownText {
  Kinds kinds = 0;
  size_t characters = SIZE_MAX, bytes = SIZE_MAX;
};

// Goes through the vocabulary once for all tokens that begin alike, and not at all for those that are made of
// what is read whatever it is: the inside of a string, say. Not thread-safe.
class VocabularyWalk {
 public:
  VocabularyWalk(const TokenTrie& trie, Stacks& stacks) : trie_(trie), stacks_(stacks) {}

  struct Task {
    ConfigId config = kDead;  // the text up to `node` led there
    uint32_t node = 0;        // whose descendants are asked for
    // Tokens that are known already, and may be left out: these, and those of no more bytes.
    KnownText known = {};
    size_t longer_than = 0;
    Exits* exits = nullptr;  // null: nobody asks for them
    size_t most_behind_exits = SIZE_MAX;
  };
  // Adds the tokens that can be read. False: there is more behind exits than asked for.
  bool Run(const Task& task, TokenSetBuilder* out);

  // Of no kinds where it would not be much.
  KnownText KnownFrom(ConfigId config);
  // Adds the tokens that are made of it.
  void Add(const KnownText& text, TokenSetBuilder* out) const;

  // Leaves tokens of no more bytes.
  void KeepShort(size_t bytes, TokenSetBuilder* tokens) const;

  size_t bytes() const {
    return loops_.capacity() * sizeof(Kinds) + known_.size() * (sizeof(KnownText) + 32) +
           open_.capacity() * sizeof(Open);
  }

 private:
  // What tells of nodes that they need no look.
  struct Settled {
    // Where these kinds of a node include none that is unknown, and its tokens have no more bytes, they are
    // known: they are added, or have been.
    const Kinds* kinds;
    Kinds unknown;
    size_t bytes;
    bool added;
  };
  // Nodes side by side, in front of which there is one configuration.
  struct Open {
    uint32_t node, end;
    ConfigId config;
    uint32_t settled;  // in settled_
  };
  void Fetch(const Open& open) const;  // into the processor's caches
  // For what is below a node of the first level: what is known there by what follows the first byte.
  void LookBehindFirst(uint32_t node, const Task& task, Open* children);
  // Whatever tokens have behind the node leaves the configuration as it is.
  bool TakesAllBelow(uint32_t node, ConfigId before, ConfigId config);
  Kinds Loops(ConfigId config);
  ConfigId StepText(ConfigId config, std::string_view text);
  KnownText KnownFrom(ConfigId config, std::string_view letter);
  // The kinds of characters that lead from one to the other.
  Kinds Leads(ConfigId from, ConfigId to);
  bool CharactersLead(ConfigId from, ConfigId to);
  void AddSteps(ConfigId config, const ByteRange& range, std::vector<ConfigId>* after);

  const TokenTrie& trie_;
  Stacks& stacks_;
  std::vector<Open> open_;  // of the walk, level by level
  std::vector<Settled> settled_;
  std::unordered_map<ConfigId, KnownText> known_;
  std::vector<Kinds> loops_;  // by configuration: what leaves it as it is; kAllKinds: not known
};

}  // namespace sluice::constrain
