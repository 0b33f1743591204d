// What the builders make of each family's configuration, where a wrong value would go unnoticed by the
// shapes.
#include <gtest/gtest.h>

#include <cmath>

#include "model/edited_checkpoint.h"
#include "model/family.h"

namespace sluice::model {
namespace {

Desc DescOf(const formats::Checkpoint& checkpoint) {
  const auto described = Describe(checkpoint);
  if (!described) {
    ADD_FAILURE() << described.error().message;
    return {};
  }
  return described->desc;
}
Desc DescOf(const std::string& golden) { return DescOf(OpenGolden(golden)); }

const Gqa& GqaOf(const Desc& desc, int layer) {
  return std::get<Gqa>(desc.decoder.layers.at(layer).at(0).op);
}
const Mla& MlaOf(const Desc& desc, int layer) {
  return std::get<Mla>(desc.decoder.layers.at(layer).at(0).op);
}
const Moe& MoeOf(const Desc& desc, int layer) {
  return std::get<Moe>(desc.decoder.layers.at(layer).at(1).op);
}
bool IsDense(const Desc& desc, int layer) {
  return std::holds_alternative<Ffn>(desc.decoder.layers.at(layer).at(1).op);
}
const Rope& RopeOf(const Gqa& gqa) { return std::get<Rope>(gqa.position); }

TEST(Families, LlamaRotatesHalvesInOneContainerAndNeighboursInTheOther) {
  EXPECT_FALSE(RopeOf(GqaOf(DescOf("mixtral"), 0)).interleaved);
  EXPECT_FALSE(RopeOf(GqaOf(DescOf("llama"), 0)).interleaved);
  EXPECT_TRUE(RopeOf(GqaOf(DescOf("gguf_mixtral_q4km"), 0)).interleaved);
  EXPECT_TRUE(RopeOf(GqaOf(DescOf("gguf_llama_dense_q4km"), 0)).interleaved);
  EXPECT_FALSE(RopeOf(GqaOf(DescOf("gguf_olmoe_q4km"), 0)).interleaved);
  EXPECT_FALSE(RopeOf(GqaOf(DescOf("gguf_qwen3moe_q6k"), 0)).interleaved);
  EXPECT_TRUE(MlaOf(DescOf("deepseek_v2"), 0).rope.interleaved);
  EXPECT_TRUE(MlaOf(DescOf("gguf_deepseek3_q"), 0).rope.interleaved);
}

TEST(Families, MixtralNormalisesItsTwoExperts) {
  const Desc desc = DescOf("mixtral");
  const Router& router = MoeOf(desc, 0).router;
  EXPECT_EQ(router.experts, 8);
  EXPECT_EQ(router.top_k, 2);
  EXPECT_TRUE(router.renormalize);
  EXPECT_EQ(MoeOf(desc, 0).expert.hidden, 24);
  EXPECT_EQ(RopeOf(GqaOf(desc, 0)).theta, 1e6f);
  EXPECT_FLOAT_EQ(GqaOf(desc, 0).scale, 1 / std::sqrt(12.0f));
  EXPECT_EQ(desc.decoder.final_norm.eps, 1e-5f);
  EXPECT_FALSE(desc.tied);
}

TEST(Families, LlamaScalesItsRotation) {
  EXPECT_EQ(std::get<LinearScaling>(RopeOf(GqaOf(DescOf("llama_linear"), 0)).scaling).factor, 4);
  EXPECT_EQ(std::get<Llama3Scaling>(RopeOf(GqaOf(DescOf("llama_rope3"), 0)).scaling).original_ctx, 64);
  const auto yarn = std::get<YarnScaling>(RopeOf(GqaOf(DescOf("llama_yarn"), 0)).scaling);
  EXPECT_FLOAT_EQ(yarn.magnitude, 1.1386294f);
  EXPECT_EQ(yarn.beta_fast, 32);
  EXPECT_TRUE(RopeOf(GqaOf(DescOf("gguf_llama_dense_q4km"), 0)).file_factors);
  EXPECT_FALSE(RopeOf(GqaOf(DescOf("gguf_mixtral_q4km"), 0)).file_factors);
}

TEST(Families, AGivenAttentionFactorWins) {
  formats::Checkpoint checkpoint = OpenGolden("llama_yarn");
  checkpoint.config["rope_scaling"]["attention_factor"] = 0.5;
  EXPECT_EQ(std::get<YarnScaling>(RopeOf(GqaOf(DescOf(checkpoint), 0)).scaling).magnitude, 0.5f);
}

TEST(Families, WindowsAreObeyedWhereTheyAreOn) {
  EXPECT_EQ(GqaOf(DescOf("mistral"), 1).window, 8);
  EXPECT_EQ(GqaOf(DescOf("qwen2"), 1).window, 0);  // written, but switched off
  formats::Checkpoint checkpoint = OpenGolden("qwen2");
  checkpoint.config["use_sliding_window"] = true;  // max_window_layers is 1
  EXPECT_EQ(GqaOf(DescOf(checkpoint), 0).window, 0);
  EXPECT_EQ(GqaOf(DescOf(checkpoint), 1).window, 8);
  checkpoint.config["layer_types"] = {"sliding_attention", "full_attention"};
  EXPECT_EQ(GqaOf(DescOf(checkpoint), 0).window, 8);
  EXPECT_EQ(GqaOf(DescOf(checkpoint), 1).window, 0);
}

TEST(Families, OlmoeNormalisesWholeProjectionsAndClips) {
  const Desc desc = DescOf("olmoe");
  EXPECT_EQ(GqaOf(desc, 0).qk_norm, Gqa::QkNorm::kFullWidth);
  EXPECT_EQ(GqaOf(desc, 0).qk_norm_eps, 1e-5f);
  EXPECT_EQ(GqaOf(desc, 0).clip, 1.25f);
  EXPECT_FALSE(MoeOf(desc, 0).router.renormalize);
  EXPECT_FALSE(MoeOf(DescOf("gguf_olmoe_q4km"), 0).router.renormalize);
}

TEST(Families, Qwen2MoeGatesItsSharedExpert) {
  const Desc desc = DescOf("qwen2_moe");
  EXPECT_TRUE(IsDense(desc, 0));  // decoder_sparse_step 2
  EXPECT_FALSE(IsDense(desc, 1));
  EXPECT_TRUE(IsDense(desc, 2));
  EXPECT_TRUE(MoeOf(desc, 1).shared_gate);
  EXPECT_EQ(MoeOf(desc, 1).shared->hidden, 24);
  EXPECT_TRUE(GqaOf(desc, 0).qkv_bias);
  EXPECT_FALSE(GqaOf(desc, 0).out_bias);
  EXPECT_FALSE(MoeOf(DescOf("gguf_qwen2moe_q5km"), 0).router.renormalize);
}

TEST(Families, Qwen2MoeWidthsOfOldFilesAreWorkedOut) {
  formats::Checkpoint checkpoint = OpenGolden("gguf_qwen2moe_q5km");
  RemoveGgufKey(checkpoint, "qwen2moe.expert_feed_forward_length");
  RemoveGgufKey(checkpoint, "qwen2moe.expert_shared_feed_forward_length");
  const Desc desc = DescOf(checkpoint);
  EXPECT_EQ(MoeOf(desc, 0).expert.hidden, 512 / 3);
  EXPECT_EQ(MoeOf(desc, 0).shared->hidden, 512);
}

TEST(Families, LinearLayersStandWhereTheConfigurationSays) {
  const auto is_linear = [](const Desc& desc, int layer) {
    return std::holds_alternative<DeltaNet>(desc.decoder.layers.at(layer).at(0).op);
  };
  formats::Checkpoint checkpoint = OpenGolden("qwen3_next");
  Desc desc = DescOf(checkpoint);
  EXPECT_TRUE(is_linear(desc, 0) && is_linear(desc, 2));
  EXPECT_FALSE(is_linear(desc, 3));
  EXPECT_EQ(RopeOf(GqaOf(desc, 3)).dims, 4);
  EXPECT_TRUE(GqaOf(desc, 3).out_gate && GqaOf(desc, 3).norm_plus_one && desc.decoder.final_norm.plus_one);
  EXPECT_TRUE(MoeOf(desc, 0).shared_gate && MoeOf(desc, 0).router.renormalize);
  checkpoint.config["full_attention_interval"] = 2;
  desc = DescOf(checkpoint);
  EXPECT_FALSE(is_linear(desc, 1));
  checkpoint.config["layer_types"] = {"full_attention", "linear_attention", "linear_attention",
                                      "linear_attention"};
  desc = DescOf(checkpoint);
  EXPECT_FALSE(is_linear(desc, 0));
  EXPECT_TRUE(is_linear(desc, 3));
  EXPECT_EQ(RopeOf(GqaOf(DescOf("qwen3_5_moe"), 3)).dims, 8);  // from rope_parameters
}

TEST(Families, LinearAttentionRefusesWhatItCannotCompute) {
  const std::pair<const char*, nlohmann::json> wrong[] = {
      {"linear_num_value_heads", 3}, {"linear_conv_kernel_dim", 1}, {"linear_key_head_dim", 1 << 28},
      {"layer_types", {"mamba"}},    {"hidden_act", "gelu"},        {"partial_rotary_factor", nullptr},
      {"linear_num_key_heads", 0},   {"use_sliding_window", true}};
  for (const auto& [key, value] : wrong) {
    formats::Checkpoint checkpoint = OpenGolden("qwen3_next");
    checkpoint.config[key] = value;
    const auto described = Describe(checkpoint);
    ASSERT_FALSE(described) << key;
    EXPECT_NE(described.error().message.find(key), std::string::npos) << described.error().message;
  }
}

TEST(Families, Qwen3NormalisesHeadsAndItsExpertsSumToOne) {
  const Desc gguf = DescOf("gguf_qwen3moe_q6k");
  EXPECT_EQ(GqaOf(gguf, 0).head_dim, 128);
  EXPECT_EQ(GqaOf(gguf, 0).qk_norm, Gqa::QkNorm::kPerHead);
  EXPECT_TRUE(MoeOf(gguf, 0).router.renormalize);  // the architecture means it, no key says it
  formats::Checkpoint checkpoint = OpenGolden("qwen3_moe");
  EXPECT_TRUE(MoeOf(DescOf(checkpoint), 0).router.renormalize);
  checkpoint.config.erase("norm_topk_prob");
  EXPECT_FALSE(MoeOf(DescOf(checkpoint), 0).router.renormalize);
  checkpoint.config["mlp_only_layers"] = {1};
  EXPECT_TRUE(IsDense(DescOf(checkpoint), 1));
}

TEST(Families, HeadsAreTiedByTheTensorsOrTheFlag) {
  EXPECT_TRUE(DescOf("gguf_qwen3_dense_q4km").tied);
  EXPECT_TRUE(DescOf("qwen2").tied);
  formats::Checkpoint checkpoint = OpenGolden("qwen2");
  checkpoint.config.erase("tie_word_embeddings");
  EXPECT_TRUE(DescOf(checkpoint).tied);
}

TEST(Families, DeepSeekStretchesAttention) {
  const double m = 0.1 * 0.707 * std::log(40.0) + 1;
  for (const char* golden : {"deepseek_v2", "deepseek_v2_lite"}) {
    const Mla mla = MlaOf(DescOf(golden), 0);
    EXPECT_NEAR(mla.scale, m * m / std::sqrt(24.0), 1e-6);
    EXPECT_EQ(std::get<YarnScaling>(mla.rope.scaling).magnitude, 1);
    EXPECT_EQ(mla.latent_norm_eps, 1e-6f);
  }
  for (const char* golden : {"gguf_deepseek2_lite_kvb", "gguf_deepseek2_lite_mla"}) {
    const Mla mla = MlaOf(DescOf(golden), 0);
    EXPECT_NEAR(mla.scale, m * m / std::sqrt(96.0), 1e-6);
    EXPECT_EQ(std::get<YarnScaling>(mla.rope.scaling).magnitude, 1);
    EXPECT_EQ(std::get<YarnScaling>(mla.rope.scaling).beta_fast, 32);
  }
  const double whole = 0.1 * std::log(40.0) + 1;
  EXPECT_NEAR(MlaOf(DescOf("deepseek_v3"), 0).scale, whole * whole / std::sqrt(24.0), 1e-6);
}

TEST(Families, DeepSeekHasTheSameDimensionsInBothLayouts) {
  const Mla joined = MlaOf(DescOf("gguf_deepseek2_lite_kvb"), 0),
            split = MlaOf(DescOf("gguf_deepseek2_lite_mla"), 0);
  for (const Mla& mla : {joined, split}) {
    EXPECT_EQ(mla.nope_dim, 64);
    EXPECT_EQ(mla.rope_dim, 32);
    EXPECT_EQ(mla.v_dim, 64);
    EXPECT_EQ(mla.kv_rank, 256);
    EXPECT_EQ(mla.q_rank, 0);
  }
  EXPECT_EQ(MlaOf(DescOf("gguf_deepseek3_q"), 0).q_rank, 128);
}

TEST(Families, DeepSeekV2ChoosesByTheBestOfAGroup) {
  const Desc desc = DescOf("deepseek_v2");
  EXPECT_TRUE(IsDense(desc, 0));
  const Router& router = MoeOf(desc, 1).router;
  EXPECT_EQ(router.score, Router::Score::kSoftmax);
  EXPECT_FALSE(router.renormalize);
  EXPECT_EQ(router.scale, 16);
  ASSERT_TRUE(router.groups);
  EXPECT_EQ(*router.groups, (Router::Groups{.count = 4, .keep = 2, .by = Router::Groups::By::kMax}));
  EXPECT_EQ(MoeOf(desc, 1).shared->hidden, 24);
  EXPECT_FALSE(MoeOf(DescOf("deepseek_v2_lite"), 1).router.groups);
  EXPECT_FALSE(MoeOf(DescOf("gguf_deepseek2_lite_kvb"), 1).router.groups);
}

TEST(Families, DeepSeekV2NormalisesOrScales) {
  formats::Checkpoint checkpoint = OpenGolden("deepseek_v2");
  checkpoint.config["norm_topk_prob"] = true;
  const Router router = MoeOf(DescOf(checkpoint), 1).router;
  EXPECT_TRUE(router.renormalize);
  EXPECT_EQ(router.scale, 1);
}

TEST(Families, DeepSeekV3ChoosesByBiasedSigmoids) {
  for (const char* golden : {"deepseek_v3", "gguf_deepseek3_q"}) {
    const Router router = MoeOf(DescOf(golden), 1).router;
    EXPECT_EQ(router.score, Router::Score::kSigmoid);
    EXPECT_TRUE(router.renormalize);
    EXPECT_TRUE(router.selection_bias);
    EXPECT_EQ(router.scale, 2.5f);
    ASSERT_TRUE(router.groups);
    EXPECT_EQ(*router.groups, (Router::Groups{.count = 4, .keep = 2, .by = Router::Groups::By::kTop2Sum}));
  }
}

}  // namespace
}  // namespace sluice::model
