// Decides what the next step computes. Owns the sequences' order, never their tensors.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/sequence.h"
#include "engine/state_cuts.h"
#include "kv/pool.h"

namespace sluice::engine {

// A run of one sequence's tokens: [pages.length, pages.length + count).
struct Chunk {
  Sequence* sequence;
  int64_t count;
  bool last() const { return count == sequence->pending(); }  // its last token's logits give the next token
};

struct SchedulerOptions {
  int max_batch_tokens = 512;
  int max_running = 512;
  bool share_prefixes = false;  // the pool's index knows what was computed
};

struct SchedulerCounts {
  int64_t preemptions = 0;
  int64_t prefix_queries = 0, prefix_hits = 0;  // tokens looked up when admitted, and found
};

// Sequences go by priority, then first come, first served. Sources are read whole, in steps of their own. A
// sequence is admitted when the pool has blocks for the tokens it has; it takes more as it grows, and where
// none are left the last in order is put back, to be computed again. The first in order can always go on, so
// all come to their end. Sequences that decode go first in a step; prompts share the rest of it.
class Scheduler {
 public:
  using Sequences = std::vector<std::unique_ptr<Sequence>>;

  Scheduler(kv::Pool* pool, const SchedulerOptions& options)
      : pool_(pool),
        options_(options),
        keeps_states_(options.share_prefixes && pool->states().most_snapshots() > 0),
        spacing_(CutSpacing::Of(*pool)) {
    waiting_.reserve(kUsualQueue);  // so that a sequence is not lost on its way where memory is short
    running_.reserve(kUsualQueue);
  }

  void Add(std::unique_ptr<Sequence> sequence) { Insert(waiting_, std::move(sequence)); }
  Sequence* Find(RequestId id);
  // Sequences whose sources the encoder reads together next.
  std::vector<Sequence*> ScheduleSources();
  std::vector<Chunk> Schedule();
  // The pages of `sequence` hold what a step computed: others may use them.
  void Computed(Sequence& sequence) {
    if (options_.share_prefixes) pool_->MakeKnown(&sequence.pages, sequence.tokens);
  }
  template <typename Visit>
  void ForEach(Visit visit) {
    for (const auto& s : running_) visit(*s);
    for (const auto& s : waiting_) visit(*s);
  }
  // Takes out the sequences that `done` accepts, running ones first, and gives their blocks back.
  template <typename Done>
  Sequences Remove(Done done);

  int64_t running() const { return static_cast<int64_t>(running_.size()); }
  int64_t waiting() const { return static_cast<int64_t>(waiting_.size()); }
  const SchedulerCounts& counts() const { return counts_; }

 private:
  static constexpr size_t kUsualQueue = 4096;

  static void Insert(Sequences& sequences, std::unique_ptr<Sequence> sequence);
  void Admit();
  bool Place(Sequence& sequence);
  void TakeKnownPages(Sequence& sequence);
  void GrowAnswers();
  void Preempt();
  bool OthersCompute(const Sequence& sequence, const std::vector<Chunk>& chunks) const;
  bool OthersComeBy(const Sequence& sequence, const std::vector<Chunk>& chunks) const;
  void SharePrompts(int64_t budget, std::vector<Chunk>& chunks);

  kv::Pool* pool_;
  const SchedulerOptions options_;
  const bool keeps_states_;  // snapshots of them
  const CutSpacing spacing_;
  Sequences waiting_, running_;  // in order
  SchedulerCounts counts_;
  // The head of the queue as it was last turned away: it is tried again when this changes.
  struct Refused {
    RequestId id = 0;
    int64_t free_blocks = 0, free_states = 0, running = 0;
    bool operator==(const Refused&) const = default;
  };
  Refused refused_;
};

template <typename Done>
Scheduler::Sequences Scheduler::Remove(Done done) {
  Sequences removed;
  std::ptrdiff_t count = 0;
  ForEach([&](const Sequence& s) { count += done(s); });
  if (count == 0) return removed;
  removed.reserve(static_cast<size_t>(count));  // nothing may be lost half way
  const auto take = [&](std::unique_ptr<Sequence>& s) {
    if (!done(*s)) return false;
    pool_->Release(&s->pages);
    pool_->Release(&s->source);
    removed.push_back(std::move(s));
    return true;
  };
  // Not erase_if: its predicate may not move from the element.
  const auto sweep = [&](auto& sequences) {
    auto kept = sequences.begin();
    for (auto& s : sequences)
      if (!take(s)) {
        if (&*kept != &s) *kept = std::move(s);
        ++kept;
      }
    sequences.erase(kept, sequences.end());
  };
  sweep(running_);
  sweep(waiting_);
  return removed;
}

}  // namespace sluice::engine
