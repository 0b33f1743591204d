#include "backend/step_cost.h"

#include <algorithm>

namespace sluice::backend {
namespace {

using model::FfnWeights;
using model::PackedMatrix;

class Coster {
 public:
  Coster(kernels::KvType kv, const Batch& batch)
      : kv_(kv), batch_(batch), tokens_(static_cast<int64_t>(batch.tokens.size())) {
    outputs_ = std::ranges::count_if(batch.tokens, [](const BatchToken& t) { return t.output; });
  }

  Cost operator()(const model::EmbedStep& step) const {
    const double row = static_cast<double>(step.table->bytes()) / static_cast<double>(step.table->rows);
    return {.weight_bytes = row * static_cast<double>(tokens_)};
  }
  Cost operator()(const model::ProjectStep& step) const {
    Cost cost;
    for (const auto& part : step.parts) cost += Product(*part.matrix, tokens_);
    return cost;
  }
  Cost operator()(const model::ResidualStep& step) const { return Product(*step.matrix, tokens_); }
  Cost operator()(const model::HeadStep& step) const {
    return outputs_ > 0 ? Product(*step.matrix, outputs_) : Cost{};
  }
  Cost operator()(const model::LatentQueryStep& step) const { return Products(*step.k_b); }
  Cost operator()(const model::LatentValueStep& step) const { return Products(*step.v_b); }
  Cost operator()(const model::RouteStep& step) {
    chose_.assign(static_cast<size_t>(step.router.experts), 0);
    if (batch_.trace != nullptr) {
      for (const int32_t expert : batch_.trace->layers[step.moe].experts) ++chose_[expert];
    } else {
      for (int64_t i = 0; i < tokens_ * step.router.top_k; ++i) ++chose_[i % step.router.experts];
    }
    return {};
  }
  Cost operator()(const model::GateUpStep& step) const {
    return Experts(step.experts, step.shared, [&](const FfnWeights& w, int64_t rows) {
      Cost cost = Product(w.up, rows);
      if (w.gate) cost += Product(w.gate, rows);
      return cost;
    });
  }
  Cost operator()(const model::DownStep& step) const {
    return Experts(step.experts, step.shared,
                   [&](const FfnWeights& w, int64_t rows) { return Product(w.down, rows); });
  }
  Cost operator()(const model::AttendStep& step) const {
    const model::Gqa& gqa = step.gqa;
    const auto first_seen = [&](int64_t position) {
      if (gqa.chunk != 0) return position / gqa.chunk * gqa.chunk;
      return gqa.window != 0 ? std::max<int64_t>(0, position + 1 - gqa.window) : int64_t{0};
    };
    const auto end_seen = [&](const BatchToken& token) -> int64_t {
      if (gqa.sees == model::Gqa::Sees::kPast) return token.position + 1;
      const bool source = gqa.sees == model::Gqa::Sees::kSource;
      return (source ? batch_.sources : batch_.sequences)[token.sequence]->longest;
    };
    return Attention(first_seen, end_seen, 2 * gqa.kv_heads * kernels::PositionBytes(kv_, gqa.head_dim),
                     4.0 * gqa.heads * gqa.head_dim);
  }
  Cost operator()(const model::LatentAttendStep& step) const {
    const model::Mla& mla = step.mla;
    // As many positions as are chosen, wherever they lie.
    const auto first_seen = [&](int64_t position) {
      return step.top_k != 0 ? std::max<int64_t>(0, position + 1 - step.top_k) : int64_t{0};
    };
    return Attention(first_seen, Past, kernels::PositionBytes(kv_, mla.kv_rank + mla.rope_dim),
                     2.0 * mla.heads * (2.0 * mla.kv_rank + mla.rope_dim));
  }
  Cost operator()(const model::IndexChooseStep& step) const {  // with the scores
    return Attention([](int64_t) { return int64_t{0}; }, Past,
                     kernels::PositionBytes(kv_, step.indexer.head_dim),
                     2.0 * step.indexer.heads * step.indexer.head_dim);
  }
  Cost operator()(const model::DeltaRuleStep& step) const {
    // Of each element of a state: forgotten, read by the key, added to, read by the query.
    constexpr double kOps = 7;
    std::vector<bool> seen(batch_.sequences.size());
    for (const BatchToken& token : batch_.tokens) seen[token.sequence] = true;
    const double size =
        static_cast<double>(int64_t{step.net.key_dim} * step.net.value_dim * step.net.value_heads);
    const double states = static_cast<double>(std::ranges::count(seen, true));
    constexpr double kReadAndWritten = 2 * sizeof(float);
    return {.kv_bytes = states * size * kReadAndWritten,
            .float_ops = kOps * size * static_cast<double>(tokens_)};
  }
  template <typename Step>
  Cost operator()(const Step&) const {
    return {};
  }

