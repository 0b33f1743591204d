// How fast this machine reads memory: the bound of every decoded token.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/arena.h"
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

// The same in short looks, for what is measured in between: a machine that others use too may read twice as
// fast as half a second before.
class BandwidthProbe {
 public:
  // Keeps the buffer until it ends. `team` must outlive it.
  static Result<std::unique_ptr<BandwidthProbe>> Create(ThreadTeam& team, int64_t cache_bytes = 0,
                                                        Care care = Care::kUsual);

  // Bytes a second, over 8 MiB of each worker that no cache holds any more: the best of three, since whatever
  // interrupts so short a look makes it slow.
  double Look();
  // Reads the whole buffer once.
  void ReadAll() { Read(0, chunks_); }
  int64_t bytes() const { return arena_.size(); }

 private:
  struct alignas(64) Next {
    std::atomic<int64_t> chunk{0};
  };

  BandwidthProbe(ThreadTeam& team, Arena arena, int64_t chunks);
  void Read(int64_t begin, int64_t end);
  template <typename Work>
  void ForChunks(int64_t begin, int64_t end, Work work);

  ThreadTeam& team_;
  const Arena arena_;       // a share for each worker
  const int64_t chunks_;    // of a share
  int64_t looked_ = 0;      // the chunk that is the next look's first
  std::vector<Next> next_;  // [workers] chunks that are claimed
  std::atomic<uint64_t> sum_{0};
};

}  // namespace sluice::machine
