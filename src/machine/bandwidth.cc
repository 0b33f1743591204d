#include "machine/bandwidth.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <vector>

#include "base/arena.h"
#include "kernels/isa.h"
#include "machine/topology.h"

namespace sluice::machine {
namespace {

constexpr int64_t kChunk = int64_t{1} << 20;  // what a worker claims at once
struct Effort {
  int passes;
  int64_t cache_multiple, least, most;  // bytes of the buffer
};
constexpr Effort kUsually = {7, 8, int64_t{512} << 20, int64_t{4} << 30};
constexpr Effort kBriefly = {3, 4, int64_t{128} << 20, int64_t{1} << 30};
const Effort& EffortFor(Care care) { return care == Care::kUsual ? kUsually : kBriefly; }

using ReadFn = uint64_t (*)(const std::byte* data, int64_t bytes);

// The loads are written out, so that no compiler drops or narrows them.
__attribute__((target("avx512f"))) uint64_t ReadAvx512(const std::byte* data, int64_t bytes) {
  __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
  for (const std::byte* end = data + bytes; data < end; data += 256) {
    a = _mm512_xor_si512(a, _mm512_load_si512(data));
    b = _mm512_xor_si512(b, _mm512_load_si512(data + 64));
    c = _mm512_xor_si512(c, _mm512_load_si512(data + 128));
    d = _mm512_xor_si512(d, _mm512_load_si512(data + 192));
  }
  return static_cast<uint64_t>(
      _mm512_reduce_add_epi64(_mm512_xor_si512(_mm512_xor_si512(a, b), _mm512_xor_si512(c, d))));
}

__attribute__((target("avx2"))) uint64_t ReadAvx2(const std::byte* data, int64_t bytes) {
  const auto* at = reinterpret_cast<const __m256i*>(data);
  const auto* const end = reinterpret_cast<const __m256i*>(data + bytes);
  __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
  for (; at < end; at += 4) {
    a = _mm256_xor_si256(a, _mm256_load_si256(at));
    b = _mm256_xor_si256(b, _mm256_load_si256(at + 1));
    c = _mm256_xor_si256(c, _mm256_load_si256(at + 2));
    d = _mm256_xor_si256(d, _mm256_load_si256(at + 3));
  }
  alignas(32) uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes),
                     _mm256_xor_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(c, d)));
  return lanes[0] ^ lanes[1] ^ lanes[2] ^ lanes[3];
}

uint64_t ReadWords(const std::byte* data, int64_t bytes) {
  uint64_t sum = 0;
  for (const std::byte* end = data + bytes; data < end; data += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, data, sizeof(word));
    sum ^= word;
  }
  return sum;
}

ReadFn BestRead() {
  if (kernels::Supported(kernels::Isa::kAvx512)) return ReadAvx512;
  if (kernels::Supported(kernels::Isa::kAvx2)) return ReadAvx2;
  return ReadWords;
}

}  // namespace

Result<std::unique_ptr<BandwidthProbe>> BandwidthProbe::Create(ThreadTeam& team, int64_t cache_bytes,
                                                               Care care) {
  const Effort& effort = EffortFor(care);
  if (cache_bytes <= 0) cache_bytes = LastLevelCacheBytes();
  const int64_t bytes = std::clamp(cache_bytes * effort.cache_multiple, effort.least, effort.most);
  const int64_t chunks = std::max<int64_t>(1, bytes / kChunk / team.size());
  SLUICE_TRY(Arena arena, Arena::Reserve(chunks * kChunk * team.size()));
  return std::unique_ptr<BandwidthProbe>(new BandwidthProbe(team, std::move(arena), chunks));
}

BandwidthProbe::BandwidthProbe(ThreadTeam& team, Arena arena, int64_t chunks)
    : team_(team), arena_(std::move(arena)), chunks_(chunks), next_(static_cast<size_t>(team.size())) {
  ForChunks(0, chunks_, [](std::byte* chunk) { std::memset(chunk, 1, static_cast<size_t>(kChunk)); });
}

// Of every share. A worker begins with its own, which it touched first, so that the memory lies near it; who
// is done helps the others.
template <typename Work>
void BandwidthProbe::ForChunks(int64_t begin, int64_t end, Work work) {
  for (Next& next : next_) next.chunk = begin;
  auto run = [&](int worker) {
    for (size_t i = 0; i < next_.size(); ++i) {
      const size_t owner = (static_cast<size_t>(worker) + i) % next_.size();
      std::byte* const share = arena_.data() + static_cast<int64_t>(owner) * chunks_ * kChunk;
      for (int64_t chunk = next_[owner].chunk.fetch_add(1); chunk < end;
           chunk = next_[owner].chunk.fetch_add(1))
        work(share + chunk * kChunk);
    }
  };
  team_.Run(run);
}

void BandwidthProbe::Read(int64_t begin, int64_t end) {
  const ReadFn read = BestRead();
  ForChunks(begin, end, [&](const std::byte* chunk) { sum_ += read(chunk, kChunk); });
}

double BandwidthProbe::Look() {
  constexpr int64_t kLook = 8;
  constexpr int kLooks = 3;
  const int64_t chunks = std::min(kLook, chunks_);
  double best = 0;
  for (int look = 0; look < kLooks; ++look, looked_ += chunks) {
    if (looked_ + chunks > chunks_) looked_ = 0;
    const auto start = std::chrono::steady_clock::now();
    Read(looked_, looked_ + chunks);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(chunks * kChunk * team_.size()) / took.count());
  }
  return best;
}

Result<Rate> ReadBandwidth(ThreadTeam& team, int64_t cache_bytes, Care care) {
  SLUICE_TRY(const auto probe, BandwidthProbe::Create(team, cache_bytes, care));
  return MeasureRate(EffortFor(care).passes, static_cast<double>(probe->bytes()), [&] { probe->ReadAll(); });
}

}  // namespace sluice::machine
