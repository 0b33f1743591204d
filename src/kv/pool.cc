#include "kv/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace sluice::kv {

Result<Pool> Pool::Create(std::vector<LayerShape> layers, kernels::KvType type, int64_t blocks) {
  Pool pool;
  pool.type_ = type;
  for (const LayerShape& layer : layers) {
    const int64_t key_bytes = RoundUp(kernels::PageBytes(type, layer.k_dim), 64);
    const int64_t head_bytes = key_bytes + RoundUp(kernels::PageBytes(type, layer.v_dim), 64);
    pool.places_.push_back({pool.block_bytes_, head_bytes, key_bytes});
    pool.block_bytes_ += head_bytes * layer.heads;
  }
  pool.blocks_ = blocks;
  constexpr int64_t kMostBlocks = std::numeric_limits<int32_t>::max();
  int64_t bytes = 0;
  if (blocks < 1 || blocks > kMostBlocks || __builtin_mul_overflow(pool.block_bytes_, blocks, &bytes))
    return Fail(ErrorCode::kUsage,
                fmt::format("a KV cache of {} blocks of {} bytes: between 1 and {} blocks are possible",
                            blocks, pool.block_bytes_,
                            std::min(kMostBlocks, std::numeric_limits<int64_t>::max() /
                                                      std::max<int64_t>(1, pool.block_bytes_))),
                "choose another context (--ctx), or other --kv-tokens");
  SLUICE_TRY(pool.arena_, Arena::Reserve(bytes));
  pool.free_.resize(static_cast<size_t>(blocks));
  pool.users_.resize(static_cast<size_t>(blocks));
  std::iota(pool.free_.rbegin(), pool.free_.rend(), 0);  // the lowest block is taken first
  return pool;
}

Status Pool::Grow(PageTable* table, int64_t length) {
  const int64_t needed = BlocksFor(length) - static_cast<int64_t>(table->blocks.size());
  if (needed > free_blocks())
    return Fail(ErrorCode::kTryLater,
                fmt::format("the KV cache has {} of {} blocks free and {} are needed", free_blocks(), blocks_,
                            needed),
                "wait for running requests, or raise the context (--ctx)");
  if (!states_.empty() && table->state == StatePool::kNone) {
    if (states_.free_slots() == 0)
      return Fail(ErrorCode::kTryLater,
                  fmt::format("all {} states of {} bytes are in use", states_.slots(), states_.slot_bytes()),
                  "wait for running requests, or raise the KV cache (--kv-tokens)");
    table->state = states_.Take();
    if (table->begin != 0) GoOnFrom(table, std::exchange(table->begin, 0));
  }
  for (int64_t i = 0; i < needed; ++i) table->blocks.push_back(Take());
  return {};
}

int32_t Pool::Take() {
  int32_t block;
  if (free_.empty()) {
    block = idle_.PopFront();
    Unlearn(block);
  } else {
    block = free_.back();
    free_.pop_back();
  }
  users_[block] = 1;
  return block;
}

void Pool::Unlearn(int32_t block) { states_.Forget(index_.Remove(block)); }

void Pool::Drop(int32_t block) {
  if (--users_[block] > 0) return;
  if (index_.Has(block))
    idle_.PushBack(block);
  else
    free_.push_back(block);
}

void Pool::Adopt(PageTable* table, size_t page, const PrefixIndex::Page& known) {
  if (users_[known.block]++ == 0) idle_.Remove(known.block);
  if (page < table->blocks.size()) {
    Drop(std::exchange(table->blocks[page], known.block));
  } else {
    table->blocks.push_back(known.block);
  }
  table->text = known.text;
  ++table->known_pages;
}

// Where pages alone are of no use, they are taken from their first to the last that has a snapshot.
int64_t Pool::Reuse(PageTable* table, std::span<const int32_t> tokens, int64_t end) {
  constexpr int64_t kPage = kernels::kPageTokens;
  if (table->length != table->known_pages * kPage) return 0;
  const bool needs_state = !states_.empty();
  found_.clear();
  size_t usable = 0;
  PrefixIndex::Text text = table->text;
  int64_t length = table->length;
  for (; length + kPage <= end; length += kPage) {
    const auto page = index_.Find(text, tokens.data() + length);
    if (!page) break;
    found_.push_back(*page);
    text = page->text;
    if (!needs_state || states_.Keeps(text)) usable = found_.size();
  }
  table->indexed = length;
  if (usable == 0) return 0;
  for (size_t i = 0; i < usable; ++i) {
    Adopt(table, static_cast<size_t>(table->known_pages), found_[i]);
    table->length += kPage;
  }
  if (needs_state) {
    table->last_cut = table->length;
    if (table->state == StatePool::kNone) {
      table->begin = table->text;
    } else {
      GoOnFrom(table, table->text);
    }
  }
  return static_cast<int64_t>(usable) * kPage;
}

void Pool::GoOnFrom(PageTable* table, PrefixIndex::Text text) {
  states_.Copy(states_.Use(text), table->state);
}

void Pool::MakeKnown(PageTable* table, std::span<const int32_t> tokens) {
  constexpr int64_t kPage = kernels::kPageTokens;
  while ((table->known_pages + 1) * kPage <= table->length) {
    const int32_t* page_tokens = tokens.data() + table->known_pages * kPage;
    const auto page = static_cast<size_t>(table->known_pages);
    if (const auto known = index_.Find(table->text, page_tokens)) {
      Adopt(table, page, *known);
    } else {
      table->text = index_.Add(table->blocks[page], table->text, page_tokens);
      ++table->known_pages;
    }
    KeepCuts(table, table->known_pages * kPage);
  }
}

void Pool::Cut(PageTable* table, int64_t length, bool passing) {
  table->cuts.reserve(table->cuts.size() + 1);  // so that no slot is lost where memory is short
  if (passing && !states_.WasUsed(table->newest)) states_.Forget(std::exchange(table->newest, 0));
  const int32_t slot = states_.TakeForSnapshot();
  if (slot == StatePool::kNone) return;
  table->cuts.push_back({length, slot, passing});
  if (!passing) table->last_cut = length;
}

void Pool::KeepCuts(PageTable* table, int64_t length) {
  while (!table->cuts.empty() && table->cuts.front().length == length) {
    const StateCut& cut = table->cuts.front();
    if (states_.Keep(table->text, cut.slot) && cut.passing) table->newest = table->text;
    table->cuts.erase(table->cuts.begin());
  }
}

void Pool::ForgetIdle() {
  while (idle_.size() > 0) {
    const int32_t block = idle_.PopFront();
    Unlearn(block);
    free_.push_back(block);
  }
}

// The last page first, so that the end of a text is given up before what others may share with it.
void Pool::Release(PageTable* table) {
  for (auto block = table->blocks.rbegin(); block != table->blocks.rend(); ++block) Drop(*block);
  if (table->state != StatePool::kNone) states_.Release(table->state);
  for (const StateCut& cut : table->cuts) states_.ReleaseUnkept(cut.slot);
  *table = {};
}

}  // namespace sluice::kv
