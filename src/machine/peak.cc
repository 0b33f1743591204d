#include "machine/peak.h"

#include <immintrin.h>

#include <atomic>
#include <cmath>
#include <cstdint>

namespace sluice::machine {
namespace {

constexpr int kPasses = 5;
constexpr int64_t kTiles =
    256;  // for each worker in a pass, and any worker may run them: one that is disturbed runs fewer

// Runs rounds of independent sums, enough of them to hide the latency of an instruction. The asm statements
// name registers and nothing else, so the loop is these instructions.
using SpinFn = void (*)(int64_t rounds);
struct Spin {
  SpinFn run;
  double operations;  // of a round
  int64_t rounds;     // of a tile: about 20 us
};

#define SLUICE_EIGHT(line) \
  line("%0") line("%1") line("%2") line("%3") line("%4") line("%5") line("%6") line("%7")
#define SLUICE_SUMS(s) \
  "+v"(s[0]), "+v"(s[1]), "+v"(s[2]), "+v"(s[3]), "+v"(s[4]), "+v"(s[5]), "+v"(s[6]), "+v"(s[7])

#define SLUICE_DOT(sum) "vpdpbusd %9, %8, " sum "\n\t"
__attribute__((target("avx512f,avx512vnni"))) void DotAvx512(int64_t rounds) {
  __m512i a[8] = {}, b[8] = {};
  const __m512i x = _mm512_set1_epi8(3), y = _mm512_set1_epi8(1);
  for (int64_t i = 0; i < rounds; ++i) {
    asm volatile(SLUICE_EIGHT(SLUICE_DOT) : SLUICE_SUMS(a) : "v"(x), "v"(y));
    asm volatile(SLUICE_EIGHT(SLUICE_DOT) : SLUICE_SUMS(b) : "v"(x), "v"(y));
  }
}

#define SLUICE_FMA(sum) "vfmadd231ps %9, %8, " sum "\n\t"
__attribute__((target("avx512f"))) void FmaAvx512(int64_t rounds) {
  __m512 a[8] = {}, b[8] = {};
  const __m512 x = _mm512_set1_ps(1), y = _mm512_set1_ps(1e-3f);
  for (int64_t i = 0; i < rounds; ++i) {
    asm volatile(SLUICE_EIGHT(SLUICE_FMA) : SLUICE_SUMS(a) : "v"(x), "v"(y));
    asm volatile(SLUICE_EIGHT(SLUICE_FMA) : SLUICE_SUMS(b) : "v"(x), "v"(y));
  }
}
__attribute__((target("avx2,fma"))) void FmaAvx2(int64_t rounds) {
  __m256 a[8] = {};
  const __m256 x = _mm256_set1_ps(1), y = _mm256_set1_ps(1e-3f);
  for (int64_t i = 0; i < rounds; ++i)
    asm volatile(SLUICE_EIGHT(SLUICE_FMA) : SLUICE_SUMS(a) : "v"(x), "v"(y));
}

// One temporary for all sums: the processor renames it.
#define SLUICE_MADD(sum)               \
  "vpmaddubsw %9, %8, %%ymm15\n\t"     \
  "vpmaddwd %10, %%ymm15, %%ymm15\n\t" \
  "vpaddd %%ymm15, " sum ", " sum "\n\t"
__attribute__((target("avx2"))) void DotAvx2(int64_t rounds) {
  __m256i a[8] = {};
  const __m256i x = _mm256_set1_epi8(3), y = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
  for (int64_t i = 0; i < rounds; ++i)
    asm volatile(SLUICE_EIGHT(SLUICE_MADD) : SLUICE_SUMS(a) : "v"(x), "v"(y), "v"(ones) : "xmm15");
}

constexpr int64_t kLanes = 256;  // of the plain loops

void DotPlain(int64_t rounds) {
  int8_t x[kLanes], y[kLanes];
  for (int64_t l = 0; l < kLanes; ++l) x[l] = y[l] = static_cast<int8_t>(l % 3);
  int32_t sum = 0;
  for (int64_t i = 0; i < rounds; ++i) {
    asm volatile("" : : "r"(x), "r"(y) : "memory");
    for (int64_t l = 0; l < kLanes; ++l) sum += int32_t{x[l]} * y[l];
  }
  asm volatile("" : : "r"(sum));
}

void FmaPlain(int64_t rounds) {
  float sums[kLanes] = {};
  for (int64_t i = 0; i < rounds; ++i) {
    asm volatile("" : : "r"(sums) : "memory");
    for (float& sum : sums) sum += 1e-3f * sum;
  }
}

Spin Int8Spin(kernels::Isa isa) {
  switch (isa) {
    case kernels::Isa::kAmx:
    case kernels::Isa::kAvx512:
      return {DotAvx512, 16 * 64 * 2, 10000};
    case kernels::Isa::kAvx2:
      return {DotAvx2, 8 * 32 * 2, 6000};
    case kernels::Isa::kScalar:
      break;
  }
  return {DotPlain, kLanes * 2, 500};
}

Spin FloatSpin(kernels::Isa isa) {
  switch (isa) {
    case kernels::Isa::kAmx:
    case kernels::Isa::kAvx512:
      return {FmaAvx512, 16 * 16 * 2, 10000};
    case kernels::Isa::kAvx2:
      return {FmaAvx2, 8 * 8 * 2, 20000};
    case kernels::Isa::kScalar:
      break;
  }
  return {FmaPlain, kLanes * 2, 500};
}

Rate Measure(ThreadTeam& team, const Spin& spin) {
  const int64_t tiles = kTiles * team.size();
  std::atomic<int64_t> next{0};
  auto work = [&](int) {
    while (next.fetch_add(1) < tiles) spin.run(spin.rounds);
  };
  return MeasureRate(kPasses, static_cast<double>(tiles * spin.rounds) * spin.operations, [&] {
    next = 0;
    team.Run(work);
  });
}

}  // namespace

Rate Int8Peak(ThreadTeam& team, kernels::Isa isa) { return Measure(team, Int8Spin(isa)); }
Rate FloatPeak(ThreadTeam& team, kernels::Isa isa) { return Measure(team, FloatSpin(isa)); }

}  // namespace sluice::machine
