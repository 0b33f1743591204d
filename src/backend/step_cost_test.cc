#include "backend/step_cost.h"

#include <gtest/gtest.h>

namespace sluice::backend {
namespace {

using model::FfnWeights;
using model::PackedMatrix;

constexpr int64_t kDim = 64, kHidden = 32, kExperts = 4;
constexpr kernels::KvType kKv = kernels::KvType::kF16;

PackedMatrix Matrix(int64_t rows, int64_t cols) { return {.dtype = DType::kF32, .rows = rows, .cols = cols}; }

// One MoE layer with attention, by hand.
class StepCost : public testing::Test {
 protected:
  StepCost() {
    for (FfnWeights& e : experts_)
      e = {.gate = Matrix(kHidden, kDim), .up = Matrix(kHidden, kDim), .down = Matrix(kDim, kHidden)};
  }

  Cost CostOf(model::StepOp op) {
    plan_.steps.push_back({"step", std::move(op)});
    return StepCosts(plan_.steps, kKv, {tokens_, tables_, trace_.layers.empty() ? nullptr : &trace_}).back();
  }

  void Route(int top_k, std::vector<int32_t> chosen) {
    plan_.steps.push_back(
        {"route", model::RouteStep{.moe = 0, .router = {.experts = kExperts, .top_k = top_k}}});
    if (!chosen.empty()) trace_.layers = {{.top_k = top_k, .experts = std::move(chosen)}};
  }

  static double Bytes(int64_t rows, int64_t cols) { return static_cast<double>(rows * cols * 4); }

  model::Plan plan_;
  std::vector<BatchToken> tokens_ = {{.position = 9}, {.position = 10, .output = true}};
  std::vector<const kv::PageTable*> tables_ = {nullptr};
  RouterTrace trace_;
  std::vector<FfnWeights> experts_ = std::vector<FfnWeights>(kExperts);
  PackedMatrix head_ = Matrix(128, kDim);
};

TEST_F(StepCost, CountsOutputsAloneAtTheHead) {
  const Cost cost = CostOf(model::HeadStep{.matrix = &head_});
  EXPECT_EQ(cost.weight_bytes, Bytes(128, kDim));
  EXPECT_EQ(cost.float_ops, 2.0 * 128 * kDim);
  EXPECT_EQ(cost.int8_ops, 0);
}

TEST_F(StepCost, CountsNothingForAHeadWithoutOutputs) {
  tokens_[1].output = false;
  EXPECT_EQ(CostOf(model::HeadStep{.matrix = &head_}).weight_bytes, 0);
}

TEST_F(StepCost, ReadsEachChosenExpertOnce) {
  Route(2, {0, 3, 3, 1});
  const Cost cost = CostOf(model::DownStep{.experts = &experts_});
  EXPECT_EQ(cost.weight_bytes, 3 * Bytes(kDim, kHidden));
  EXPECT_EQ(cost.float_ops, 4 * 2.0 * kDim * kHidden);
}

TEST_F(StepCost, TakesDifferentExpertsWithoutATrace) {
  Route(2, {});
  EXPECT_EQ(CostOf(model::GateUpStep{.experts = &experts_}).weight_bytes, 4 * 2 * Bytes(kHidden, kDim));
}

TEST_F(StepCost, AddsTheSharedExpertForEveryToken) {
  Route(1, {2, 2});
  const Cost cost = CostOf(model::DownStep{.experts = &experts_, .shared = &experts_[0]});
  EXPECT_EQ(cost.weight_bytes, 2 * Bytes(kDim, kHidden));
  EXPECT_EQ(cost.float_ops, 2 * 2 * 2.0 * kDim * kHidden);
}

TEST_F(StepCost, ReadsKeysAndValuesOncePerSequence) {
  const model::Gqa gqa{.heads = 4, .kv_heads = 2, .head_dim = 8};
  const Cost cost = CostOf(model::AttendStep{.gqa = gqa});
  EXPECT_EQ(cost.kv_bytes, 11 * 2 * 2 * 8 * 2);        // positions, K and V, heads, dim, F16
  EXPECT_EQ(cost.float_ops, (10 + 11) * 4 * 8 * 4.0);  // positions seen, heads, dim, two multiply-adds
}

TEST_F(StepCost, ObeysWindows) {
  const model::Gqa gqa{.heads = 4, .kv_heads = 2, .head_dim = 8, .window = 4};
  EXPECT_EQ(CostOf(model::AttendStep{.gqa = gqa}).kv_bytes, 5 * 2 * 2 * 8 * 2);  // positions 6 to 10
}

// Cross-attention reads the whole source, an encoder the whole of what it encodes.
TEST_F(StepCost, ReadsWholeSources) {
  const kv::PageTable source{.longest = 30}, answer{.longest = 50};
  const std::vector<const kv::PageTable*> sources = {&source}, answers = {&answer};
  const auto kv_bytes = [&](model::Gqa::Sees sees) {
    const model::Step step{
        "attend", model::AttendStep{.gqa = {.heads = 4, .kv_heads = 2, .head_dim = 8, .sees = sees}}};
    const Batch batch{.tokens = tokens_, .sequences = answers, .sources = sources};
    return StepCosts({&step, 1}, kKv, batch)[0].kv_bytes;
  };
  EXPECT_EQ(kv_bytes(model::Gqa::Sees::kPast), 11 * 2 * 2 * 8 * 2);
  EXPECT_EQ(kv_bytes(model::Gqa::Sees::kSource), 30 * 2 * 2 * 8 * 2);
  EXPECT_EQ(kv_bytes(model::Gqa::Sees::kAll), 50 * 2 * 2 * 8 * 2);
}

TEST(LeastSeconds, IsTheLargerOfReadingAndComputing) {
  const Bounds bounds{.bytes = 10, .int8_ops = 100, .float_ops = 20};
  EXPECT_EQ(LeastSeconds({.weight_bytes = 30, .kv_bytes = 10, .int8_ops = 100}, bounds), 4);
  EXPECT_TRUE(BoundByMemory({.weight_bytes = 40}, bounds));
  EXPECT_EQ(LeastSeconds({.weight_bytes = 10, .int8_ops = 200, .float_ops = 20}, bounds), 3);
  EXPECT_FALSE(BoundByMemory({.weight_bytes = 10, .int8_ops = 200, .float_ops = 20}, bounds));
}

}  // namespace
}  // namespace sluice::backend
