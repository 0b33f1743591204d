#include "backend/cpu/cached_rows.h"

#include <algorithm>

namespace sluice::backend::cpu {

using kernels::kPageTokens;

Slot SlotOf(const Context& c, const BatchToken& token) {
  return {c.batch->sequences[token.sequence]->blocks[token.position / kPageTokens],
          token.position % kPageTokens};
}

void StoreKv(const Context& c, Worker& worker, const float* x, int64_t n, std::byte* page, int64_t first,
             int64_t step) {
  if (c.pool->type() == kernels::KvType::kF32) {
    float* out = reinterpret_cast<float*>(page) + first;
    for (int64_t i = 0; i < n; ++i) out[i * step] = x[i];
    return;
  }
  auto* half = reinterpret_cast<uint16_t*>(worker.Bytes(n * 2));
  c.kernels->f32_to_f16(x, n, half);
  uint16_t* out = reinterpret_cast<uint16_t*>(page) + first;
  for (int64_t i = 0; i < n; ++i) out[i * step] = half[i];
}

void ReadAheadKv(const Context& c, int64_t n, std::byte* page, int64_t first, int64_t step) {
  constexpr int64_t kLine = 64;
  const int64_t element = kernels::Bytes(c.pool->type());
  const int64_t bytes = std::max(step * element, kLine);  // between lines
  for (int64_t at = first * element, end = (first + n * step) * element; at < end; at += bytes)
    __builtin_prefetch(page + at, /*rw=*/1);
}

void Rotate(const Context& c, int rope, int64_t t, float* x) {
  const model::RopeTable& table = c.plan->ropes[rope];
  const int64_t pairs = table.pairs();
  const float* angles = (*c.rope)[rope].data() + t * 2 * pairs;
  c.kernels->rope(x, angles, angles + pairs, pairs, table.interleaved);
}

}  // namespace sluice::backend::cpu
