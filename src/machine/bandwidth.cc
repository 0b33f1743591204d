#include "machine/bandwidth.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
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

// A buffer of whole chunks, a share for each worker: it touches its share first, so that the memory lies near
// it, and reads its share first; who is done helps the others.
class Shares {
 public:
  Shares(std::byte* data, int64_t chunks, int workers)
      : data_(data), chunks_(chunks), next_(static_cast<size_t>(workers)) {}

  void Restart() {
    for (size_t w = 0; w < next_.size(); ++w) next_[w].chunk = Begin(w);
  }

  template <typename Work>
  void Run(int worker, Work work) {
    for (size_t i = 0; i < next_.size(); ++i) {
      const size_t owner = (static_cast<size_t>(worker) + i) % next_.size();
      for (int64_t chunk = next_[owner].chunk.fetch_add(1); chunk < Begin(owner + 1);
           chunk = next_[owner].chunk.fetch_add(1))
        work(data_ + chunk * kChunk);
    }
  }

 private:
  struct alignas(64) Next {
    std::atomic<int64_t> chunk{0};
  };
  int64_t Begin(size_t worker) const {
    return chunks_ * static_cast<int64_t>(worker) / static_cast<int64_t>(next_.size());
  }

  std::byte* data_;
  int64_t chunks_;
  std::vector<Next> next_;
};

}  // namespace

Result<Rate> ReadBandwidth(ThreadTeam& team, int64_t cache_bytes, Care care) {
  const Effort& effort = care == Care::kUsual ? kUsually : kBriefly;
  if (cache_bytes <= 0) cache_bytes = LastLevelCacheBytes();
  const int64_t bytes =
      RoundUp(std::clamp(cache_bytes * effort.cache_multiple, effort.least, effort.most), kChunk);
  SLUICE_TRY(const Arena arena, Arena::Reserve(bytes));
  Shares shares(arena.data(), bytes / kChunk, team.size());
  shares.Restart();
  auto touch = [&](int worker) {
    shares.Run(worker, [](std::byte* chunk) { std::memset(chunk, 1, static_cast<size_t>(kChunk)); });
  };
  team.Run(touch);
  const ReadFn read = BestRead();
  std::atomic<uint64_t> sum{0};
  auto pass = [&](int worker) {
    uint64_t mine = 0;
    shares.Run(worker, [&](std::byte* chunk) { mine += read(chunk, kChunk); });
    sum += mine;
  };
  return MeasureRate(effort.passes, static_cast<double>(bytes), [&] {
    shares.Restart();
    team.Run(pass);
  });
}

}  // namespace sluice::machine
