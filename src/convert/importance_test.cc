#include "convert/importance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/temporary_directory.h"
#include "kernels/blocks.h"

namespace sluice::convert {
namespace {

model::WeightNeed Need(const char* canonical, int experts) {
  return {.canonical = canonical, .layer = 3, .experts = experts, .rows = 4, .cols = 2};
}

Importance Example() {
  Importance importance;
  importance.Add("moe.expert.up", 3, 0, {{3000, 1000}, 1000});  // means 3, 1
  importance.Add("moe.expert.up", 3, 1, {{1000, 3000}, 1000});  // means 1, 3
  importance.Add("moe.expert.up", 3, 2, {{0, 0}, 0});
  importance.Add("attn.q", 3, -1, {{0, 8}, 4});
  importance.Add("attn.k", 3, -1, {{0, 0}, 0});
  importance.Finish();
  return importance;
}

TEST(Importance, CountsEachExpert) {
  const Importance importance = Example();
  const float* first = importance.Find(Need("moe.expert.up", 3), 0);
  ASSERT_NE(first, nullptr);
  EXPECT_NEAR(first[0] / first[1], 3, 0.1);
  EXPECT_NEAR(
      importance.Find(Need("moe.expert.up", 3), 1)[0] / importance.Find(Need("moe.expert.up", 3), 1)[1],
      1.0 / 3, 0.02);
  EXPECT_EQ(importance.experts(), 3);
  EXPECT_EQ(importance.experts_never_woken(), 1);
}

TEST(Importance, AnExpertThatNeverWokeTakesTheMeanOfItsLayer) {
  const Importance importance = Example();
  const float* sleeping = importance.Find(Need("moe.expert.up", 3), 2);
  ASSERT_NE(sleeping, nullptr);
  EXPECT_FLOAT_EQ(sleeping[0], sleeping[1]);
}

TEST(Importance, AnInputThatIsAlwaysZeroStillCountsALittle) {
  const Importance importance = Example();
  const float* q = importance.Find(Need("attn.q", 0), -1);
  ASSERT_NE(q, nullptr);
  EXPECT_GT(q[0], 0);
  EXPECT_LT(q[0], q[1] / 100);
}

TEST(Importance, NothingKnownMeansNoWeights) {
  const Importance importance = Example();
  EXPECT_EQ(importance.Find(Need("attn.k", 0), -1), nullptr);
  EXPECT_EQ(importance.Find(Need("attn.v", 0), -1), nullptr);
  model::WeightNeed wider = Need("attn.q", 0);
  wider.cols = 3;
  EXPECT_EQ(importance.Find(wider, -1), nullptr);
}

TEST(Importance, AFileKeepsIt) {
  const TemporaryDirectory directory;
  const std::string path = directory / "imatrix.gguf";
  const Importance importance = Example();
  ASSERT_TRUE(importance.Save(path));
  const auto loaded = Importance::Load(path);
  ASSERT_TRUE(loaded) << loaded.error().message;
  for (const int expert : {0, 1, 2})
    for (const int i : {0, 1})
      EXPECT_FLOAT_EQ(loaded->Find(Need("moe.expert.up", 3), expert)[i],
                      importance.Find(Need("moe.expert.up", 3), expert)[i]);
  EXPECT_EQ(loaded->experts_never_woken(), 1);
  EXPECT_FALSE(Importance::Load(directory.Write("other", "no imatrix")));
}

// The quantisers spend their precision where the weights are.
TEST(Importance, LowersTheErrorOfImportantInputs) {
  constexpr int64_t kCols = 256;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> row(kCols), weights(kCols, 0.01f);
  for (float& x : row) x = normal(random);
  for (int64_t i = 0; i < kCols; i += 8) weights[i] = 4;
  for (const DType type : {DType::kQ2_K, DType::kQ3_K, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K,
                           DType::kIQ4_XS, DType::kIQ4_NL, DType::kMXFP4, DType::kQ4_0}) {
    const auto error = [&](const float* importance) {
      std::vector<std::byte> bytes(static_cast<size_t>(*RowBytes(type, kCols)));
      std::vector<float> decoded(kCols);
      kernels::EncodeRow(type, row.data(), kCols, bytes.data(), importance);
      kernels::DecodeRow(type, bytes.data(), kCols, decoded.data());
      double sum = 0;
      for (int64_t i = 0; i < kCols; ++i) sum += weights[i] * std::pow(decoded[i] - row[i], 2);
      return sum;
    };
    if (type == DType::kMXFP4 || type == DType::kQ4_0) {
      EXPECT_LE(error(weights.data()), error(nullptr)) << Name(type);
    } else {
      EXPECT_LT(error(weights.data()), error(nullptr)) << Name(type);
    }
  }
}

}  // namespace
}  // namespace sluice::convert
