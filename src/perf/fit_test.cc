#include "perf/fit.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "model/config.h"
#include "model/family.h"

namespace sluice::perf {
namespace {

constexpr int64_t kGb = 1'000'000'000;

model::Desc Published(const char* name) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR "/tests/configs/") + name + ".json");
  const Result<model::Described> described =
      model::Describe(model::Config(nlohmann::json::parse(file), name));
  EXPECT_TRUE(described);
  return described ? described->desc : model::Desc{};
}

// Reads 100 GB/s; kernels take a billion weights a second whatever their type.
FitMachine Example(int64_t memory) {
  FitMachine machine{
      .cpu = "Example", .threads = 4, .memory_bytes = memory, .available_bytes = memory, .read_bytes = 100e9};
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ6_K, DType::kQ5_K,
                           DType::kQ4_K, DType::kQ3_K, DType::kMXFP4})
    machine.products[type] = {1e9, 10e9};
  return machine;
}

FitReport Report(const char* name, int64_t memory, int64_t context = 4096,
                 kernels::KvType kv = kernels::KvType::kF16) {
  const model::Desc desc = Published(name);
  return MakeFitReport(name, desc, Storages(desc, nullptr), Example(memory), context, kv);
}

Fit In(const FitReport& report, std::string_view recipe) {
  for (const Fit& fit : report.fits)
    if (fit.storage.recipe == recipe) return fit;
  ADD_FAILURE() << "no recipe " << recipe;
  return report.fits.front();
}

TEST(Storages, HaveTheBitsOfTheirTypes) {
  const FitReport report = Report("mixtral_8x7b", 100 * kGb);
  EXPECT_NEAR(In(report, "bf16").storage.bits_per_weight(), 16, 0.02);
  EXPECT_NEAR(In(report, "q8").storage.bits_per_weight(), 8.5, 0.02);
  EXPECT_NEAR(In(report, "q4").storage.bits_per_weight(), 4.5, 0.03);
  EXPECT_LT(In(report, "q3-moe").storage.bits_per_weight(), In(report, "q4-moe").storage.bits_per_weight());
}

TEST(Storages, CountWhatATokenIsMultipliedWith) {
  const model::Accounting a = In(Report("mixtral_8x7b", 100 * kGb), "q8").storage.accounting;
  int64_t active = 0;
  for (const auto& [type, weights] : a.active_by_type) active += weights;
  const int64_t embedding = int64_t{32000} * 4096;  // one row of it is read, none multiplied
  EXPECT_NEAR(static_cast<double>(active), static_cast<double>(a.active_parameters - embedding), 1e6);
}

TEST(Fit, AddsUpWhatIsNeeded) {
  const Fit fit = In(Report("mixtral_8x7b", 100 * kGb), "q4");
  EXPECT_EQ(fit.storage.accounting.kv_bytes_per_token.usual(), 32 * 2 * 8 * 128 * 2);
  EXPECT_GT(fit.need_bytes, fit.storage.accounting.weight_bytes + 4096 * 131072);
  EXPECT_TRUE(fit.holds);
  EXPECT_EQ(fit.longest_context, 32768);
}

TEST(Fit, KnowsHowKeysAndValuesAreKept) {
  using kernels::KvType;
  const auto need = [](KvType kv) {
    return In(Report("mixtral_8x7b", 100 * kGb, 1000, kv), "q4").need_bytes;
  };
  constexpr int64_t kHeads = 32 * 2 * 8, kHalves = kHeads * 128 * 2;
  EXPECT_EQ(need(KvType::kF32) - need(KvType::kF16), 1000 * kHalves);
  EXPECT_EQ(need(KvType::kBf16), need(KvType::kF16));
  EXPECT_EQ(need(KvType::kF16) - need(KvType::kQ8), 1000 * (kHalves - kHeads * (128 + 4 * 4)));
  const auto json = FitJson(Report("mixtral_8x7b", 100 * kGb, 1000, KvType::kQ8));
  EXPECT_EQ(json["kv_type"], "q8");
  EXPECT_EQ(json["kv_bytes_per_1000_tokens"], 1000 * kHeads * (128 + 4 * 4));
  EXPECT_EQ(json["kv_bytes_per_1000_tokens_by_type"]["f32"], 2000 * kHalves);
}

// A request's own, and snapshots for as many bytes as keys and values, at least eight.
TEST(Fit, CountsStatesAndTheirSnapshots) {
  const model::Accounting a = In(Report("qwen3_next_80b_a3b", 100 * kGb), "q4").storage.accounting;
  ASSERT_EQ(a.state_bytes, 36 * (3 * 8192 + 32 * 128 * 128) * 4);
  const auto need = [](int64_t context, int64_t memory = 100 * kGb) {
    return In(Report("qwen3_next_80b_a3b", memory, context), "q4").need_bytes;
  };
  EXPECT_EQ(need(2000) - need(1000), 1000 * a.kv_bytes_per_token.usual());
  EXPECT_NEAR(need(200'000) - need(100'000), 200'000 * a.kv_bytes_per_token.usual(), a.state_bytes);
  const int64_t short_of = need(100'000) - 1;
  const int64_t longest = In(Report("qwen3_next_80b_a3b", short_of), "q4").longest_context;
  EXPECT_LT(longest, 100'000);
  EXPECT_LE(need(longest), short_of);
  EXPECT_GT(need(longest + 1), short_of);
}

TEST(Fit, ChoosesMostBitsThatFit) {
  const auto chosen = [](int64_t memory) {
    const FitReport report = Report("mixtral_8x7b", memory);
    return report.best < 0 ? std::string() : report.fits[report.best].storage.recipe;
  };
  EXPECT_EQ(chosen(200 * kGb), "q8");  // not bf16
  EXPECT_EQ(chosen(40 * kGb), "q6");
  EXPECT_EQ(chosen(10 * kGb), "");
  EXPECT_NE(FitText(Report("mixtral_8x7b", 10 * kGb)).find("does not hold"), std::string::npos);
}

TEST(Fit, PredictsFromWhatTheKernelsDo) {
  const Fit fit = In(Report("mixtral_8x7b", 100 * kGb), "q8");
  EXPECT_NEAR(fit.decode, 1e9 / 12.75e9, 0.001);
  // Attention and what is done element by element take their part of a prompt.
  EXPECT_LT(fit.prompt, 9.999 * fit.decode);
  EXPECT_GT(fit.prompt, 9 * fit.decode);
  EXPECT_NEAR(fit.decode_bound, 100e9 / static_cast<double>(fit.storage.accounting.active_bytes), 1e-6);
}

TEST(Fit, SaysItInJson) {
  const nlohmann::ordered_json json = FitJson(Report("mixtral_8x7b", 40 * kGb));
  EXPECT_EQ(json["chosen"], "q6");
  EXPECT_EQ(json["experts"], 8);
  EXPECT_EQ(json["experts_per_token"], 2);
  EXPECT_EQ(json["kv_bytes_per_1000_tokens"], 131072 * 1000);
  EXPECT_EQ(json["weights"].size(), 8);
  EXPECT_TRUE(FitJson(Report("mixtral_8x7b", kGb))["chosen"].is_null());
}

}  // namespace
}  // namespace sluice::perf