 private:
  static Cost Product(const PackedMatrix& m, int64_t rows) {
    const double ops = 2.0 * static_cast<double>(m.rows) * static_cast<double>(m.cols * rows);
    Cost cost{.weight_bytes = static_cast<double>(m.bytes())};
    (m.activations == kernels::ActType::kF32 ? cost.float_ops : cost.int8_ops) = ops;
    if (m.activations == kernels::ActType::kQ8x32Twice) cost.int8_ops *= 2;
    return cost;
  }
  Cost Products(const std::vector<PackedMatrix>& heads) const {
    Cost cost;
    for (const PackedMatrix& m : heads) cost += Product(m, tokens_);
    return cost;
  }

  template <typename ProductFn>
  Cost Experts(const std::vector<FfnWeights>* experts, const FfnWeights* shared, ProductFn product) const {
    Cost cost;
    for (size_t e = 0; experts != nullptr && e < experts->size(); ++e)
      if (chose_[e] > 0) cost += product((*experts)[e], chose_[e]);
    if (shared != nullptr) cost += product(*shared, tokens_);
    return cost;
  }

  static int64_t Past(const BatchToken& token) { return token.position + 1; }

  // `bytes` are kept for each position; `ops` computed for each pair of a token and a position it sees.
  template <typename FirstSeen, typename EndSeen>
  Cost Attention(FirstSeen first_seen, EndSeen end_seen, int64_t bytes, double ops) const {
    Cost cost;
    std::vector<int64_t> first(batch_.sequences.size(), INT64_MAX), end(batch_.sequences.size(), 0);
    for (const BatchToken& token : batch_.tokens) {
      const int64_t from = first_seen(token.position), to = end_seen(token);
      first[token.sequence] = std::min(first[token.sequence], from);
      end[token.sequence] = std::max(end[token.sequence], to);
      cost.float_ops += ops * static_cast<double>(to - from);
    }
    for (size_t s = 0; s < end.size(); ++s)
      cost.kv_bytes += static_cast<double>(std::max<int64_t>(0, end[s] - first[s]) * bytes);
    return cost;
  }

  const kernels::KvType kv_;
  const Batch& batch_;
  const int64_t tokens_;
  int64_t outputs_ = 0;
  std::vector<int64_t> chose_;  // [experts] tokens that chose it, of the last router
};

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
  weight_bytes += other.weight_bytes;
  kv_bytes += other.kv_bytes;
  int8_ops += other.int8_ops;
  float_ops += other.float_ops;
  return *this;
}

double LeastSeconds(const Cost& cost, const Bounds& bounds) {
  return std::max(cost.bytes() / bounds.bytes,
                  cost.int8_ops / bounds.int8_ops + cost.float_ops / bounds.float_ops);
}

bool BoundByMemory(const Cost& cost, const Bounds& bounds) {
  return LeastSeconds(cost, bounds) <= cost.bytes() / bounds.bytes;
}

std::vector<Cost> StepCosts(std::span<const model::Step> steps, kernels::KvType kv, const Batch& batch) {
  Coster coster(kv, batch);
  std::vector<Cost> costs;
  for (const model::Step& step : steps)
    costs.push_back(std::visit([&](const auto& op) { return coster(op); }, step.op));
  return costs;
}

Cost Sum(const std::vector<Cost>& costs) {
  Cost sum;
  for (const Cost& cost : costs) sum += cost;
  return sum;
}

}  // namespace sluice::backend
