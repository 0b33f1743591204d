// Adapter files that are wrong end in a message that names what is wrong.
#include <gtest/gtest.h>

#include <limits>

#include "lora_fixture.h"
#include "model/lora.h"

namespace sluice {
namespace {

constexpr char kQ[] = "model.layers.0.self_attn.q_proj";
constexpr char kExpert[] = "model.layers.1.block_sparse_moe.experts.3.w2";

class LoraFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    ThreadTeam team(1);
    auto loaded = model::LoadModel(model::OpenGolden("mixtral"), team);
    ASSERT_TRUE(loaded) << loaded.error().message;
    model_ = std::move(*loaded);
    const int dim = model_->desc.dim;
    const auto& gqa = std::get<model::Gqa>(model_->desc.decoder.layers[0][0].op);
    const auto& moe = std::get<model::Moe>(model_->desc.decoder.layers[1][1].op);
    lora_[kQ] = DrawPair(int64_t{gqa.heads} * gqa.head_dim, dim, 4, 0.1, random_);
    lora_[kExpert] = DrawPair(dim, moe.expert.hidden, 4, 0.1, random_);
    tensors_ = LoraTensors(lora_);
  }

  Result<std::shared_ptr<const model::Adapter>> Load(int64_t most_bytes = 0) {
    WriteBytes(directory_ / "adapter_config.json", config_.dump());
    WriteBytes(directory_ / "adapter_model.safetensors", SafetensorsBytes(tensors_));
    return model::LoadAdapter(*model_, directory_.path(), most_bytes);
  }
  void ExpectRefused(const std::string& words) {
    const auto adapter = Load();
    ASSERT_FALSE(adapter) << words;
    EXPECT_EQ(adapter.error().code, ErrorCode::kBadFile);
    EXPECT_NE(adapter.error().message.find(words), std::string::npos) << adapter.error().message;
  }
  NamedFloats& Find(const std::string& module, char half) {
    const std::string name = "base_model.model." + module + ".lora_" + half + ".weight";
    return *std::ranges::find(tensors_, name, &NamedFloats::name);
  }

  std::mt19937 random_{5};
  std::unique_ptr<model::Model> model_;
  Lora lora_;
  nlohmann::json config_ = LoraConfigJson(4);
  std::vector<NamedFloats> tensors_;
  TemporaryDirectory directory_;
};

TEST_F(LoraFiles, AreReadAsPeftWritesThem) {
  auto adapter = Load();
  ASSERT_TRUE(adapter) << adapter.error().message;
  EXPECT_EQ((*adapter)->rank(), 4);
  EXPECT_EQ((*adapter)->matrices(), 2);
  EXPECT_EQ((*adapter)->base_model(), "tests/base");
  EXPECT_GT((*adapter)->bytes(), 0);
  for (NamedFloats& t : tensors_) t.name.insert(t.name.rfind(".weight"), ".default");
  const auto again = Load();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_NE((*again)->id(), (*adapter)->id());
}

// Half of the settings say how much an adapter counts: each must reach the packed B.
TEST_F(LoraFiles, ScalesAreThoseOfTheModule) {
  const auto scale_of = [&](const char* module) {
    const auto adapter = Load();
    EXPECT_TRUE(adapter) << adapter.error().message;
    const model::PackedMatrix& m =
        module == kQ ? std::get<model::GqaWeights>(model_->decoder.layers[0][0].op).q
                     : std::get<model::MoeWeights>(model_->decoder.layers[1][1].op).experts[3].down;
    const model::PackedMatrix& b = (*adapter)->Find(m)->b;
    std::vector<float> row(4);
    kernels::DecodePanelRow(b.dtype, b.Panel(0), b.cols, 0, row.data());
    return row[1] / lora_[module].b[1];
  };
  EXPECT_FLOAT_EQ(scale_of(kQ), 6.0 / 4);
  config_["use_rslora"] = true;
  EXPECT_FLOAT_EQ(scale_of(kQ), 6.0 / 2);
  config_["use_rslora"] = false;
  config_["r"] = 8;
  config_["rank_pattern"] = {{"q_proj", 4}, {"^model\\.layers\\.1\\.block_sparse_moe\\.experts\\.3\\.w2", 4}};
  config_["alpha_pattern"] = {{"experts.3.w2", 2}, {"proj", 3}};
  EXPECT_FLOAT_EQ(scale_of(kQ), 6.0 / 4) << "q_proj does not end in .proj";
  EXPECT_FLOAT_EQ(scale_of(kExpert), 2.0 / 4);
}

