// Linear attention: the convolution over the last tokens, and the gated delta rule. A tile is one head of one
// sequence and takes its tokens in order, whatever else is in the batch.
#include <algorithm>
#include <cmath>

#include "backend/cpu/steps.h"
#include "kernels/math.h"

namespace sluice::backend::cpu {

using model::Buffer;
using model::DeltaNet;

namespace {

// Behind so many of a run's tokens a copy of the state is left.
struct Cut {
  int64_t tokens;
  float* state;
};
// A tile's sequence: its tokens in the batch, by rising position, and its state of one layer.
struct Run {
  std::span<const int32_t> tokens;
  float* state;
  bool begins;  // nothing was seen before: the state counts as zeros
  std::span<const kv::StateCut> cuts;
  int64_t first;  // position of the first token

  Cut CutAt(const Context& c, int layer, size_t i) const {
    return {cuts[i].length - first, c.pool->states().At(cuts[i].slot, layer)};
  }
};
Run RunOf(const Context& c, int layer, int64_t number) {
  const SequenceRuns::Run& run = c.sequence_runs->runs[number];
  const kv::PageTable& sequence = *c.batch->sequences[run.sequence];
  const std::span tokens(c.sequence_runs->tokens.data() + run.first, static_cast<size_t>(run.count));
  const int64_t first = c.batch->tokens[tokens[0]].position;
  return {tokens, c.pool->states().At(sequence.state, layer), first == 0, sequence.cuts, first};
}

int64_t RunCount(const Context& c) { return static_cast<int64_t>(c.sequence_runs->runs.size()); }

// One head of q, k or v: where it stands in its buffer's rows and among the convolution's channels.
struct ConvHead {
  Buffer buffer;
  int64_t at, channel, dim;
};
ConvHead ConvHeadOf(const DeltaNet& net, int64_t h) {
  const int64_t keys = net.key_heads;
  if (h < keys) return {Buffer::kQuery, h * net.key_dim, h * net.key_dim, net.key_dim};
  if (h < 2 * keys) return {Buffer::kKey, (h - keys) * net.key_dim, h * net.key_dim, net.key_dim};
  const int64_t at = (h - 2 * keys) * net.value_dim;
  return {Buffer::kValue, at, 2 * net.keys() + at, net.value_dim};
}

// To length 1 by x / sqrt(sum of squares + eps), times `scale`.
void Lengthen(const Context& c, const DeltaNet& net, float scale, float* x) {
  const float n = static_cast<float>(net.key_dim);
  c.kernels->rms_norm(x, nullptr, net.length_eps / n, net.key_dim, x);
  c.kernels->scale(scale / std::sqrt(n), net.key_dim, x);
}

// By how much a head forgets at one token.
float DecayOf(const model::DeltaRuleStep& step, int64_t head, float projected) {
  const double x = static_cast<double>(projected) + step.rate_bias[head];
  const double softplus = std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
  const double rate = step.net.log_rate ? std::exp(static_cast<double>(step.rate[head])) : -step.rate[head];
  return static_cast<float>(std::exp(-rate * softplus));
}

}  // namespace

int64_t TileCount(const model::DeltaConvStep& step, const Context& c) {
  return RunCount(c) * (2 * step.net.key_heads + step.net.value_heads);
}
void RunTile(const model::DeltaConvStep& step, const Context& c, Worker& worker, int64_t tile) {
  const DeltaNet& net = step.net;
  const Run run = RunOf(c, step.layer, tile % RunCount(c));
  const ConvHead head = ConvHeadOf(net, tile / RunCount(c));
  const int64_t before = net.taps - 1, tokens = static_cast<int64_t>(run.tokens.size());
  const auto row = [&](int64_t t) { return c.buffers->Row(head.buffer, run.tokens[t]) + head.at; };
  // The inputs before the first token, and those that the next batch or a cut's heir will find there: copies,
  // since rows are overwritten.
  const auto window = [&](float* state, int64_t i) { return state + i * net.channels() + head.channel; };
  float* old = worker.Floats(before * head.dim);
  float* kept = worker.MoreFloats(before * head.dim);
  for (int64_t i = 0; i < before; ++i) {
    if (run.begins) {
      std::fill_n(old + i * head.dim, head.dim, 0.0f);
    } else {
      std::copy_n(window(run.state, i), head.dim, old + i * head.dim);
    }
  }
  const auto input = [&](int64_t t) { return t < 0 ? old + (t + before) * head.dim : row(t); };
  for (int64_t i = 0; i < before; ++i) std::copy_n(input(tokens - before + i), head.dim, kept + i * head.dim);
  for (size_t n = 0; n < run.cuts.size(); ++n) {
    const Cut cut = run.CutAt(c, step.layer, n);
    for (int64_t i = 0; i < before; ++i)
      std::copy_n(input(cut.tokens - before + i), head.dim, window(cut.state, i));
  }

  auto& inputs = worker.rows[0];
  inputs.resize(static_cast<size_t>(net.taps));
  for (int64_t t = tokens - 1; t >= 0; --t) {  // the last first: its output overwrites no other's input
    for (int64_t tap = 0; tap < net.taps; ++tap) inputs[tap] = input(t - before + tap);
    c.kernels->conv_silu(inputs.data(), step.conv + head.channel, net.channels(), net.taps, head.dim, row(t));
    if (head.buffer == Buffer::kQuery)
      Lengthen(c, net, 1 / std::sqrt(static_cast<float>(net.key_dim)), row(t));
    if (head.buffer == Buffer::kKey) Lengthen(c, net, 1, row(t));
  }
  for (int64_t i = 0; i < before; ++i) std::copy_n(kept + i * head.dim, head.dim, window(run.state, i));
}

int64_t TileCount(const model::DeltaRuleStep& step, const Context& c) {
  return RunCount(c) * step.net.value_heads;
}
void RunTile(const model::DeltaRuleStep& step, const Context& c, Worker& worker, int64_t tile) {
  const DeltaNet& net = step.net;
  const Run run = RunOf(c, step.layer, tile % RunCount(c));
  const int64_t head = tile / RunCount(c), tokens = static_cast<int64_t>(run.tokens.size());
  const int64_t key_head = net.tiled ? head % net.key_heads : head / (net.value_heads / net.key_heads);
  auto& [q, k, v] = worker.rows;
  for (auto* rows : {&q, &k, &v}) rows->resize(static_cast<size_t>(tokens));
  worker.y.resize(static_cast<size_t>(tokens));
  float* decay = worker.Floats(2 * tokens);
  float* beta = decay + tokens;
  for (int64_t i = 0; i < tokens; ++i) {
    const int32_t t = run.tokens[i];
    q[i] = c.buffers->Row(Buffer::kQuery, t) + key_head * net.key_dim;
    k[i] = c.buffers->Row(Buffer::kKey, t) + key_head * net.key_dim;
    v[i] = c.buffers->Row(Buffer::kValue, t) + head * net.value_dim;
    worker.y[i] = c.buffers->Row(Buffer::kAttended, t) + head * net.value_dim;
    decay[i] = DecayOf(step, head, c.buffers->Row(Buffer::kDeltaDecay, t)[head]);
    beta[i] = kernels::Sigmoid(c.buffers->Row(Buffer::kDeltaBeta, t)[head]);
  }
  const int64_t size = int64_t{net.key_dim} * net.value_dim;
  float* state = run.state + net.window_floats() + head * size;
  if (run.begins) std::fill_n(state, size, 0.0f);
  int64_t done = 0;
  const auto pass_to = [&](int64_t end) {
    c.kernels->delta_rule({.state = state,
                           .k_dim = net.key_dim,
                           .v_dim = net.value_dim,
                           .tokens = end - done,
                           .q = q.data() + done,
                           .k = k.data() + done,
                           .v = v.data() + done,
                           .decay = decay + done,
                           .beta = beta + done,
                           .out = worker.y.data() + done});
    done = end;
  };
  for (size_t n = 0; n < run.cuts.size(); ++n) {
    const Cut cut = run.CutAt(c, step.layer, n);
    pass_to(cut.tokens);
    std::copy_n(state, size, cut.state + net.window_floats() + head * size);
  }
  if (done < tokens) pass_to(tokens);
  for (int64_t i = 0; i < tokens; ++i) {
    float* out = worker.y[i];
    const float* gate = c.buffers->Row(Buffer::kQueryGate, run.tokens[i]) + head * net.value_dim;
    c.kernels->rms_norm(out, step.out_norm, net.out_norm_eps, net.value_dim, out);
    c.kernels->glu(kernels::Activation::kSilu, gate, out, net.value_dim, out);
  }
}

}  // namespace sluice::backend::cpu
