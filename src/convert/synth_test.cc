#include "convert/synth.h"

#include <gtest/gtest.h>

#include <unistd.h>
#include <cmath>
#include <cstring>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "convert/mix.h"
#include "convert/random_blocks.h"
#include "formats/checkpoint.h"
#include "kernels/blocks.h"
#include "model/family.h"

namespace sluice::convert {
namespace {

constexpr const char* kSmallMixtral =
    R"({"model_type": "mixtral", "hidden_size": 256, "intermediate_size": 288,
  "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 2, "max_position_embeddings": 512,
  "vocab_size": 1000, "rms_norm_eps": 1e-5, "num_local_experts": 8, "num_experts_per_tok": 2,
  "tie_word_embeddings": false})";

class Synth : public testing::Test {
 protected:
  Synth() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              (std::string("sluice-synth-") + test->name() + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "config.json") << kSmallMixtral;
  }
  ~Synth() override { std::filesystem::remove_all(folder_); }

  SynthOptions Options(const std::string& types) const {
    return {.shape = folder_.string(), .output = (folder_ / "out.gguf").string(), .types = types};
  }
  std::filesystem::path folder_;
};

TEST_F(Synth, WritesWhatLoads) {
  for (std::string_view types : TypeMixNames()) {
    const SynthOptions options = Options(std::string(types));
    const auto report = Synthesize(options);
    ASSERT_TRUE(report) << types << ": " << report.error().message;
    EXPECT_EQ(report->bytes, std::filesystem::file_size(options.output));
    const auto checkpoint = formats::OpenCheckpoint(options.output);
    ASSERT_TRUE(checkpoint) << types << ": " << checkpoint.error().message;
    const auto described = model::Describe(*checkpoint);
    ASSERT_TRUE(described) << types << ": " << described.error().message;
    const auto weights = model::ResolveWeights(*checkpoint, *described);
    ASSERT_TRUE(weights) << types << ": " << weights.error().message;
    EXPECT_EQ(checkpoint->gguf.Strings("tokenizer.ggml.tokens")->size(), 1000u);
  }
}

TEST_F(Synth, MixesAsPublishedFilesDo) {
  ASSERT_TRUE(Synthesize(Options("Q4_K_M")));
  const auto checkpoint = formats::OpenCheckpoint((folder_ / "out.gguf").string()).value();
  const auto type = [&](const char* name) {
    const formats::Tensor* tensor = checkpoint.tensors.Find(name);
    return tensor ? Name(tensor->dtype) : "absent";
  };
  EXPECT_EQ(type("token_embd.weight"), "Q4_K");
  EXPECT_EQ(type("output.weight"), "Q6_K");
  EXPECT_EQ(type("output_norm.weight"), "F32");
  EXPECT_EQ(type("blk.0.attn_q.weight"), "Q4_K");
  EXPECT_EQ(type("blk.0.attn_k.weight"), "Q8_0");  // eight experts
  EXPECT_EQ(type("blk.0.attn_v.weight"), "Q8_0");
  EXPECT_EQ(type("blk.0.attn_output.weight"), "Q5_K");
  EXPECT_EQ(type("blk.0.ffn_gate_inp.weight"), "F32");
  EXPECT_EQ(type("blk.0.ffn_gate_exps.weight"), "Q4_K");
  // Rows of 288 hold no whole block of 256. More bits at both ends and every third layer.
  EXPECT_EQ(type("blk.0.ffn_down_exps.weight"), "Q8_0");
  EXPECT_EQ(type("blk.1.ffn_down_exps.weight"), "Q5_0");
  EXPECT_EQ(type("blk.3.ffn_down_exps.weight"), "Q8_0");
  EXPECT_EQ(type("blk.7.ffn_down_exps.weight"), "Q8_0");
}

TEST_F(Synth, DependsOnTheSeedOnly) {
  const auto bytes = [&](uint64_t seed) {
    SynthOptions options = Options("Q5_K_M");
    options.seed = seed;
    EXPECT_TRUE(Synthesize(options));
    std::ifstream file(options.output, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string first = bytes(1);
  EXPECT_EQ(first, bytes(1));
  EXPECT_NE(first, bytes(2));
}

TEST_F(Synth, KeepsTheFirstLayers) {
  SynthOptions options = Options("Q8_0");
  options.layers = 3;
  ASSERT_TRUE(Synthesize(options));
  const auto checkpoint = formats::OpenCheckpoint(options.output).value();
  EXPECT_EQ(model::Describe(checkpoint).value().desc.decoder.layers.size(), 3u);
  options.layers = 9;
  EXPECT_EQ(Synthesize(options).error().code, ErrorCode::kUsage);
}

TEST_F(Synth, StatesOfLinearAttentionFade) {
  SynthOptions options = Options("Q8_0");
  std::ifstream golden(SLUICE_SOURCE_DIR "/tests/golden/qwen3_next/config.json");
  nlohmann::json config = nlohmann::json::parse(golden);
  config["vocab_size"] = 1024;
  options.shape = (folder_ / "config.json").string();
  std::ofstream(options.shape) << config;
  ASSERT_TRUE(Synthesize(options));
  const auto checkpoint = formats::OpenCheckpoint(options.output).value();
  const formats::Tensor* rate = checkpoint.tensors.Find("blk.0.ssm_a");
  ASSERT_NE(rate, nullptr);
  ASSERT_EQ(rate->dtype, DType::kF32);
  std::vector<float> rates(static_cast<size_t>(rate->elements()));
  std::memcpy(rates.data(), checkpoint.Bytes(*rate).data(), rate->size);
  EXPECT_EQ(rates, std::vector<float>(rates.size(), -1.0f));
}

TEST_F(Synth, NamesWhatItDoesNotKnow) {
  SynthOptions options = Options("Q4_X");
  EXPECT_EQ(Synthesize(options).error().code, ErrorCode::kUsage);
  options = Options("Q4_K_M");
  options.shape = "mixtrol-8x7b";
  const auto refused = Synthesize(options);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().hint.find("mixtral-8x7b"), std::string::npos) << refused.error().hint;
}

TEST(RandomBlocks, HaveTheSizeAskedFor) {
  for (int i = 0; i <= static_cast<int>(DType::kQ2_0); ++i) {
    const DType dtype = static_cast<DType>(i);
    const bool floats = dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
    if ((Info(dtype).block_size == 1 && !floats) || dtype == DType::kQ8_K) continue;
    Random random(7);
    constexpr int64_t kElements = 256 * 64;
    const auto bytes = RandomBlocks(dtype, kElements, 0.02f, random);
    std::vector<float> values(kElements);
    kernels::DecodeRow(dtype, bytes.data(), kElements, values.data());
    double sum = 0;
    for (float v : values) sum += double{v} * v;
    const double tolerance = dtype == DType::kNVFP4 ? 0.004 : 0.002;  // its scales are coarse
    EXPECT_NEAR(std::sqrt(sum / kElements), 0.02, tolerance) << Name(dtype);
  }
}

TEST(Shapes, AreDescribedAndNamed) {
  for (std::string_view shape : ShapeNames()) {
    SynthOptions options{.shape = std::string(shape), .output = "/nonexistent/out.gguf"};
    const auto result = Synthesize(options);  // fails where the file is created, not before
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message.find("/nonexistent"), std::string::npos)
        << shape << ": " << result.error().message;
  }
}

}  // namespace
}  // namespace sluice::convert
