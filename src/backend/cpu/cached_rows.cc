#include "backend/cpu/cached_rows.h"

#include <algorithm>

#include "base/arena.h"
#include "base/float16.h"
#include "kernels/activation_row.h"

namespace sluice::backend::cpu {

using kernels::kPageTokens;
using kernels::KvType;

Slot SlotOf(const Context& c, const BatchToken& token) {
  return {c.batch->sequences[token.sequence]->blocks[token.position / kPageTokens],
          token.position % kPageTokens};
}

namespace {

template <typename T>
void Place(const T* x, int64_t n, std::byte* page, int64_t offset, PageForm form) {
  T* out = reinterpret_cast<T*>(page);
  if (form == PageForm::kRows) {
    std::copy_n(x, n, out + offset * n);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * kPageTokens + offset] = x[i];
  }
}

// A block that is not full is filled up with zeros.
void StoreQ8(const Context& c, Worker& worker, const float* x, int64_t n, std::byte* page, int64_t offset,
             PageForm form) {
  const kernels::ActLayout row{RoundUp(n, kernels::kQ8Block), kernels::kQ8Block};
  std::byte* bytes = worker.Bytes(row.bytes() + row.k * 4);
  if (row.k != n) {
    float* padded = reinterpret_cast<float*>(bytes + row.bytes());
    std::fill_n(std::copy_n(x, n, padded), row.k - n, 0.0f);
    x = padded;
  }
  c.kernels->quantize_q8x32(x, row.k, bytes);
  Place(reinterpret_cast<const int8_t*>(bytes), n, page, offset, form);
  Place(reinterpret_cast<const float*>(bytes + row.scales_at()), row.k / row.block, page + kPageTokens * n,
        offset, PageForm::kColumns);
}

}  // namespace

void StoreKv(const Context& c, Worker& worker, const float* x, int64_t n, std::byte* page, int64_t offset,
             PageForm form) {
  if (c.pool->type() == KvType::kF32) return Place(x, n, page, offset, form);
  if (c.pool->type() == KvType::kQ8) return StoreQ8(c, worker, x, n, page, offset, form);
  auto* half = reinterpret_cast<uint16_t*>(worker.Bytes(n * 2));
  if (c.pool->type() == KvType::kF16) {
    c.kernels->f32_to_f16(x, n, half);
  } else {
    std::transform(x, x + n, half, FloatToBf16);
  }
  Place(half, n, page, offset, form);
}

void ReadAheadKv(const Context& c, int64_t n, std::byte* page, int64_t offset, PageForm form) {
  constexpr int64_t kLine = 64;
  const int64_t element = kernels::ElementBytes(c.pool->type());
  const auto ask = [&](std::byte* first, int64_t count, int64_t step) {  // bytes between elements
    for (int64_t at = 0; at < count * step; at += std::max(step, kLine))
      __builtin_prefetch(first + at, /*rw=*/1);
  };
  if (form == PageForm::kRows) {
    ask(page + offset * n * element, n, element);
  } else {
    ask(page + offset * element, n, kPageTokens * element);
  }
}

void CopyKvRow(KvType type, int64_t n, const std::byte* from_page, int64_t from, std::byte* to_page,
               int64_t to) {
  const int64_t row = n * kernels::ElementBytes(type);
  std::copy_n(from_page + from * row, row, to_page + to * row);
  if (type != KvType::kQ8) return;
  const auto* scales = reinterpret_cast<const float*>(from_page + kPageTokens * row);
  auto* out = reinterpret_cast<float*>(to_page + kPageTokens * row);
  for (int64_t block = 0; block * kernels::kQ8Block < n; ++block)
    out[block * kPageTokens + to] = scales[block * kPageTokens + from];
}

void Rotate(const Context& c, int rope, int64_t t, float* x) {
  const model::RopeTable& table = c.plan->ropes[rope];
  const int64_t pairs = table.pairs();
  const float* angles = (*c.rope)[rope].data() + t * 2 * pairs;
  c.kernels->rope(x, angles, angles + pairs, pairs, table.interleaved);
}

}  // namespace sluice::backend::cpu
