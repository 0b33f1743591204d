// Configurations that make no sense, or ask for what is not implemented, are refused by file and key.
#include "model/config.h"

#include <gtest/gtest.h>

#include "model/edited_checkpoint.h"
#include "model/family.h"

namespace sluice::model {
namespace {

using nlohmann::json;

std::string ErrorOf(const formats::Checkpoint& checkpoint) {
  const auto described = Describe(checkpoint);
  if (described) return "";
  return described.error().message + " | " + described.error().hint;
}

struct WrongJson {
  const char* name;
  const char* golden;
  const char* key;  // a JSON pointer
  json value;       // null: the key is removed
  const char* message;
};

void PrintTo(const WrongJson& wrong, std::ostream* out) { *out << wrong.name; }

class WrongConfig : public ::testing::TestWithParam<WrongJson> {};

TEST_P(WrongConfig, IsRefusedByFileAndKey) {
  const WrongJson& wrong = GetParam();
  formats::Checkpoint checkpoint = OpenGolden(wrong.golden);
  const json::json_pointer at(wrong.key);
  if (wrong.value.is_null()) {
    checkpoint.config[at.parent_pointer()].erase(at.back());
  } else {
    checkpoint.config[at] = wrong.value;
  }
  const std::string error = ErrorOf(checkpoint);
  EXPECT_NE(error.find("/config.json: "), std::string::npos) << error;
  EXPECT_NE(error.find(wrong.message), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongConfig,
    ::testing::Values(
        WrongJson{"few_buckets", "t5", "/relative_attention_num_buckets", 3,
                  "relative_attention_num_buckets is 3, fewer than 4"},
        WrongJson{"near_distance", "t5", "/relative_attention_max_distance", 16,
                  "relative_attention_max_distance is 16, not between 17"},
        WrongJson{"start_outside", "t5", "/decoder_start_token_id", 160,
                  "decoder_start_token_id is 160, outside the vocabulary of 160"},
        WrongJson{"decoder_layers", "t5_v11", "/num_decoder_layers", 1000000,
                  "num_decoder_layers is 1000000"},
        WrongJson{"feed_forward", "t5_v11", "/feed_forward_proj", "gated-maxout",
                  "feed_forward_proj is \"maxout\", which is not supported"},
        WrongJson{"head_width_missing", "t5", "/d_kv", nullptr, "d_kv is missing"},
        WrongJson{"router_kind", "switch", "/router_type", "experts_masked",
                  "router_type is \"experts_masked\""},
        WrongJson{"gated_experts", "switch", "/is_gated_act", true, "is_gated_act is true"},
        WrongJson{"no_layers", "mixtral", "/num_hidden_layers", 0,
                  "num_hidden_layers is 0, not between 1 and 1024"},
        WrongJson{"million_layers", "mixtral", "/num_hidden_layers", 1000000, "num_hidden_layers is 1000000"},
        WrongJson{"half_a_layer", "mixtral", "/num_hidden_layers", 1.5,
                  "num_hidden_layers is 1.5, not a whole"},
        WrongJson{"width_missing", "mixtral", "/hidden_size", nullptr, "hidden_size is missing"},
        WrongJson{"width_a_string", "mixtral", "/hidden_size", "48", "hidden_size is \"48\""},
        WrongJson{"huge_width", "mixtral", "/hidden_size", 1e300, "hidden_size is 1e+300"},
        WrongJson{"no_heads", "mixtral", "/num_attention_heads", 0, "num_attention_heads is 0"},
        WrongJson{"negative_heads", "mixtral", "/num_attention_heads", -4, "num_attention_heads is -4"},
        WrongJson{"heads_not_dividing", "mixtral", "/num_attention_heads", 5,
                  "num_key_value_heads is 2, which does"},
        WrongJson{"kv_not_dividing", "mixtral", "/num_key_value_heads", 3,
                  "num_key_value_heads is 3, which does not"},
        WrongJson{"odd_head", "qwen3", "/head_dim", 17, "head_dim makes 17 rotated elements"},
        WrongJson{"no_experts", "mixtral", "/num_local_experts", 0, "num_local_experts is 0"},
        WrongJson{"none_used", "mixtral", "/num_experts_per_tok", 0, "num_experts_per_tok is 0"},
        WrongJson{"too_many_used", "mixtral", "/num_experts_per_tok", 9,
                  "is 9, but there are only 8 experts"},
        WrongJson{"groups_not_dividing", "deepseek_v3", "/n_group", 3,
                  "n_group is 3, which does not divide the 16"},
        WrongJson{"groups_of_one", "deepseek_v3", "/n_group", 16, "groups of one expert"},
        WrongJson{"more_groups_kept", "deepseek_v3", "/topk_group", 5, "topk_group is 5"},
        WrongJson{"too_few_groups_kept", "deepseek_v2", "/num_experts_per_tok", 9, "cannot give 9 experts"},
        WrongJson{"more_shared", "deepseek_v3", "/n_shared_experts", 1 << 28,
                  "n_shared_experts makes too wide a shared expert"},
        WrongJson{"zero_eps", "llama", "/rms_norm_eps", 0, "rms_norm_eps is 0, not a positive number"},
        WrongJson{"huge_theta", "llama", "/rope_theta", "NaN", "rope_theta is \"NaN\""},
        WrongJson{"small_theta", "llama", "/rope_theta", 1, "rope_theta is not above 1"},
        WrongJson{"flag_a_number", "qwen3_moe", "/norm_topk_prob", 1,
                  "norm_topk_prob is 1, neither true nor false"},
        WrongJson{"list_a_number", "qwen3_moe", "/mlp_only_layers", 1, "mlp_only_layers is 1, not a list"},
        WrongJson{"activation", "mixtral", "/hidden_act", "relu2",
                  "hidden_act is \"relu2\", which is not supported"},
        WrongJson{"rope_type", "llama_yarn", "/rope_scaling/type", "dynamic",
                  "rope_scaling.type is \"dynamic\""},
        WrongJson{"rope_rope_type", "llama_rope3", "/rope_scaling/rope_type", "ntk", "rope_type is \"ntk\""},
        WrongJson{"rope_untyped", "llama_linear", "/rope_scaling/type", nullptr, "rope_scaling.type is \"\""},
        WrongJson{"rope_factor", "llama_linear", "/rope_scaling/factor", 0, "rope_scaling.factor is 0"},
        WrongJson{"rope_order", "llama_rope3", "/rope_scaling/high_freq_factor", 0.5,
                  "is below low_freq_factor"},
        WrongJson{"router_score", "deepseek_v3", "/scoring_func", "softmax",
                  "scoring_func is \"softmax\", which is"},
        WrongJson{"router_method", "deepseek_v2", "/topk_method", "noaux_tc", "topk_method is \"noaux_tc\""},
        WrongJson{"biases_in_ffn", "llama", "/mlp_bias", true, "mlp_bias is true, which is not supported"},
        WrongJson{"latent_biases", "deepseek_v2", "/attention_bias", true, "attention_bias is true"},
        WrongJson{"moe_window", "qwen2_moe", "/use_sliding_window", true, "use_sliding_window is true"},
        WrongJson{"quantized", "llama", "/quantization_config", json{{"quant_method", "awq"}},
                  "is \"awq\", which is"},
        WrongJson{"fp8_blocks", "deepseek_v3_fp8", "/quantization_config/weight_block_size",
                  json::array({64, 64}), "weight_block_size is not [128, 128]"},
        WrongJson{"nearest", "mixtral", "/model_type", "mixtrall", "did you mean mixtral"},
        WrongJson{"strange", "mixtral", "/model_type", "zzzzzzzzzzzzzzzz",
                  "supported are arctic, dbrx, deepseek_v2, deepseek_v3"},
        WrongJson{"no_type", "mixtral", "/model_type", nullptr, "model_type is missing"}),
    [](const auto& info) { return info.param.name; });

struct WrongKey {
  const char* name;
  const char* golden;
  const char* key;
  formats::GgufValue value;
  const char* message;
};

void PrintTo(const WrongKey& wrong, std::ostream* out) { *out << wrong.name; }

class WrongGguf : public ::testing::TestWithParam<WrongKey> {};

TEST_P(WrongGguf, IsRefusedByFileAndKey) {
  const WrongKey& wrong = GetParam();
  formats::Checkpoint checkpoint = OpenGolden(wrong.golden);
  SetGgufKey(checkpoint, wrong.key, wrong.value);
  const std::string error = ErrorOf(checkpoint);
  EXPECT_NE(error.find("model.gguf: "), std::string::npos) << error;
  EXPECT_NE(error.find(wrong.message), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongGguf,
    ::testing::Values(
        WrongKey{"no_blocks", "gguf_mixtral_q8_0", "llama.block_count", uint64_t{0},
                 "llama.block_count (at byte 0) is 0"},
        WrongKey{"million_blocks", "gguf_mixtral_q8_0", "llama.block_count", uint64_t{1000000}, "is 1000000"},
        WrongKey{"no_heads", "gguf_mixtral_q8_0", "llama.attention.head_count", uint64_t{0},
                 "head_count (at byte 0) is 0"},
        WrongKey{"kv", "gguf_mixtral_q8_0", "llama.attention.head_count_kv", uint64_t{4},
                 "does not divide the 6 heads"},
        WrongKey{"rope", "gguf_mixtral_q8_0", "llama.rope.dimension_count", uint64_t{18},
                 "llama.rope.dimension_count (at byte 0) makes 18 rotated elements of a head with 16"},
        WrongKey{"used", "gguf_mixtral_q8_0", "llama.expert_used_count", uint64_t{5},
                 "there are only 4 experts"},
        WrongKey{"groups", "gguf_deepseek3_q", "deepseek2.expert_group_count", uint64_t{3},
                 "does not divide the 8"},
        WrongKey{"no_experts", "gguf_deepseek3_q", "deepseek2.expert_count", uint64_t{0},
                 "expert_count (at byte 0) is 0"},
        WrongKey{"gating", "gguf_deepseek3_q", "deepseek2.expert_gating_func", uint64_t{4},
                 "is neither 1 (softmax)"},
        WrongKey{"key_length", "gguf_deepseek2_lite_kvb", "deepseek2.attention.key_length", uint64_t{32},
                 "is 32, not more than its 32 rotated elements"},
        WrongKey{"values", "gguf_qwen3moe_q6k", "qwen3moe.attention.value_length", uint64_t{64},
                 "keys have 128"},
        WrongKey{"scaling", "gguf_llama_dense_q4km", "llama.rope.scaling.type", std::string_view("longrope"),
                 "llama.rope.scaling.type (at byte 0) is \"longrope\""},
        WrongKey{"text", "gguf_llama_dense_q4km", "llama.embedding_length", std::string_view("256"),
                 "is \"256\""},
        WrongKey{"architecture", "gguf_mixtral_q8_0", "general.architecture", std::string_view("lama"),
                 "did you mean llama"}),
    [](const auto& info) { return info.param.name; });

TEST(Config, SizesThatNoFileHoldsAreRefused) {
  formats::Checkpoint checkpoint = OpenGolden("qwen3");
  checkpoint.config.update({{"hidden_size", 1 << 28}, {"head_dim", 1 << 28}, {"vocab_size", 1 << 28}});
  EXPECT_NE(ErrorOf(checkpoint).find("make a model of"), std::string::npos) << ErrorOf(checkpoint);
}

TEST(Config, ReadsPathsListsAndFallbacks) {
  const Config config({{"outer", {{"inner", 7}}}, {"heads", {4, 8}}, {"only", {1, 3}}, {"none", nullptr}},
                      "c.json");
  EXPECT_EQ(config.Int("outer.inner"), 7);
  EXPECT_EQ(config.Int("heads", {}, 1), 8);
  EXPECT_EQ(config.Int("absent", 5), 5);
  EXPECT_EQ(config.Int("none", 6), 6);
  EXPECT_FALSE(config.Has("none"));
  EXPECT_FALSE(config.Has("outer.inner.deeper"));
  EXPECT_TRUE(config.ListHolds("only", 3));
  EXPECT_FALSE(config.ListHolds("only", 2));
  EXPECT_FALSE(config.error());
  config.Int("heads", {}, 2);
  config.Int("absent");  // the first error stays
  ASSERT_TRUE(config.error());
  EXPECT_EQ(config.error()->message, "c.json: heads has 2 entries, none for layer 2");
}

TEST(Config, ReadsTheNewerSpellingOfRope) {
  const Config config({{"rope_parameters", {{"rope_theta", 5e5}, {"rope_type", "linear"}, {"factor", 2}}}},
                      "c.json");
  EXPECT_EQ(config.Float("rope_theta"), 5e5f);
  EXPECT_EQ(config.Float("rope_scaling.factor"), 2);
}

TEST(Config, ThatIsNoObjectIsRefused) {
  const auto described = Describe(Config(json::array(), "c.json"));
  ASSERT_FALSE(described);
  EXPECT_NE(described.error().message.find("c.json"), std::string::npos);
}

TEST(Config, GgufWithoutArchitectureIsRefused) {
  formats::Checkpoint checkpoint = OpenGolden("gguf_mixtral_q8_0");
  RemoveGgufKey(checkpoint, "general.architecture");
  EXPECT_NE(ErrorOf(checkpoint).find("general.architecture is missing"), std::string::npos);
}

TEST(Config, GgufListsOfHeadsAreReadLayerByLayer) {
  formats::Checkpoint checkpoint = OpenGolden("gguf_mixtral_q8_0");
  SetGgufKey(checkpoint, "llama.attention.head_count_kv", formats::GgufArray(std::vector<int64_t>{2, 3}));
  const auto described = Describe(checkpoint);
  ASSERT_TRUE(described) << described.error().message;
  EXPECT_EQ(std::get<Gqa>(described->desc.decoder.layers[0][0].op).kv_heads, 2);
  EXPECT_EQ(std::get<Gqa>(described->desc.decoder.layers[1][0].op).kv_heads, 3);
}

TEST(Config, GgufPredictionBlocksAreNoLayers) {
  formats::Checkpoint checkpoint = OpenGolden("gguf_deepseek3_q");
  SetGgufKey(checkpoint, "deepseek2.nextn_predict_layers", uint64_t{1});
  const auto described = Describe(checkpoint);
  ASSERT_TRUE(described) << described.error().message;
  EXPECT_EQ(described->desc.decoder.layers.size(), 2u);
}

}  // namespace
}  // namespace sluice::model
