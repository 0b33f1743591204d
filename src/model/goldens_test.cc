// Every golden model of the supported families is described and its weights are found.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "model/edited_checkpoint.h"
#include "model/family.h"

namespace sluice::model {
namespace {

namespace fs = std::filesystem;

// Folders under tests/golden that hold a model.
std::vector<std::string> GoldenFolders() {
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(SLUICE_SOURCE_DIR "/tests/golden")) {
    const std::string folder = entry.path().filename();
    const bool gguf = GoldenPath(folder).ends_with(".gguf"),
               hugging_face = fs::exists(entry.path() / "config.json");
    if (fs::exists(entry.path() / "golden.safetensors") && (gguf || hugging_face)) folders.push_back(folder);
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, IsDescribedAndResolved) {
  const formats::Checkpoint checkpoint = OpenGolden(GetParam());
  const auto described = Describe(checkpoint);
  ASSERT_TRUE(described) << described.error().message;
  const auto weights = ResolveWeights(checkpoint, *described);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_NE(weights->Find("embed"), nullptr);
  EXPECT_EQ(weights->Find("head") == nullptr, described->desc.tied);
  // Blocks that predict further tokens, a part that sees, a tied head stored again, copies of the embedding.
  static const std::set<std::string> kHoldMore = {"glm4_moe", "gguf_glm4moe_q8", "grok1_keyfan", "llama4",
                                                  "t5",       "t5_v11"};
  EXPECT_EQ(weights->skipped().empty(), !kHoldMore.contains(GetParam()));
}

// Whoever adds a family adds what its reference answers.
TEST(Goldens, CoverEveryFamily) {
  std::set<std::string_view> covered;
  for (const std::string& folder : GoldenFolders()) {
    const auto described = Describe(OpenGolden(folder));
    if (described) covered.insert(described->family->name);
  }
  for (const Family* family : Families())
    EXPECT_TRUE(covered.contains(family->name)) << family->name << " has no golden in tests/golden";
}

INSTANTIATE_TEST_SUITE_P(All, Golden, ::testing::ValuesIn(GoldenFolders()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace sluice::model
