#include "tokenizer/bpe.h"

#include <algorithm>
#include <cstddef>
#include <functional>

namespace sluice::tokenizer {
namespace {

constexpr uint32_t kNoRank = UINT32_MAX;
constexpr size_t kShort = 40;  // up to so many symbols, a scan for the best merge is faster than a queue

class Merger {
 public:
  Merger(const MergeTable& merges, BpeScratch& scratch, std::vector<BpeSymbol>& symbols)
      : merges_(merges), scratch_(scratch), symbols_(symbols) {}

  void Run() {
    if (symbols_.size() < 2) return;
    symbols_.size() <= kShort ? RunShort() : RunLong();
  }

 private:
  void RunShort() {
    for (size_t i = 0; i + 1 < symbols_.size(); ++i) Look(symbols_[i], symbols_[i + 1]);
    symbols_.back().rank = kNoRank;
    while (symbols_.size() > 1) {
      size_t best = 0;
      for (size_t i = 1; i + 1 < symbols_.size(); ++i)
        if (symbols_[i].rank < symbols_[best].rank) best = i;
      if (symbols_[best].rank == kNoRank) return;
      BpeSymbol& left = symbols_[best];
      left.id = left.joined;
      left.end = symbols_[best + 1].end;
      symbols_.erase(symbols_.begin() + static_cast<ptrdiff_t>(best) + 1);
      if (best > 0) Look(symbols_[best - 1], left);
      left.rank = kNoRank;
      if (best + 1 < symbols_.size()) Look(left, symbols_[best + 1]);
    }
  }

  // The queue holds (rank, index of the left symbol). An entry is stale if that symbol's merge is another one
  // now.
  void RunLong() {
    scratch_.queue.clear();
    const auto count = static_cast<int32_t>(symbols_.size());
    for (int32_t i = 0; i < count; ++i) {
      BpeSymbol& symbol = symbols_[static_cast<size_t>(i)];
      symbol.previous = i - 1;
      symbol.next = i + 1 < count ? i + 1 : -1;
      symbol.rank = kNoRank;
      if (symbol.next < 0) continue;
      Look(symbol, symbols_[static_cast<size_t>(i) + 1]);
      if (symbol.rank != kNoRank) scratch_.queue.push_back(Entry(i));
    }
    std::make_heap(scratch_.queue.begin(), scratch_.queue.end(), std::greater<>());
    while (!scratch_.queue.empty()) {
      std::pop_heap(scratch_.queue.begin(), scratch_.queue.end(), std::greater<>());
      const uint64_t entry = scratch_.queue.back();
      scratch_.queue.pop_back();
      const auto index = static_cast<int32_t>(entry & UINT32_MAX);
      if (At(index).rank == entry >> 32) Join(index);
    }
    // The first symbol never dies, and the dead ones are skipped by the links.
    size_t kept = 0;
    for (int32_t i = 0; i >= 0; i = At(i).next) symbols_[kept++] = At(i);
    symbols_.resize(kept);
  }

  BpeSymbol& At(int32_t i) { return symbols_[static_cast<size_t>(i)]; }
  uint64_t Entry(int32_t i) { return static_cast<uint64_t>(At(i).rank) << 32 | static_cast<uint32_t>(i); }

  void Look(BpeSymbol& left, const BpeSymbol& right) {
    const MergeTable::Merge* merge = merges_.Find(left.id, right.id);
    left.rank = merge ? merge->rank : kNoRank;
    left.joined = merge ? merge->joined : -1;
    if (merge && scratch_.watched && (*scratch_.watched)[static_cast<size_t>(merge->joined)])
      scratch_.halves[merge->joined] = {left.id, right.id};
  }

  void LookAndPush(int32_t i) {
    BpeSymbol& symbol = At(i);
    symbol.rank = kNoRank;
    if (symbol.next < 0) return;
    Look(symbol, At(symbol.next));
    if (symbol.rank == kNoRank) return;
    scratch_.queue.push_back(Entry(i));
    std::push_heap(scratch_.queue.begin(), scratch_.queue.end(), std::greater<>());
  }

