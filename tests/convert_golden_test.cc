// Converting a checkpoint changes its container, not its answers.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "convert/tensor_list.h"
#include "convert/to_gguf.h"
#include "engine/compare.h"
#include "engine/verify.h"
#include "formats/checkpoint.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

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
    "flex_olmo", "gemma2", "gemma3", "llama4", "llama4_text",
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

// Names that other programs look for, where a family's differ from the usual ones.
TEST(ConvertNames, AreThoseOfTheArchitecture) {
  constexpr struct {
    const char *golden, *tensor;
  } kNames[] = {{"arctic", "blk.0.ffn_norm_exps.weight"},
                {"dbrx", "blk.0.attn_output_norm.weight"},
                {"dbrx", "blk.0.attn_qkv.weight"},
                {"qwen3_next", "blk.0.attn_qkv.weight"},
                {"qwen3_next", "blk.0.ssm_ba.weight"},
                {"qwen3_next", "blk.0.ssm_out.weight"},
                {"qwen3_next", "blk.3.attn_output.weight"},
                {"deepseek_v32", "blk.0.indexer.attn_q_b.weight"},
                {"glm4_moe", "blk.0.post_attention_norm.weight"},
                {"gpt_oss", "blk.0.post_attention_norm.weight"},
                {"grok1", "blk.0.layer_output_norm.weight"},
                {"phimoe", "rope_factors_long.weight"},
                {"phimoe", "blk.0.attn_output.bias"},
                {"phimoe", "output.bias"},
                {"t5", "dec.blk.0.cross_attn_q.weight"},
                {"t5", "enc.blk.0.attn_rel_b.weight"},
                {"t5_v11", "dec.blk.2.ffn_gate.weight"},
                {"switch", "enc.blk.1.ffn_up_exps.weight"},
                {"qwen3_5_moe", "blk.0.ssm_alpha.weight"},
                {"gemma4_moe", "blk.0.ffn_gate_inp.scale"},
                {"gemma4_moe", "blk.3.layer_output_scale.weight"},
                {"gemma4_moe", "rope_freqs.weight"},
                {"minimax_m2", "blk.0.exp_probs_b.bias"}};
  for (const auto& [golden, tensor] : kNames) {
    const auto checkpoint = formats::OpenCheckpoint(kGoldens / golden);
    ASSERT_TRUE(checkpoint) << golden;
    const auto described = model::Describe(*checkpoint);
    ASSERT_TRUE(described) << golden;
    const auto mix = convert::ParseTypeMix("F32");
    const auto tensors = convert::ListTensors({described->family, convert::GgufForm(described->desc)}, *mix);
    ASSERT_TRUE(tensors) << tensors.error().message;
    EXPECT_TRUE(std::ranges::any_of(*tensors, [&](const auto& t) { return t.name == tensor; }))
        << golden << " has no " << tensor;
  }
}

// What GGUF takes for granted of an architecture is what its released models have: so must a model that is
// converted. There are no goldens of these, but the files' own answers.
struct Edited {
  const char* golden;
  json changes;
};

class EditedFolder {
 public:
  explicit EditedFolder(const std::string& name)
      : path(fs::temp_directory_path() / ("sluice-edited-" + name + "-" + std::to_string(getpid()))) {
    fs::create_directories(path);
  }
  ~EditedFolder() { fs::remove_all(path); }

  void Fill(const Edited& edited) const {
    for (const auto& entry : fs::directory_iterator(kGoldens / edited.golden))
      if (entry.path().filename() != "config.json")
        fs::create_symlink(entry.path(), path / entry.path().filename());
    json config = json::parse(std::ifstream(kGoldens / edited.golden / "config.json"));
    (config.contains("text_config") ? config["text_config"] : config).update(edited.changes);
    std::ofstream(path / "config.json") << config;
    std::ofstream(path / "tokenizer.json") << kTokenizer;
  }

  const fs::path path;
};

// What GGUF has no word for is refused by name.
TEST(ConvertRefused, NamesTheSetting) {
  const struct {
    Edited model;
    const char* named;
  } kCases[] = {
      {{"t5", {{"relative_attention_max_distance", 64}}}, "up to a distance of 64"},
      {{"t5", {{"feed_forward_proj", "gelu"}}}, "the activation gelu"},
      {{"switch", {{"dense_act_fn", "gelu"}}}, "the activation gelu"},
      {{"gemma2", {{"query_pre_attn_scalar", 99}}}, "attention scaled by 0.100504"},
      {{"flex_olmo", json::object()}, "no architecture for flex_olmo"},
  };
  for (const auto& [model, named] : kCases) {
    const EditedFolder folder("refused");
    folder.Fill(model);
    const auto converted = convert::ConvertToGguf({.input = folder.path, .output = folder.path / "out.gguf"});
    ASSERT_FALSE(converted) << model.golden << model.changes;
    EXPECT_NE(converted.error().message.find(named), std::string::npos) << converted.error().message;
  }
}

const std::vector<Edited>& EditedModels() {
  static const std::vector<Edited> models = {
      {"gemma2", {{"query_pre_attn_scalar", 16}}},
      {"gemma3", {{"query_pre_attn_scalar", 16}, {"sliding_window_pattern", 6}}},
      {"llama4", {{"attention_chunk_size", 8192}, {"floor_scale", 8192}, {"attn_scale", 0.1}}},
      {"llama4_text", {{"attention_chunk_size", 8192}, {"floor_scale", 8192}, {"attn_scale", 0.1}}},
  };
  return models;
}

class ConvertEdited : public testing::TestWithParam<int> {};

TEST_P(ConvertEdited, KeepsTheAnswers) {
  const EditedFolder folder(std::to_string(GetParam()));
  folder.Fill(EditedModels()[static_cast<size_t>(GetParam())]);
  const std::string output = folder.path / "out.gguf";
  const auto converted =
      convert::ConvertToGguf({.input = folder.path, .output = output, .types = "F32", .threads = 2});
  ASSERT_TRUE(converted) << converted.error().message;
  ThreadTeam team(2, /*pin=*/false);
  const auto original = formats::OpenCheckpoint(folder.path), written = formats::OpenCheckpoint(output);
  ASSERT_TRUE(original && written);
  const auto reference = model::LoadModel(*original, team, {.exact = true});
  const auto model = model::LoadModel(*written, team, {.exact = true});
  ASSERT_TRUE(reference) << reference.error().message;
  ASSERT_TRUE(model) << model.error().message;
  std::vector<int32_t> window;
  for (int i = 0; i < 24; ++i) window.push_back(i * 7 % 19);
  const auto report = engine::Compare(**model, **reference, team, {window}, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_LT(report->largest_divergence, 1e-8);
  EXPECT_EQ(report->same_top_token, report->tokens);
  EXPECT_EQ(report->same_expert_set, report->router_choices);
}

INSTANTIATE_TEST_SUITE_P(All, ConvertEdited, testing::Range(0, static_cast<int>(EditedModels().size())),
                         [](const auto& info) {
                           return std::string(EditedModels()[static_cast<size_t>(info.param)].golden);
                         });

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
