#include "model/describe.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/edited_checkpoint.h"

namespace sluice::model {
namespace {

struct Opened {
  explicit Opened(const std::string& golden) : checkpoint(OpenGolden(golden)) {
    auto d = Describe(checkpoint);
    EXPECT_TRUE(d) << d.error().message;
    described = std::move(*d);
    auto w = ResolveWeights(checkpoint, described);
    EXPECT_TRUE(w) << w.error().message;
    weights = std::move(*w);
  }
  formats::Checkpoint checkpoint;
  Described described;
  WeightMap weights;
};

// The parameter counts stand in the goldens' source.txt, for t5 with a table that nothing reads (96) and for
// t5_v11 with two copies of the embedding (10240).
TEST(Accounting, CountsWhatTheGoldensCount) {
  const std::pair<const char*, int64_t> counts[] = {
      {"mixtral", 85488}, {"olmoe", 86400},       {"qwen2_moe", 81400},   {"qwen3_moe", 60640},
      {"llama", 72000},   {"qwen2", 74304},       {"qwen3", 78240},       {"deepseek_v2_lite", 82740},
      {"mistral", 72000}, {"deepseek_v2", 95164}, {"deepseek_v3", 92316}, {"deepseek_v3_fp8", 621600},
      {"switch", 65920},  {"t5", 65760},          {"t5_v11", 80224},
  };
  for (const auto& [golden, parameters] : counts) {
    EXPECT_EQ(Account(Opened(golden).described.desc).parameters, parameters) << golden;
  }
}

TEST(Accounting, AddsUpOneMixtralToken) {
  const Opened m(
      "mixtral");  // width 48, 2 layers, 4 heads of 12 on 2, 8 experts of 24, 2 used, vocabulary 160
  const Accounting sum = Account(m.described.desc, &m.weights);
  const int64_t expert = 3 * 24 * 48, attention = 48 * (48 + 24 + 24 + 48), router = 8 * 48;
  EXPECT_EQ(sum.expert_parameters, 2 * 8 * expert);
  EXPECT_EQ(sum.active_parameters, sum.parameters - 2 * 6 * expert);
  EXPECT_EQ(sum.weight_bytes, sum.parameters * 4);
  EXPECT_EQ(sum.bytes_by_type, (std::map<DType, int64_t>{{DType::kF32, sum.weight_bytes}}));
  EXPECT_EQ(sum.active_bytes, (sum.active_parameters - 159 * 48) * 4);  // one row of the embedding
  EXPECT_EQ(sum.kv_bytes_per_token.usual(), 2 * 2 * 24 * 2);
  EXPECT_EQ(sum.kv_bytes_per_token.Of(kernels::KvType::kF32), 2 * 2 * 24 * 4);
  EXPECT_EQ(sum.kv_bytes_per_token.Of(kernels::KvType::kBf16), 2 * 2 * 24 * 2);
  EXPECT_EQ(sum.kv_bytes_per_token.Of(kernels::KvType::kQ8), 2 * 2 * 2 * (12 + 4)) << "a scale for each head";
  EXPECT_EQ(sum.flops_per_token, 2.0 * (2 * (attention + router + 2 * expert) + 160 * 48));
  EXPECT_EQ(AttentionFlops(m.described.desc, 10), 2 * 4.0 * 48 * 10);
}

TEST(Accounting, ReadsATiedEmbeddingWhole) {
  const Opened m("qwen2");
  const Accounting sum = Account(m.described.desc, &m.weights);
  EXPECT_EQ(sum.active_bytes, sum.weight_bytes);
  EXPECT_EQ(sum.active_bytes, sum.parameters * 4);
}

TEST(Accounting, CountsBytesOfEveryTensorOnce) {
  for (const char* golden : {"gguf_deepseek2_lite_mla", "gguf_mixtral_gate_up_merged", "deepseek_v3_fp8"}) {
    const Opened m(golden);
    int64_t bytes = 0;
    for (const formats::Tensor& t : m.checkpoint.tensors.tensors()) bytes += static_cast<int64_t>(t.size);
    EXPECT_EQ(Account(m.described.desc, &m.weights).weight_bytes, bytes) << golden;
  }
}

TEST(Accounting, CompressesTheCacheOfLatentAttention) {
  const Opened m("deepseek_v2");
  EXPECT_EQ(Account(m.described.desc).kv_bytes_per_token.usual(), 3 * (20 + 8) * 2);
  EXPECT_EQ(AttentionFlops(m.described.desc, 5), 3 * 2.0 * 4 * (2 * 20 + 8) * 5);
  EXPECT_EQ(Account(m.described.desc).kv_bytes_per_token.Of(kernels::KvType::kQ8), 3 * (28 + 4));
}

TEST(Accounting, WindowsBoundAttention) {
  const Opened m("mistral");
  EXPECT_EQ(AttentionFlops(m.described.desc, 100), AttentionFlops(m.described.desc, 8));
}

TEST(Describe, TellsEqualLayersOnce) {
  const Opened m("deepseek_v3");
  const std::string text = DescribeText(m.described, &m.weights);
  for (const char* part : {"layer 0\n", "layers 1 to 2\n", "4 of 16 experts 12 wide",
                           "sigmoid, renormalised, x2.5", "from 2 of 4 groups by sum of two best",
                           "YaRN x40 from 4096 tokens", "read per token", "(f16; f32 ", ", bf16 ", ", q8 "}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_EQ(DescribeText(m.described, nullptr).find("read per token"), std::string::npos);
}

TEST(Describe, SaysWhatIsKeptInsteadOfACache) {
  const Opened m("qwen3_next");  // three layers with 2 + 4 heads of 8 and a state, one with 2 heads of 16
  const int64_t state = 3 * (2 * 2 * 8 + 4 * 8) + 4 * 8 * 8;
  const Accounting sum = Account(m.described.desc, &m.weights);
  EXPECT_EQ(sum.parameters, 76784);  // stands in the golden's source.txt
  EXPECT_EQ(sum.state_bytes, 3 * state * 4);
  EXPECT_EQ(sum.kv_bytes_per_token.usual(), 2 * 2 * 16 * 2);
  const std::string text = DescribeText(m.described, &m.weights);
  for (const char* part : {"layers 0 to 2\n", "linear, 2 heads of 8 for keys, 4 of 8 for values",
                           "a state of 1.8 KiB", "state             5.2 KiB per request"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  EXPECT_EQ(DescribeText(Opened("qwen3_moe").described, nullptr).find("\nstate"), std::string::npos);
}

TEST(Describe, NamesWhatIsLeftUnused) {
  formats::Checkpoint checkpoint = OpenGolden("qwen3_5_moe");
  formats::Tensor extra = *checkpoint.tensors.Find("lm_head.weight");
  for (const char* name :
       {"mtp.fc.weight", "mtp.layers.0.self_attn.q_proj.weight", "model.visual.pos_embed.weight"}) {
    extra.name = name;
    ASSERT_TRUE(checkpoint.tensors.Add(extra));
  }
  const auto described = Describe(checkpoint);
  ASSERT_TRUE(described) << described.error().message;
  const auto weights = ResolveWeights(checkpoint, *described);
  ASSERT_TRUE(weights) << weights.error().message;
  const std::string text = DescribeText(*described, &*weights);
  EXPECT_NE(text.find("left unused       1 tensor model.visual.*, 2 tensors mtp.*\n"), std::string::npos)
      << text;
}

TEST(Describe, WritesEveryField) {
  const Opened m("qwen3_moe");
  const nlohmann::ordered_json json = DescribeJson(m.described, &m.weights);
  EXPECT_EQ(json["layers"].size(), 1u);
  EXPECT_EQ(json["layers"][0]["last"], 1);
  const auto& attention = json["layers"][0]["steps"][0]["op"];
  EXPECT_EQ(attention["qk_norm"], "per head");
  EXPECT_EQ(attention["qk_norm_eps"].dump(), "1e-06");
  EXPECT_EQ(json["layers"][0]["steps"][1]["op"]["router"]["top_k"], 4);
  EXPECT_EQ(json["costs"]["parameters"], 60640);
  EXPECT_EQ(json["costs"]["bytes_by_type"]["F32"], 60640 * 4);
  EXPECT_FALSE(DescribeJson(m.described, nullptr)["costs"].contains("weight_bytes"));
}

TEST(Describe, DiffsTwoModels) {
  const Opened a("mixtral");
  EXPECT_EQ(DiffText(a.described, a.described), "");
  formats::Checkpoint other = OpenGolden("mixtral");
  other.config["num_experts_per_tok"] = 3;
  other.config["rms_norm_eps"] = 1e-6;
  const auto b = Describe(other);
  ASSERT_TRUE(b);
  const std::string diff = DiffText(a.described, *b);
  EXPECT_NE(diff.find("final_norm.eps: 1e-05 -> 1e-06\n"), std::string::npos) << diff;
  EXPECT_NE(diff.find("layers.0.steps.1.op.router.top_k: 2 -> 3\n"), std::string::npos) << diff;
  EXPECT_EQ(diff.find("width"), std::string::npos) << diff;
  other.config["rope_scaling"] = {{"type", "linear"}, {"factor", 2}};
  const auto scaled = Describe(other);
  ASSERT_TRUE(scaled);
  EXPECT_NE(DiffText(a.described, *scaled).find("rope.scaling.factor: nothing -> 2.0"), std::string::npos);
}

}  // namespace
}  // namespace sluice::model
