// Follows one answer through a grammar, token by token.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "constrain/masks.h"

namespace sluice::constrain {

// A grammar compiled for a vocabulary, shared by its answers. Every method may be called from any thread.
class CompiledGrammar {
 public:
  // `trie` is kept.
  static Result<std::shared_ptr<CompiledGrammar>> Create(const Grammar& grammar,
                                                         std::shared_ptr<const TokenTrie> trie);
  size_t bytes() const;

 private:
  friend class Matcher;
  CompiledGrammar(Automaton automaton, std::shared_ptr<const TokenTrie> trie, const Limits& limits)
      : automaton_(std::move(automaton)), trie_(std::move(trie)), limits_(limits) {}

  // Starts anew where too much has been remembered.
  std::shared_ptr<Masks> CurrentMasks();

  const Automaton automaton_;
  const std::shared_ptr<const TokenTrie> trie_;
  const Limits limits_;
  mutable std::mutex
      mutex_;  // guards masks_ and what it points to, also where a matcher still has an older one
  std::shared_ptr<Masks> masks_;
};

// One answer; used by one thread at a time.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<CompiledGrammar> grammar);

  // Tokens that may come next, those that end the answer included where it may end. Valid until the next
  // call. Empty: the vocabulary has no token that could go on. Fails where a limit is passed.
  Result<const TokenSet*> Allowed();
  // Fails, and changes nothing, where the token is not allowed.
  Status Accept(int32_t token);
  // The grammar is satisfied by what has been accepted.
  bool CanEnd() const { return can_end_; }

 private:
  void Follow(const std::shared_ptr<Masks>& masks);

  std::shared_ptr<CompiledGrammar> grammar_;
  std::shared_ptr<Masks> masks_;
  ConfigId config_ = kDead;
  bool can_end_ = false, ended_ = false;
  TokenSet with_ends_;
};

}  // namespace sluice::constrain
