// Converting a checkpoint changes its container, not its answers.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "convert/to_gguf.h"
#include "engine/verify.h"
#include "formats/checkpoint.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = SLUICE_SOURCE_DIR "/tests/golden";

// The goldens come without a tokenizer.
constexpr const char* kTokenizer = R"({"added_tokens": [{"id": 2, "content": "<end>", "special": true}],
  "pre_tokenizer": {"type": "ByteLevel", "use_regex": true},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 3}, "merges": ["a b"]}})";

class ConvertGolden : public testing::TestWithParam<std::string> {
 protected:
  ConvertGolden()
      : folder_(fs::temp_directory_path() / ("sluice-convert-" + GetParam() + std::to_string(getpid()))) {
    fs::create_directories(folder_);
    for (const auto& entry : fs::directory_iterator(kGoldens / GetParam()))
      fs::create_symlink(entry.path(), folder_ / entry.path().filename());
    std::ofstream(folder_ / "tokenizer.json") << kTokenizer;
  }
  ~ConvertGolden() override { fs::remove_all(folder_); }

  fs::path folder_;
};

// Families that GGUF has no architecture for, or whose settings its metadata or the converter cannot express.
constexpr std::string_view kRefused[] = {
    "arctic",           "arctic_freq2", "deepseek_v32", "ernie4_5_moe",    "flex_olmo",
    "gemma2",           "gemma3",       "gemma4_moe",   "glm_moe_dsa",     "granitemoe",
    "granitemoeshared", "grok1",        "grok1_keyfan", "hunyuan_v1_moe",  "llama4",
    "llama4_text",      "minimax_m2",   "phimoe",       "phimoe_longrope", "qwen3_5_moe",
    "qwen3_next",       "switch",       "t5",           "t5_v11",
};

TEST_P(ConvertGolden, KeepsTheAnswers) {
  const std::string output = folder_ / "out.gguf";
  const auto converted =
      convert::ConvertToGguf({.input = folder_, .output = output, .types = "F32", .threads = 2});
  if (std::ranges::find(kRefused, GetParam()) != std::end(kRefused)) {
    ASSERT_FALSE(converted);
    EXPECT_FALSE(fs::exists(output));
    return;
  }
  ASSERT_TRUE(converted) << converted.error().message;
  EXPECT_EQ(converted->bytes, fs::file_size(output));

  ThreadTeam team(2, /*pin=*/false);
  const auto checkpoint = formats::OpenCheckpoint(output);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->gguf.Strings("tokenizer.ggml.tokens")->at(3), "ab");
  const auto model = model::LoadModel(*checkpoint, team, {.exact = true, .progress = {}});
  ASSERT_TRUE(model) << model.error().message;
  const auto report = engine::Verify(**model, team, kGoldens / GetParam() / "golden.safetensors", {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_LE(report->logits.error, report->tolerance);
  EXPECT_EQ(report->router_differences, 0);
  EXPECT_EQ(report->greedy_equal, report->greedy_tokens);
}

std::vector<std::string> Folders() {
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(kGoldens)) {
    const std::string name = entry.path().filename();
    if (fs::exists(entry.path() / "config.json") && !name.starts_with("gguf_")) folders.push_back(name);
  }
  std::ranges::sort(folders);
  return folders;
}

INSTANTIATE_TEST_SUITE_P(All, ConvertGolden, testing::ValuesIn(Folders()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace sluice
