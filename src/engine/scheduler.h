// Decides what the next step computes. Owns the sequences' order, never their tensors.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/sequence.h"
#include "kv/pool.h"

namespace sluice::engine {

// A run of one sequence's tokens: [pages.length, pages.length + count).
struct Chunk {
  Sequence* sequence;
  int64_t count;
  bool last() const { return count == sequence->pending(); }  // its last token's logits give the next token
};

// First come, first served. Sources are read whole, in steps of their own. A sequence is admitted when the
// pool can hold it to its end, so that nothing admitted ever has to be thrown out. Sequences that decode go
// first; prompts share the rest of the step in order of arrival.
class Scheduler {
 public:
  Scheduler(kv::Pool* pool, int max_batch_tokens) : pool_(pool), max_batch_tokens_(max_batch_tokens) {}

  void Add(std::unique_ptr<Sequence> sequence) { waiting_.push_back(std::move(sequence)); }
  Sequence* Find(RequestId id);
  // Sequences whose sources the encoder reads together next.
  std::vector<Sequence*> ScheduleSources();
  std::vector<Chunk> Schedule();
  template <typename Visit>
  void ForEach(Visit visit) {
    for (const auto& s : running_) visit(*s);
    for (const auto& s : waiting_) visit(*s);
  }
  // Takes out the sequences that `done` accepts, running ones first, and gives their blocks back.
  template <typename Done>
  std::vector<std::unique_ptr<Sequence>> Remove(Done done);

  int64_t running() const { return static_cast<int64_t>(running_.size()); }
  int64_t waiting() const { return static_cast<int64_t>(waiting_.size()); }

 private:
  void Admit();

  kv::Pool* pool_;
  const int64_t max_batch_tokens_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;
};

template <typename Done>
std::vector<std::unique_ptr<Sequence>> Scheduler::Remove(Done done) {
  std::vector<std::unique_ptr<Sequence>> removed;
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
