#include "backend/cpu/context.h"

#include <utility>

namespace sluice::backend::cpu {

using kernels::ActType;
using model::Buffer;

namespace {
constexpr ActType kQuantized[] = {ActType::kQ8x32, ActType::kQ8x256, ActType::kQ8x32Twice};
}

Result<Buffers> Buffers::Create(const model::Plan& plan, int max_tokens) {
  Buffers buffers;
  const auto rows_of = [&](Buffer b) {
    if (b == Buffer::kHidden) return int64_t{max_tokens} * (plan.max_top_k + 1);
    if (b == Buffer::kExpertOut) return std::min<int64_t>(max_tokens, kWholeTokens) * plan.max_top_k;
    return int64_t{max_tokens};
  };
  int64_t total = 0;
  struct Place {
    int64_t floats = 0, acts[kernels::kActTypes] = {};
  } places[model::kBuffers];
  for (int b = 0; b < model::kBuffers; ++b) {
    const int64_t rows = rows_of(static_cast<Buffer>(b));
    buffers.float_[b].stride = SpreadStride(plan.width[b]);
    places[b].floats = total;
    total += rows * buffers.float_[b].stride * 4;
    for (ActType type : kQuantized) {
      if (!(plan.acts[b] & model::Bit(type))) continue;
      const int t = static_cast<int>(type);
      buffers.act_[b][t].stride = kernels::ActRowBytes(type, RoundUp(plan.width[b], 256));
      places[b].acts[t] = total;
      total += rows * buffers.act_[b][t].stride;
    }
  }
  SLUICE_TRY(buffers.arena_, Arena::Reserve(total));
  for (int b = 0; b < model::kBuffers; ++b) {
    buffers.float_[b].base = reinterpret_cast<float*>(buffers.arena_.data() + places[b].floats);
    for (int t = 0; t < kernels::kActTypes; ++t)
      buffers.act_[b][t].base = buffers.arena_.data() + places[b].acts[t];
  }
  return buffers;
}

TeamShares::TeamShares(const ThreadTeam& team, int nodes) {
  int worker = 0;
  for (int node = 0; node < nodes; ++node) {
    const int first = worker;
    while (worker < team.size() && (node + 1 == nodes || team.NodeOf(worker) == node)) ++worker;
    const int parts = std::max(1, worker - first);
    for (int part = 0; part < parts; ++part) {
      if (first + part < worker) own.push_back(static_cast<int>(shares.size()));
      shares.push_back({node, part, parts});
    }
  }
}

void SequenceRuns::Sort(const Batch& batch) {
  tokens.resize(batch.tokens.size());
  runs.assign(batch.sequences.size(), {});
  for (const BatchToken& token : batch.tokens) ++runs[token.sequence].count;
  int32_t first = 0;
  for (size_t s = 0; s < runs.size(); ++s) {
    runs[s].sequence = static_cast<int32_t>(s);
    runs[s].first = first;
    first += std::exchange(runs[s].count, 0);
  }
  for (size_t t = 0; t < batch.tokens.size(); ++t) {
    Run& run = runs[batch.tokens[t].sequence];
    tokens[run.first + run.count++] = static_cast<int32_t>(t);
  }
  std::erase_if(runs, [](const Run& run) { return run.count == 0; });
}

Result<Choice> Choice::Create(int64_t tokens, int64_t chosen, int64_t scored, int64_t positions) {
  Choice choice;
  choice.chosen_ = chosen;
  choice.stride_ = RoundUp(positions, 16);
  SLUICE_TRY(choice.positions_, Arena::Reserve(tokens * chosen * 4));
  SLUICE_TRY(choice.scores_, Arena::Reserve(scored * choice.stride_ * 4));
  return choice;
}

std::byte* Worker::Area::Get(int64_t n) {
  constexpr size_t kAlignment = 64;
  if (bytes.size() < static_cast<size_t>(n) + kAlignment) bytes.resize(static_cast<size_t>(n) + kAlignment);
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  return bytes.data() + (kAlignment - address % kAlignment) % kAlignment;
}

float* Worker::Floats(int64_t n) { return reinterpret_cast<float*>(floats_.Get(n * 4)); }
float* Worker::MoreFloats(int64_t n) { return reinterpret_cast<float*>(more_floats_.Get(n * 4)); }
std::byte* Worker::Bytes(int64_t n) { return bytes_.Get(n); }

void Join(const Context& c, Buffer out, float scale, const float* x, int64_t t, int64_t first, int64_t n) {
  float* row = c.buffers->Row(out, t) + first;
  if (out == Buffer::kBranch) {
    std::copy_n(x, n, row);
  } else {
    c.kernels->axpy(scale, x, n, row);
  }
}

void AddSecondRows(const Context& c, Worker& worker, const model::PackedMatrix& m, int64_t p, int64_t t0,
                   int64_t count) {
  constexpr int64_t kMost = kTokenBlock;
  alignas(64) float second[kMost * kPanelRows];
  const std::byte* x[kMost];
  float* y[kMost];
  const int64_t row_bytes = kernels::ActRowBytes(ActType::kQ8x32, m.cols);
  for (int64_t t = 0; t < count; ++t) {
    x[t] = worker.x[t0 + t] + row_bytes;
    y[t] = second + t * kPanelRows;
  }
  c.kernels->Matmul(m.dtype, count)(m.Panel(p), m.cols, x, count, y);
  for (int64_t t = 0; t < count; ++t)
    for (int i = 0; i < kPanelRows; ++i) worker.y[t][i] += y[t][i];
}

namespace {

// What a row of kQ8x32 leaves over of x, with one rounding.
void Remainder(const float* x, const std::byte* row, int64_t k, float* out) {
  constexpr int kBlock = 32;
  const auto* code = reinterpret_cast<const int8_t*>(row);
  const auto* scale = reinterpret_cast<const float*>(row + kernels::ActLayout{k, kBlock}.scales_at());
  for (int64_t i = 0; i < k; ++i)
    out[i] = static_cast<float>(static_cast<double>(x[i]) -
                                static_cast<double>(scale[i / kBlock]) * static_cast<double>(code[i]));
}

}  // namespace

void Quantize(const Context& c, Worker& worker, ActType type, const float* x, int64_t k, std::byte* out) {
  if (type == ActType::kQ8x256) return c.kernels->quantize_q8x256(x, k, out);
  c.kernels->quantize_q8x32(x, k, out);
  if (type != ActType::kQ8x32Twice) return;
  float* rest = worker.Floats(k);
  Remainder(x, out, k, rest);
  c.kernels->quantize_q8x32(rest, k, out + kernels::ActRowBytes(ActType::kQ8x32, k));
}

void QuantizeRow(const Context& c, Worker& worker, Buffer buffer, int64_t row, int64_t width,
                 model::ActSet acts) {
  for (ActType type : kQuantized)
    if (acts & model::Bit(type))
      Quantize(c, worker, type, c.buffers->Row(buffer, row), width, c.buffers->ActRow(buffer, type, row));
}

}  // namespace sluice::backend::cpu
