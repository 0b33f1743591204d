// Paged keys and values. A block holds kPageTokens positions of one sequence for every layer and KV head.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "kernels/attention.h"
#include "kernels/table.h"
#include "kv/idle_blocks.h"
#include "kv/prefix_index.h"
#include "kv/state_pool.h"

namespace sluice::kv {

// What one layer keeps per position: `heads` keys of k_dim and values of v_dim; v_dim = 0 where the value is
// the beginning of the key (a compressed cache).
struct LayerShape {
  int heads = 0;
  int k_dim = 0, v_dim = 0;
  bool operator==(const LayerShape&) const = default;
};

// A state that the next batch leaves in a slot of its own, where it has seen `length` tokens.
struct StateCut {
  int64_t length;
  int32_t slot;
  bool passing;  // gives way to the sequence's next
};

// A sequence's blocks, in order of position, and its slot. Both belong to the pool; full pages may be shared.
struct PageTable {
  std::vector<int32_t> blocks;
  int64_t length = 0;                // positions stored
  int64_t longest = 0;               // positions that the whole request may reach, known from its start
  int32_t state = StatePool::kNone;  // its slot, where the model keeps states
  int64_t known_pages = 0;           // the first pages, which the index knows
  PrefixIndex::Text text = 0;        // where they end; before: PrefixIndex::Empty(salt)
  // Where the model keeps states:
  int64_t indexed = 0;           // so many of its tokens the index knew, whether or not with a state there
  int64_t last_cut = 0;          // where the last state was kept that the sequence has passed
  std::vector<StateCut> cuts{};  // by rising length, at ends of pages
  PrefixIndex::Text begin = 0;   // where it goes on from as soon as it gets its slot; 0: its start
  PrefixIndex::Text newest = 0;  // of its last passing snapshot; 0: none

  int64_t capacity() const { return static_cast<int64_t>(blocks.size()) * kernels::kPageTokens; }
};

// A block is free, used by one or more tables, or idle: nobody's, and holding a page that may be asked for
// again. Not thread-safe: the engine's thread allocates, kernels only read the addresses.
class Pool {
 public:
  static Result<Pool> Create(std::vector<LayerShape> layers, kernels::KvType type, int64_t blocks);

  kernels::KvType type() const { return type_; }
  int64_t block_bytes() const { return block_bytes_; }
  int64_t blocks() const { return blocks_; }
  // That Grow can take, idle ones among them.
  int64_t free_blocks() const { return static_cast<int64_t>(free_.size()) + idle_.size(); }
  int64_t idle_blocks() const { return idle_.size(); }

  // Every sequence takes a slot of `states` too, from its first block to its release. Snapshots of them stay
  // as long as the index knows the pages before them.
  void KeepStates(StatePool states) { states_ = std::move(states); }
  StatePool& states() { return states_; }
  const StatePool& states() const { return states_; }

  static int64_t BlocksFor(int64_t positions) {
    return (positions + kernels::kPageTokens - 1) / kernels::kPageTokens;
  }
  // Grows `table` to hold `length` positions. kTryLater if too few blocks are free, or no slot; then nothing
  // changes.
  Status Grow(PageTable* table, int64_t length);
  void Release(PageTable* table);

  // The first of these `tokens` are what `table` holds. Gives it the pages that follow where the index knows
  // them, up to position `end` at most, as long as its own length ends a page; blocks that it had there
  // become free. Where the model keeps states, only up to the last place with a snapshot, from which the
  // table's own state goes on. Returns how many positions it gained.
  int64_t Reuse(PageTable* table, std::span<const int32_t> tokens, int64_t end);
  // Lets the index know the full pages of `table`, which holds the first of `tokens`. A page that is known
  // already replaces the table's own: their bytes are the same. The states of its cuts become snapshots.
  void MakeKnown(PageTable* table, std::span<const int32_t> tokens);
  void ForgetIdle();  // idle blocks become free
  // The next batch, in which `table` reaches `length` positions, shall leave its state there if there is a
  // slot for it. A passing one takes the place of the last such one, if nobody has gone on from that.
  void Cut(PageTable* table, int64_t length, bool passing);

  std::byte* KeyPage(int32_t block, int layer, int head) const {
    const Place& p = places_[layer];
    const int64_t first = block / kRun * kRun, run = std::min<int64_t>(kRun, blocks_ - first);
    return arena_.data() + first * block_bytes_ + p.offset * run +
           (head * run + block - first) * p.head_bytes;
  }
  std::byte* ValuePage(int32_t block, int layer, int head) const {
    return KeyPage(block, layer, head) + places_[layer].key_bytes;
  }

 private:
  // Attention reads a head's pages in order of position, so in memory blocks are interleaved by runs, as long
  // as what is read at once: [layer][head][block of the run], keys before values.
  static constexpr int64_t kRun = kernels::kSpanTokens / kernels::kPageTokens;
  struct Place {
    int64_t offset;  // bytes of a block in the layers before
    int64_t head_bytes, key_bytes;
  };
  kernels::KvType type_ = kernels::KvType::kF16;
  std::vector<Place> places_;
  int64_t block_bytes_ = 0, blocks_ = 0;
  int32_t Take();
  void Drop(int32_t block);  // one user less
  void Unlearn(int32_t block);
  void KeepCuts(PageTable* table, int64_t length);  // those of this length: its text ends there
  void GoOnFrom(PageTable* table, PrefixIndex::Text text);
  // Page `page` of `table` becomes `known`.
  void Adopt(PageTable* table, size_t page, const PrefixIndex::Page& known);

  std::vector<int32_t> free_;
  std::vector<int32_t> users_;  // [blocks]: tables that hold it
  IdleBlocks idle_;
  PrefixIndex index_;
  std::vector<PrefixIndex::Page> found_;  // in Reuse
  StatePool states_;
  Arena arena_;
};

}  // namespace sluice::kv
