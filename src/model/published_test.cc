// Descriptions of published models have the size that their makers give.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/accounting.h"
#include "model/config.h"
#include "model/family.h"

namespace sluice::model {
namespace {

namespace fs = std::filesystem;

Result<Described> DescribeFile(const fs::path& path) {
  std::ifstream file(path);
  return Describe(Config(nlohmann::json::parse(file, nullptr, false), path.filename().string()));
}

struct Published {
  const char* file;
  double total, active;  // in units of 1e9
  // Relative. More where the published figure has two digits or leaves the embedding out.
  double active_slack = 0.01;
};

class PublishedSize : public ::testing::TestWithParam<Published> {};

TEST_P(PublishedSize, IsReproduced) {
  const Published& p = GetParam();
  const auto described =
      DescribeFile(fs::path(SLUICE_SOURCE_DIR "/tests/configs") / (std::string(p.file) + ".json"));
  ASSERT_TRUE(described) << described.error().message;
  const Accounting sum = Account(described->desc);
  EXPECT_NEAR(static_cast<double>(sum.parameters) / 1e9, p.total, p.total * 0.01);
  EXPECT_NEAR(static_cast<double>(sum.active_parameters) / 1e9, p.active, p.active * p.active_slack);
}

INSTANTIATE_TEST_SUITE_P(
    All, PublishedSize,
    ::testing::Values(Published{"mixtral_8x7b", 46.7, 12.9}, Published{"mixtral_8x22b", 141, 39},
                      Published{"deepseek_v2", 236, 21, 0.03}, Published{"deepseek_v2_lite", 15.7, 2.4, 0.15},
                      Published{"deepseek_v3", 671, 37, 0.02}, Published{"qwen3_30b_a3b", 30.5, 3.3, 0.02},
                      Published{"qwen3_235b_a22b", 235, 22, 0.02}, Published{"olmoe_1b_7b", 6.9, 1.3, 0.02},
                      Published{"qwen1_5_moe_a2_7b", 14.3, 2.7}, Published{"qwen2_57b_a14b", 57.4, 14.2},
                      // 3 to its makers, who leave the embedding out.
                      Published{"qwen3_next_80b_a3b", 80, 3.9}, Published{"llama_3_1_8b", 8.03, 8.03},
                      Published{"qwen3_0_6b", 0.596, 0.596}),
    [](const auto& info) { return info.param.file; });

struct Shared {
  const char* file;
  double total, active;
};

class SharedConfig : public ::testing::TestWithParam<Shared> {};

// The whole files as published, with every key that a builder does not need.
TEST_P(SharedConfig, IsDescribed) {
  const fs::path folder = SLUICE_SOURCE_DIR "/../shared/data/configs_moe/model_configs";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is absent";
  const auto described = DescribeFile(folder / (std::string(GetParam().file) + "_config.json"));
  ASSERT_TRUE(described) << described.error().message;
  const Accounting sum = Account(described->desc);
  EXPECT_NEAR(static_cast<double>(sum.parameters) / 1e9, GetParam().total, GetParam().total * 0.01);
  EXPECT_NEAR(static_cast<double>(sum.active_parameters) / 1e9, GetParam().active, GetParam().active * 0.03);
}

INSTANTIATE_TEST_SUITE_P(
    All, SharedConfig,
    ::testing::Values(
        Shared{"mistralai--Mixtral-8x7B-v0.1", 46.7, 12.9}, Shared{"mistralai--Mixtral-8x22B-v0.1", 141, 39},
        Shared{"deepseek-ai--DeepSeek-V3", 671, 37}, Shared{"deepseek-ai--DeepSeek-R1", 671, 37},
        Shared{"moonshotai--Kimi-K2-Instruct", 1030, 32}, Shared{"Qwen--Qwen3-30B-A3B", 30.5, 3.3},
        Shared{"Qwen--Qwen3-30B-A3B-FP8", 30.5, 3.3}, Shared{"Qwen--Qwen3-235B-A22B", 235, 22},
        Shared{"Qwen--Qwen3-Coder-480B-A35B-Instruct", 480, 35},
        Shared{"Qwen--Qwen3.5-35B-A3B", 34.7, 3.45},  // here and below the embedding counts
        Shared{"Qwen--Qwen3.5-122B-A10B", 122, 9.8}, Shared{"Qwen--Qwen3.5-397B-A17B", 397, 17.3},
        Shared{"Qwen--Qwen3-32B-FP8", 32.8, 32.8}, Shared{"Qwen--Qwen3-8B", 8.19, 8.19},
        Shared{"meta-llama--Meta-Llama-3.1-70B", 70.6, 70.6},
        Shared{"meta-llama--Meta-Llama-3.1-405B", 406, 406}),
    [](const auto& info) {
      std::string name = info.param.file;
      std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
      return name;
    });

}  // namespace
}  // namespace sluice::model
