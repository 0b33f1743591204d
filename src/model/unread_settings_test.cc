// No family ignores a setting that changes the arithmetic: it does what the setting says, or refuses it.
#include "model/unread_settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "model/describe.h"
#include "model/edited_checkpoint.h"

namespace sluice::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Setting {
  const char* key;
  json value;            // what no golden says
  bool experts = false;  // says nothing where there are no experts
};

const std::vector<Setting>& Settings() {
  static const std::vector<Setting> settings = {
      {"rope_scaling", {{"type", "nobody-knows"}, {"factor", 2.0}}},
      {"rope_scaling", {{"rope_type", "nobody-knows"}, {"factor", 2.0}}},
      {"hidden_act", "nobody-knows"},
      {"use_bias", true},
      {"mlp_bias", true},
      {"clip_qkv", 0.37},
      {"attn_logit_softcapping", 0.37},
      {"final_logit_softcapping", 0.37},
      {"router_logit_softcapping", 0.37},
      {"query_pre_attn_scalar", 37},
      {"attention_multiplier", 0.37},
      {"embedding_multiplier", 0.37},
      {"residual_multiplier", 0.37},
      {"logits_scaling", 0.37},
      {"partial_rotary_factor", 0.371},
      {"position_embedding_type", "alibi"},
      {"alibi", true},
      {"no_rope_layers", json::array({1, 0, 1, 0, 1, 0})},
      {"layer_types", json::array({"nobody_knows", "nobody_knows", "nobody_knows", "nobody_knows",
                                   "nobody_knows", "nobody_knows", "nobody_knows", "nobody_knows"})},
      {"attention_chunk_size", 37},
      {"index_topk", 37},
      {"use_mla", true},
      {"use_cla", true},
      {"parallel_attn", true},
      {"scoring_func", "nobody-knows", true},
      {"score_function", "nobody-knows", true},
      {"topk_method", "nobody-knows", true},
      {"routed_scaling_factor", 0.37, true},
      {"n_group", 37, true},
      {"first_k_dense_replace", 2, true},
      {"moe_layer_freq", 37, true},
      {"decoder_sparse_step", 37, true},
      {"interleave_moe_layer_step", 37, true},
      {"swiglu_limit", 0.37, true},
  };
  return settings;
}

std::vector<std::string> HuggingFaceGoldens() {
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(SLUICE_SOURCE_DIR "/tests/golden"))
    if (fs::exists(entry.path() / "config.json") && fs::exists(entry.path() / "golden.safetensors"))
      folders.push_back(entry.path().filename());
  std::ranges::sort(folders);
  return folders;
}

bool HasExperts(const Desc& desc) {
  return std::ranges::any_of(desc.decoder.layers, [](const Layer& layer) {
    return std::ranges::any_of(layer, [](const Branch& b) {
      return std::holds_alternative<Moe>(b.op) || std::holds_alternative<Parallel>(b.op);
    });
  });
}

class NoSetting : public ::testing::TestWithParam<std::string> {};

TEST_P(NoSetting, IsIgnored) {
  const formats::Checkpoint plain = OpenGolden(GetParam());
  const auto usual = Describe(plain);
  ASSERT_TRUE(usual) << usual.error().message;
  for (const Setting& setting : Settings()) {
    if (setting.experts && !HasExperts(usual->desc)) continue;
    // Of the two layers of such a decoder the second has experts, at every step but 1.
    if (usual->desc.encoder && setting.key == std::string_view("decoder_sparse_step")) continue;
    formats::Checkpoint edited = plain;
    edited.config[setting.key] = setting.value;
    if (edited.config.contains("text_config")) edited.config["text_config"][setting.key] = setting.value;
    const auto described = Describe(edited);
    const std::string what = std::string(setting.key) + " = " + setting.value.dump();
    if (described) {
      EXPECT_NE(DiffText(*usual, *described), "") << what << " is ignored";
    } else {
      EXPECT_NE(described.error().message.find("config.json: "), std::string::npos) << what;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, NoSetting, ::testing::ValuesIn(HuggingFaceGoldens()), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

// What the description does anyway may be said.
TEST(UnreadSettings, MayRepeatWhatIsSo) {
  formats::Checkpoint checkpoint = OpenGolden("mixtral");
  checkpoint.config.update({{"norm_topk_prob", true},
                            {"scoring_func", "softmax"},
                            {"attention_bias", false},
                            {"routed_scaling_factor", 1.0},
                            {"n_group", 1},
                            {"partial_rotary_factor", 1.0},
                            {"layer_types", json::array({"full_attention", "full_attention"})},
                            {"num_shared_experts", 0},
                            {"clip_qkv", nullptr}});
  const auto described = Describe(checkpoint);
  EXPECT_TRUE(described) << described.error().message;
}

TEST(UnreadSettings, AreRefusedByNameAndValue) {
  formats::Checkpoint checkpoint = OpenGolden("olmoe");
  checkpoint.config["attn_logit_softcapping"] = 50.0;
  const auto described = Describe(checkpoint);
  ASSERT_FALSE(described);
  EXPECT_NE(described.error().message.find(
                "config.json: attn_logit_softcapping is 50.0, which is not supported for olmoe"),
            std::string::npos)
      << described.error().message;
}

TEST(UnreadSettings, AWindowNeedsAFamilyThatKnowsIt) {
  formats::Checkpoint checkpoint = OpenGolden("olmoe");
  checkpoint.config["sliding_window"] = 8;
  EXPECT_FALSE(Describe(checkpoint));
  checkpoint.config["use_sliding_window"] = false;
  EXPECT_TRUE(Describe(checkpoint));
}

}  // namespace
}  // namespace sluice::model
