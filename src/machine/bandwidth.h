// How fast this machine reads memory: the bound of every decoded token.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/thread_team.h"
#include "machine/rate.h"

namespace sluice::machine {

// Bytes a second that all workers of `team` together read from a buffer several times larger than the caches:
// the median of a few passes, the first not counted. `cache_bytes`: of all last-level caches; 0: what this
// machine has. Takes about a third of a second. kOs if there is no memory for the buffer.
Result<Rate> ReadBandwidth(ThreadTeam& team, int64_t cache_bytes = 0);

}  // namespace sluice::machine