  void Join(int32_t index) {
    BpeSymbol& left = At(index);
    BpeSymbol& right = At(left.next);
    left.id = left.joined;
    left.end = right.end;
    left.next = right.next;
    right.rank = kNoRank;
    if (left.next >= 0) At(left.next).previous = index;
    if (left.previous >= 0) LookAndPush(left.previous);
    LookAndPush(index);
  }

  const MergeTable& merges_;
  BpeScratch& scratch_;
  std::vector<BpeSymbol>& symbols_;
};

}  // namespace

void MergeTable::Reserve(size_t merges) {
  size_t slots = 64;
  while (slots < merges * 2) slots *= 2;
  if (slots > slots_.size()) Resize(slots);
}

void MergeTable::Resize(size_t slots) {
  std::vector<Entry> old(slots);
  old.swap(slots_);
  for (const Entry& entry : old) {
    if (entry.key == kFree) continue;
    size_t slot = Slot(entry.key);
    while (slots_[slot].key != kFree) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = entry;
  }
}

void MergeTable::Set(int32_t left, int32_t right, Merge merge) {
  if ((used_ + 1) * 2 > slots_.size()) Resize(std::max<size_t>(64, slots_.size() * 2));
  const uint64_t key = Key(left, right);
  size_t slot = Slot(key);
  while (slots_[slot].key != kFree && slots_[slot].key != key) slot = (slot + 1) & (slots_.size() - 1);
  if (slots_[slot].key == kFree) ++used_;
  slots_[slot] = {key, merge};
}

void MergeTable::FindJoints() {
  // Any merge that gives a symbol tells what it starts and ends with.
  constexpr std::pair<int32_t, int32_t> kNone{-1, -1};
  std::vector<std::pair<int32_t, int32_t>> halves;
  for (const Entry& entry : slots_) {
    if (entry.key == kFree) continue;
    const auto joined = static_cast<size_t>(entry.merge.joined);
    if (joined >= halves.size()) halves.resize(joined + 1, kNone);
    halves[joined] = {static_cast<int32_t>(entry.key >> 32), static_cast<int32_t>(entry.key)};
  }
  const auto end_of = [&](int32_t symbol, bool last) {
    constexpr int kDeepest = 1000;  // only damaged merges go round in circles
    for (int depth = 0; depth < kDeepest; ++depth) {
      if (static_cast<size_t>(symbol) >= halves.size() || halves[static_cast<size_t>(symbol)] == kNone)
        return symbol;
      const auto& [left, right] = halves[static_cast<size_t>(symbol)];
      symbol = last ? right : left;
    }
    return -1;
  };
  joints_.clear();
  for (const Entry& entry : slots_) {
    if (entry.key == kFree) continue;
    const int32_t left = end_of(static_cast<int32_t>(entry.key >> 32), true);
    const int32_t right = end_of(static_cast<int32_t>(entry.key), false);
    if (left < 0 || right < 0) {
      joints_.clear();
      return;
    }
    joints_.insert(Key(left, right));
  }
}

void MergeAll(const MergeTable& merges, BpeScratch& scratch) {
  if (scratch.symbols.size() <= kShort || scratch.watched)
    return Merger(merges, scratch, scratch.symbols).Run();
  scratch.merged.clear();
  for (size_t begin = 0, end = 0; begin < scratch.symbols.size(); begin = end) {
    end = begin + 1;
    while (end < scratch.symbols.size() &&
           merges.CanJoin(scratch.symbols[end - 1].id, scratch.symbols[end].id))
      ++end;
    scratch.part.assign(scratch.symbols.begin() + static_cast<ptrdiff_t>(begin),
                        scratch.symbols.begin() + static_cast<ptrdiff_t>(end));
    Merger(merges, scratch, scratch.part).Run();
    scratch.merged.insert(scratch.merged.end(), scratch.part.begin(), scratch.part.end());
  }
  scratch.symbols.swap(scratch.merged);
}

}  // namespace sluice::tokenizer
