// Descriptions of published models have the size that their makers give.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "formats/json.h"
#include "model/accounting.h"
#include "model/config.h"
#include "model/family.h"

namespace sluice::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json ReadJson(const fs::path& path) {
  const auto file = MappedFile::Open(path);
  const auto value = file ? formats::ParseJson(*file) : Result<json>();
  return value ? *value : json();
}

Result<Described> DescribeFile(const fs::path& path) {
  return Describe(Config(ReadJson(path), path.filename().string()));
}

std::string TestName(std::string name) {
  std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

// In units of 1e9, as their makers write them.
struct Size {
  const char* total;
  const char* active;  // null: not given as a number
  double unseen = 0;   // of a part that is not described: a vision tower
};

// Within 1 %, or the published figure with more digits: makers round, and some cut.
bool IsNear(double parameters, const char* published) {
  const std::string text = published;
  const size_t dot = text.find('.');
  const double digits = dot == text.npos ? 0 : static_cast<double>(text.size() - dot - 1);
  const double figure = std::strtod(published, nullptr), unit = std::pow(10, -digits);
  const double more = parameters / 1e9 - figure;
  return std::abs(more) <= std::max(0.01 * figure, 0.5 * unit) || (more > 0 && more < unit);
}

void ExpectSize(const fs::path& path, const Size& size) {
  const auto described = DescribeFile(path);
  ASSERT_TRUE(described) << described.error().message;
  const Accounting sum = Account(described->desc);
  EXPECT_TRUE(IsNear(static_cast<double>(sum.parameters) + size.unseen * 1e9, size.total))
      << sum.parameters << ", published are " << size.total << "e9";
  if (!size.active) return;
  // Some makers leave the embedding out of what is active, some the head too.
  const double table = static_cast<double>(described->desc.vocab) * described->desc.dim,
               active = static_cast<double>(sum.active_parameters);
  EXPECT_TRUE(IsNear(active, size.active) || IsNear(active - table, size.active) ||
              IsNear(active - 2 * table, size.active))
      << sum.active_parameters << ", published are " << size.active << "e9";
}

// What a clone holds.
struct Published {
  const char* file;
  Size size;
};

class PublishedSize : public ::testing::TestWithParam<Published> {};

TEST_P(PublishedSize, IsReproduced) {
  ExpectSize(fs::path(SLUICE_SOURCE_DIR "/tests/configs") / (std::string(GetParam().file) + ".json"),
             GetParam().size);
}

constexpr Published kPublished[] = {
    {"arctic", {"480", "17"}},
    {"dbrx", {"132", "36"}},
    {"deepseek_v2", {"236", "21"}},
    {"deepseek_v2_lite", {"15.7", "2.4"}},
    {"deepseek_v3", {"671", "37"}},
    {"deepseek_v32", {"671", "37"}},
    {"dots1", {"142", "14"}},
    {"ernie_4_5_21b_a3b", {"21", "3"}},
    {"flex_olmo_7x7b", {"33", "20"}},
    {"gemma2_9b", {"9.24", "9.24"}},
    {"gemma3_1b", {"1.0", "1.0"}},
    {"gemma4_26b_a4b", {"25.2", "3.8"}},
    {"glm4_5", {"355", "32"}},
    {"glm4_5_air", {"106", "12"}},
    {"glm_5", {"744", "40"}},
    {"glm_5_2", {"744", "40"}},
    {"gpt_oss_120b", {"116.8", "5.1"}},
    {"gpt_oss_20b", {"20.9", "3.6"}},
    {"granite_3_0_3b_a800m", {"3.3", "0.8"}},
    {"grok1", {"314", nullptr}},
    {"hunyuan_a13b", {"80", "13"}},
    {"kimi_k2", {"1026", "32"}},
    {"llama4_maverick", {"400", "17"}},
    {"llama4_scout", {"109", "17", 0.87}},
    {"llama_3_1_8b", {"8.03", "8.03"}},
    {"minimax_m2_5", {"230", "10"}},
    {"mixtral_8x22b", {"141", "39"}},
    {"mixtral_8x7b", {"46.7", "12.9"}},
    {"olmoe_1b_7b", {"6.9", "1.3"}},
    {"phi3_5_moe", {"41.9", "6.6"}},
    {"qwen1_5_moe_a2_7b", {"14.3", "2.7"}},
    {"qwen2_57b_a14b", {"57.4", "14.2"}},
    {"qwen2_7b", {"7.62", "7.62"}},
    {"qwen3_0_6b", {"0.6", "0.6"}},
    {"qwen3_5_35b_a3b", {"35", "3"}},
    {"qwen3_next_80b_a3b", {"80", "3"}},
    {"qwen3_235b_a22b", {"235", "22"}},
    {"qwen3_30b_a3b", {"30.5", "3.3"}},
    {"t5_small", {"0.0605", "0.0605"}},
    {"t5_11b", {"11.3", "11.3"}},
    {"t5_v1_1_base", {"0.2476", "0.2476"}},
    {"flan_t5_xl", {"2.85", "2.85"}},
    {"switch_base_8", {"0.62", "0.22"}},
    {"switch_base_128", {"7.4", "0.22"}},
    {"switch_large_128", {"26.3", "0.74"}},
    {"switch_c_2048", {"1571", "1.7"}},
};

INSTANTIATE_TEST_SUITE_P(All, PublishedSize, ::testing::ValuesIn(kPublished),
                         [](const auto& info) { return std::string(info.param.file); });

TEST(PublishedSizes, CoverEveryFamilyAndEveryFile) {
  std::set<std::string_view> families;
  std::set<std::string> files;
  for (const Published& p : kPublished) {
    files.insert(p.file);
    const auto described =
        DescribeFile(fs::path(SLUICE_SOURCE_DIR "/tests/configs") / (std::string(p.file) + ".json"));
    if (described) families.insert(described->family->name);
  }
  for (const Family* family : Families())
    EXPECT_TRUE(families.contains(family->name)) << family->name << " has no published size here";
  for (const auto& entry : fs::directory_iterator(SLUICE_SOURCE_DIR "/tests/configs")) {
    if (entry.path().extension() != ".json") continue;
    EXPECT_TRUE(files.contains(entry.path().stem())) << entry.path() << " has no published size here";
  }
}

// The whole files as published, with every key that a builder does not need.
const std::map<std::string, Size> kWhole = {
    {"MiniMaxAI--MiniMax-M2.5", {"230", "10"}},
    {"MiniMaxAI--MiniMax-M2.7", {"230", "10"}},
    {"Qwen--Qwen3-0.6B", {"0.6", "0.6"}},
    {"Qwen--Qwen3-1.7B", {"1.7", "1.7"}},
    {"Qwen--Qwen3-235B-A22B", {"235", "22"}},
    {"Qwen--Qwen3-235B-A22B-FP8", {"235", "22"}},
    {"Qwen--Qwen3-30B-A3B", {"30.5", "3.3"}},
    {"Qwen--Qwen3-30B-A3B-FP8", {"30.5", "3.3"}},
    {"Qwen--Qwen3-32B", {"32.8", "32.8"}},
    {"Qwen--Qwen3-32B-FP8", {"32.8", "32.8"}},
    {"Qwen--Qwen3-8B", {"8.2", "8.2"}},
    {"Qwen--Qwen3-Coder-480B-A35B-Instruct", {"480", "35"}},
    {"Qwen--Qwen3.5-122B-A10B", {"122", "10"}},
    {"Qwen--Qwen3.5-35B-A3B", {"35", "3"}},
    {"Qwen--Qwen3.5-397B-A17B", {"397", "17"}},
    {"deepseek-ai--DeepSeek-R1", {"671", "37"}},
    {"deepseek-ai--DeepSeek-V3", {"671", "37"}},
    {"deepseek-ai--DeepSeek-V3.2", {"671", "37"}},
    {"google--gemma-4-26B-A4B", {"25.2", "3.8"}},
    {"meta-llama--Llama-4-Maverick-17B-128E-Instruct", {"400", "17"}},
    {"meta-llama--Llama-4-Scout-17B-16E-Instruct", {"109", "17", 0.87}},
    {"meta-llama--Meta-Llama-3.1-405B", {"405", "405"}},
    {"meta-llama--Meta-Llama-3.1-70B", {"70.6", "70.6"}},
    {"meta-llama--Meta-Llama-3.1-8B", {"8.03", "8.03"}},
    {"mistralai--Mixtral-8x22B-v0.1", {"141", "39"}},
    {"mistralai--Mixtral-8x7B-v0.1", {"46.7", "12.9"}},
    {"moonshotai--Kimi-K2-Instruct", {"1026", "32"}},
    {"nvidia--DeepSeek-V3.1-NVFP4", {"671", "37"}},
    {"nvidia--DeepSeek-V3.2-NVFP4", {"671", "37"}},
    {"nvidia--GLM-5-NVFP4", {"744", "40"}},
    {"nvidia--Llama-3.1-70B-Instruct-FP8", {"70.6", "70.6"}},
    {"nvidia--Qwen3-235B-A22B-NVFP4", {"235", "22"}},
    {"openai--gpt-oss-120b", {"116.8", "5.1"}},
    {"openai--gpt-oss-20b", {"20.9", "3.6"}},
    {"zai-org--GLM-5", {"744", "40"}},
    {"zai-org--GLM-5-FP8", {"744", "40"}},
    {"zai-org--GLM-5.1", {"744", "40"}},
    {"zai-org--GLM-5.1-FP8", {"744", "40"}},
    {"zai-org--GLM-5.2", {"744", "40"}},
    {"zai-org--GLM-5.2-FP8", {"744", "40"}},
};

constexpr std::string_view kConfigSuffix = "_config.json";

std::vector<std::string> WholeFiles() {
  const fs::path folder = SLUICE_SOURCE_DIR "/../shared/data/configs_moe/model_configs";
  std::vector<std::string> files;
  if (!fs::exists(folder)) return {"absent"};
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string file = entry.path().filename();
    if (file.ends_with(kConfigSuffix)) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::string ModelOf(const std::string& path) {
  const std::string file = fs::path(path).filename();
  return file.ends_with(kConfigSuffix) ? file.substr(0, file.size() - kConfigSuffix.size()) : file;
}

class WholeConfig : public ::testing::TestWithParam<std::string> {};

// A file is described with the published size, or refused by the name of what is not supported.
TEST_P(WholeConfig, IsDescribedOrRefusedByName) {
  if (GetParam() == "absent") GTEST_SKIP() << "../shared/data/configs_moe is absent";
  const auto known = kWhole.find(ModelOf(GetParam()));
  if (known != kWhole.end()) return ExpectSize(GetParam(), known->second);
  const auto described = DescribeFile(GetParam());
  ASSERT_FALSE(described) << "a " << described->family->name << " without a published size here";
  const json config = ReadJson(GetParam());
  const std::string type = config.value("model_type", "");
  const std::string& message = described.error().message;
  const bool by_type = type.empty()
                           ? message.find("model_type is missing") != message.npos
                           : message.find("model_type \"" + type + "\" is not supported") != message.npos;
  const bool by_quantization = message.find("quantization_config.quant_method is ") != message.npos;
  EXPECT_TRUE(by_type || by_quantization) << message;
}

INSTANTIATE_TEST_SUITE_P(All, WholeConfig, ::testing::ValuesIn(WholeFiles()),
                         [](const auto& info) { return TestName(ModelOf(info.param)); });

}  // namespace
}  // namespace sluice::model
