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
  }
  for (int64_t i = 0; i < needed; ++i) table->blocks.push_back(Take());
  return {};
}

int32_t Pool::Take() {
  int32_t block;
  if (free_.empty()) {
    block = idle_.PopFront();
    index_.Remove(block);
  } else {
    block = free_.back();
    free_.pop_back();
  }
  users_[block] = 1;
  return block;
}

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

int64_t Pool::Reuse(PageTable* table, std::span<const int32_t> tokens, int64_t end) {
  constexpr int64_t kPage = kernels::kPageTokens;
  const int64_t before = table->length;
  while (table->length == table->known_pages * kPage && table->length + kPage <= end) {
    const auto page = index_.Find(table->text, tokens.data() + table->length);
    if (!page) break;
    Adopt(table, static_cast<size_t>(table->known_pages), *page);
    table->length += kPage;
  }
  return table->length - before;
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
  }
}

void Pool::ForgetIdle() {
  while (idle_.size() > 0) {
    const int32_t block = idle_.PopFront();
    index_.Remove(block);
    free_.push_back(block);
  }
}

// The last page first, so that the end of a text is given up before what others may share with it.
void Pool::Release(PageTable* table) {
  for (auto block = table->blocks.rbegin(); block != table->blocks.rend(); ++block) Drop(*block);
  if (table->state != StatePool::kNone) states_.Release(table->state);
  *table = {};
}

}  // namespace sluice::kv
