// States that batches leave on their way: who goes on from one gets the bits of who computed everything.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "backend/backend.h"
#include "model/edited_checkpoint.h"

namespace sluice {
namespace {

constexpr int64_t kPage = kernels::kPageTokens;
constexpr int kTokens = 100;

class StateCuts : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto model = model::LoadModel(model::OpenGolden(GetParam()), team_);
    ASSERT_TRUE(model) << model.error().message;
    model_ = std::move(*model);
    for (int i = 0; i < kTokens; ++i) ids_.push_back(static_cast<int32_t>(random_() % model_->desc.vocab));
  }

  void MakeBackend(kernels::Isa isa) {
    auto made = backend::CreateCpuBackend(
        *model_, team_,
        {.isa = isa, .max_tokens = kTokens, .context = 8 * kPage, .states = 2, .snapshots = 3});
    ASSERT_TRUE(made) << made.error().message;
    backend_ = std::move(*made);
    kv::StatePool& states = backend_->pool().states();
    std::memset(states.At(0, 0), 0xff, static_cast<size_t>(states.slot_bytes() * states.slots()));  // NaN
  }

  // Computes `table` up to `end`, in one batch, and returns its last token's logits.
  std::vector<float> Compute(kv::PageTable& table, int64_t end) {
    EXPECT_TRUE(backend_->pool().Grow(&table, end));
    std::vector<backend::BatchToken> tokens;
    for (int64_t i = table.length; i < end; ++i)
      tokens.push_back({ids_[i], static_cast<int32_t>(i), 0, i + 1 == end});
    const kv::PageTable* tables[] = {&table};
    const Status status = backend_->Forward({tokens, tables});
    EXPECT_TRUE(status) << status.error().message;
    table.length = end;
    backend_->pool().MakeKnown(&table, ids_);
    const auto logits = backend_->Logits(0);
    return {logits.begin(), logits.end()};
  }

  ThreadTeam team_{2, /*pin=*/false};
  std::mt19937 random_{7};
  std::unique_ptr<model::Model> model_;
  std::unique_ptr<backend::Backend> backend_;
  std::vector<int32_t> ids_;
};

TEST_P(StateCuts, WhoGoesOnFromASnapshotGetsTheSameBits) {
  for (const auto isa : kernels::kAllIsas)
    for (const int64_t chunk : {int64_t{1}, int64_t{17}, kPage, 3 * kPage - 1, int64_t{kTokens}}) {
      if (!kernels::Supported(isa)) continue;
      SCOPED_TRACE(testing::Message() << kernels::Name(isa) << ", batches of " << chunk);
      ASSERT_NO_FATAL_FAILURE(MakeBackend(isa));
      kv::Pool& pool = backend_->pool();
      kv::PageTable whole, heir;
      std::vector<float> expected;
      while (whole.length < kTokens) {
        const int64_t end = std::min(whole.length + chunk, int64_t{kTokens});
        for (int64_t at = kPage; at <= end; at += kPage)
          if (at > whole.length) pool.Cut(&whole, at, false);
        expected = Compute(whole, end);
      }
      EXPECT_EQ(pool.states().snapshots(), 3);
      EXPECT_EQ(pool.Reuse(&heir, ids_, kTokens - 1), 3 * kPage);
      EXPECT_EQ(Compute(heir, kTokens), expected);
      pool.Release(&heir);
      // From an earlier one, in other batches.
      EXPECT_EQ(pool.Reuse(&heir, ids_, 3 * kPage - 1), 2 * kPage);
      Compute(heir, 2 * kPage + 5);
      EXPECT_EQ(Compute(heir, kTokens), expected);
      pool.Release(&heir);
      pool.Release(&whole);
    }
}

TEST_P(StateCuts, ThoseOutsideABatchAreRefused) {
  ASSERT_NO_FATAL_FAILURE(MakeBackend(kernels::Isa::kScalar));
  kv::PageTable table;
  ASSERT_TRUE(backend_->pool().Grow(&table, 2 * kPage));
  const backend::BatchToken tokens[] = {{1, 0, 0, false}, {2, 1, 0, true}};
  const kv::PageTable* tables[] = {&table};
  const auto forward = [&](std::vector<kv::StateCut> cuts) {
    table.cuts = std::move(cuts);
    return static_cast<bool>(backend_->Forward({tokens, tables}));
  };
  EXPECT_FALSE(forward({{0, 2, false}}));
  EXPECT_FALSE(forward({{3, 2, false}}));
  EXPECT_FALSE(forward({{2, 2, false}, {1, 3, false}}));
  EXPECT_FALSE(forward({{1, 5, false}})) << "there are five slots";
  EXPECT_FALSE(forward({{1, -1, false}}));
  EXPECT_TRUE(forward({{1, 2, false}, {2, 3, false}}));
  table.cuts.clear();
}

INSTANTIATE_TEST_SUITE_P(Models, StateCuts, ::testing::Values("qwen3_next", "qwen3_5_moe"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace sluice
