// How fast this machine reads memory: the bound of every decoded token.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/thread_team.h"
#include "machine/rate.h"

namespace sluice::machine {

// How much time a measurement may take.
enum class Care : uint8_t {
  kUsual,  // about a third of a second
  kBrief,  // below a fifth: a smaller buffer, fewer passes
};

// Bytes a second that all workers of `team` together read from a buffer several times larger than the caches:
// the median of a few passes, the first not counted. `cache_bytes`: of all last-level caches; 0: what this
// machine has. kOs if there is no memory for the buffer.
Result<Rate> ReadBandwidth(ThreadTeam& team, int64_t cache_bytes = 0, Care care = Care::kUsual);

}  // namespace sluice::machine
