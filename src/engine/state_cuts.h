// Where, in a model with linear attention, states are worth keeping for who goes on from there.
#pragma once

#include <cstdint>

#include "engine/sequence.h"
#include "kv/pool.h"

namespace sluice::engine {

// In tokens, multiples of a page. What a text's snapshots take is in proportion to its keys and values.
struct CutSpacing {
  int64_t every = 0;  // along a prompt: keys and values of so many take the bytes of a snapshot
  int64_t least = 0;  // behind the last: fewer are computed again

  static CutSpacing Of(const kv::Pool& pool);
};

// Plans the cuts of a step that computes the next `count` tokens of `s`: at the end of a prompt, but for a
// token that is left to be computed; where others' texts go another way; now and then along a prompt; and at
// the last page of an answer, for the next turn of a conversation.
void PlanCuts(const CutSpacing& spacing, int64_t count, Sequence& s, kv::Pool& pool);

// How far two texts are the same: whole pages, and `a` has a token left.
int64_t SharedTokens(const Sequence& a, const Sequence& b);

}  // namespace sluice::engine