TEST_F(LoraFiles, SettingsThatAskForMoreAreRefusedByName) {
  const std::pair<const char*, nlohmann::json> kWrong[] = {
      {"peft_type", "IA3"},
      {"r", 0},
      {"r", -1},
      {"r", 2.5},
      {"r", 1 << 20},
      {"r", "8"},
      {"r", nullptr},
      {"lora_alpha", 0},
      {"lora_alpha", "x"},
      {"bias", "all"},
      {"use_dora", true},
      {"fan_in_fan_out", true},
      {"lora_bias", true},
      {"modules_to_save", {"lm_head"}},
      {"target_parameters", {"mlp.experts.gate_up_proj"}},
      {"layer_replication", {{0, 1}}},
      {"trainable_token_indices", {1, 2}},
      {"init_lora_weights", "pissa_niter_4"},
      {"use_rslora", 1},
      {"rank_pattern", {{"q_proj", 0}}},
      {"rank_pattern", {1}},
      {"alpha_pattern", {{"layers.(0|1).q_proj", 2}}},
  };
  for (const auto& [key, value] : kWrong) {
    const nlohmann::json before = config_;
    config_[key] = value;
    ExpectRefused(key);
    config_ = before;
  }
}

TEST_F(LoraFiles, TensorsMustFitTheModel) {
  const std::vector<NamedFloats> right = tensors_;
  Find(kQ, 'A').name = "base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight";
  ExpectRefused("its lora_A is missing");
  tensors_ = right;
  Find(kQ, 'A').shape = {2, Find(kQ, 'A').shape[1] * 2};
  ExpectRefused("model.layers.0.self_attn.q_proj.lora_A.weight: expected [4, 48], file has [2, 96]");
  tensors_ = right;
  Find(kQ, 'B').shape = {4, 48};
  ExpectRefused("q_proj.lora_B.weight: expected [48, 4], file has [4, 48]");
  tensors_ = right;
  Find(kExpert, 'B').values[7] = std::numeric_limits<float>::quiet_NaN();
  ExpectRefused("w2.lora_B.weight: element [1, 3] is nan");
  tensors_ = right;
  Find(kExpert, 'A').values[0] = std::numeric_limits<float>::infinity();
  ExpectRefused("w2.lora_A.weight: element [0, 0] is inf");
  tensors_ = right;
  for (float& x : Find(kQ, 'B').values) x = 3e38f;
  ExpectRefused("no longer finite");
  tensors_ = right;
  Find(kQ, 'A').name = "model.layers.0.self_attn.q_proj.lora_A.weight";
  ExpectRefused("does not begin with base_model.model.");
  tensors_ = right;
  Find(kQ, 'A').name = "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector";
  ExpectRefused("neither lora_A.weight nor lora_B.weight");
  tensors_ = right;
  tensors_.push_back(Find(kQ, 'A'));
  tensors_.back().name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight";
  ExpectRefused("says the same");
  tensors_.clear();
  ExpectRefused("holds no tensors");
}

TEST_F(LoraFiles, ModulesMustBeTheModels) {
  const std::vector<NamedFloats> right = tensors_;
  for (const char* module :
       {"model.layers.9.self_attn.q_proj", "model.layers.0.block_sparse_moe.experts.8.w1", "model.norm", "",
        "model.layers.0.self_attn.Q_proj", "../../etc/passwd"}) {
    for (const char half : {'A', 'B'})
      Find(kQ, half).name = std::string("base_model.model.") + module + ".lora_" + half + ".weight";
    ExpectRefused("no such module");
    tensors_ = right;
  }
  for (const char half : {'A', 'B'}) {
    Find(kQ, half).name = std::string("base_model.model.model.embed_tokens.lora_") + half + ".weight";
  }
  Find("model.embed_tokens", 'B').shape = {model_->desc.vocab, 4};
  Find("model.embed_tokens", 'B').values.resize(static_cast<size_t>(model_->desc.vocab) * 4);
  ExpectRefused("embed cannot be adapted");
}

TEST_F(LoraFiles, MoreThanTheMemoryLeftIsRefused) {
  const auto adapter = Load();
  ASSERT_TRUE(adapter);
  EXPECT_TRUE(Load((*adapter)->bytes()));
  const auto refused = Load((*adapter)->bytes() - 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConfig);
}

// Whatever bytes are damaged, reading ends in an adapter or in a message.
TEST_F(LoraFiles, DamageIsFound) {
  ASSERT_TRUE(Load());
  const std::string bytes = SafetensorsBytes(tensors_);
  for (size_t cut = 0; cut < bytes.size(); cut += 97) {
    WriteBytes(directory_ / "adapter_model.safetensors", bytes.substr(0, cut));
    const auto adapter = model::LoadAdapter(*model_, directory_.path());
    ASSERT_FALSE(adapter) << cut;
    EXPECT_EQ(adapter.error().code, ErrorCode::kBadFile);
  }
  for (size_t at = 0; at < 600; at += 3) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(random_());
    WriteBytes(directory_ / "adapter_model.safetensors", damaged);
    const auto adapter = model::LoadAdapter(*model_, directory_.path());
    if (!adapter) {
      EXPECT_FALSE(adapter.error().message.empty());
    }
  }
  WriteBytes(directory_ / "adapter_model.safetensors", bytes);
  for (const char* config : {"", "[]", "{", "{\"r\":", "null", "{\"peft_type\":\"LORA\"}"}) {
    WriteBytes(directory_ / "adapter_config.json", config);
    EXPECT_FALSE(model::LoadAdapter(*model_, directory_.path())) << config;
  }
  const auto missing = model::LoadAdapter(*model_, directory_ / "absent");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kMissing);
}

}  // namespace
}  // namespace sluice
