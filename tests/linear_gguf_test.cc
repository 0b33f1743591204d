// Linear attention from GGUF: the goldens rewritten as llama.cpp's converter lays such models out give the
// same answers. Norms are stored with their 1, rates as -exp, value heads in another order, and joined
// projections taken apart or, in the files of the first weeks, left as they were.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <regex>

#include "backend/backend.h"
#include "base/temporary_directory.h"
#include "engine/verify.h"
#include "formats/checkpoint.h"
#include "formats/gguf_writer.h"
#include "lora_fixture.h"
#include "model/lora.h"

namespace sluice {
namespace {

constexpr int64_t kKeyHeads = 2, kHeadsPerKey = 2, kHeadDim = 8, kValueRows = 32, kWidth = 32;

struct Values {
  std::vector<int64_t> shape;
  std::vector<float> data;
};

struct Case {
  const char *golden, *arch;
  bool tiled, joined;
  uint32_t rope_dims;
};

class LinearGguf : public testing::TestWithParam<Case> {
 protected:
  void Put(const std::string& name, std::vector<int64_t> shape, std::vector<float> data) {
    out_[name] = {std::move(shape), std::move(data)};
  }
  void PutRows(const std::string& name, const std::vector<float>& rows) {
    Put(name, {static_cast<int64_t>(rows.size()) / kWidth, kWidth}, rows);
  }

  // Units of `size` floats, one for each value head, key head by key head, become those of the first value
  // head of each key head, then of the second.
  static std::vector<float> Tiled(const std::vector<float>& x, size_t size) {
    std::vector<float> out;
    for (int64_t second = 0; second < kHeadsPerKey; ++second)
      for (int64_t key = 0; key < kKeyHeads; ++key) {
        const auto from = x.begin() + (key * kHeadsPerKey + second) * static_cast<int64_t>(size);
        out.insert(out.end(), from, from + static_cast<int64_t>(size));
      }
    return out;
  }
  std::vector<float> Heads(std::vector<float> x, size_t size) const {
    return GetParam().tiled ? Tiled(x, size) : x;
  }
  // The same for what stands behind all keys.
  std::vector<float> HeadsBehindKeys(std::vector<float> x, size_t row) const {
    const auto keys = x.begin() + 2 * kKeyHeads * kHeadDim * static_cast<int64_t>(row);
    const std::vector<float> values = Heads({keys, x.end()}, static_cast<size_t>(kHeadDim) * row);
    std::ranges::copy(values, keys);
    return x;
  }

  // Rows [first, first + n) of each key head's group.
  static std::vector<float> Part(const std::vector<float>& x, int64_t first, int64_t n) {
    constexpr int64_t kGroup = 2 * (kHeadDim + kHeadsPerKey * kHeadDim);
    std::vector<float> out;
    for (int64_t key = 0; key < kKeyHeads; ++key) {
      const auto from = x.begin() + (key * kGroup + first) * kWidth;
      out.insert(out.end(), from, from + n * kWidth);
    }
    return out;
  }
  void PutJoined(const std::string& block, const std::vector<float>& x) {
    if (GetParam().joined) return PutRows(block + "ssm_in.weight", x);
    std::vector<float> qkv = Part(x, 0, kHeadDim);
    const std::vector<float> k = Part(x, kHeadDim, kHeadDim), v = Part(x, 2 * kHeadDim, 2 * kHeadDim);
    qkv.insert(qkv.end(), k.begin(), k.end());
    qkv.insert(qkv.end(), v.begin(), v.end());
    PutRows(block + "attn_qkv.weight", qkv);
    PutRows(block + "attn_gate.weight", Part(x, 4 * kHeadDim, 2 * kHeadDim));
  }

  // The columns of the output projection go with the value heads.
  std::vector<float> OutColumns(const std::vector<float>& x) const {
    std::vector<float> out;
    for (size_t row = 0; row < x.size(); row += kValueRows) {
      const auto from = x.begin() + static_cast<int64_t>(row);
      const std::vector<float> heads = Heads({from, from + kValueRows}, kHeadDim);
      out.insert(out.end(), heads.begin(), heads.end());
    }
    return out;
  }

  bool PutLinear(const std::string& block, const std::string& name, Values v) {
    if (name == "A_log") {
      for (float& x : v.data) x = -std::exp(x);
      Put(block + "ssm_a", v.shape, Heads(v.data, 1));
    } else if (name == "dt_bias") {
      Put(block + "ssm_dt.bias", v.shape, Heads(v.data, 1));
    } else if (name == "conv1d.weight") {
      Put(block + "ssm_conv1d.weight", {v.shape[0], v.shape[2]},
          HeadsBehindKeys(v.data, static_cast<size_t>(v.shape[2])));
    } else if (name == "in_proj_qkvz.weight") {
      PutJoined(block, v.data);
    } else if (name == "in_proj_ba.weight") {
      Put(block + "ssm_ba.weight", v.shape, v.data);
    } else if (name == "in_proj_qkv.weight") {
      PutRows(block + "attn_qkv.weight", HeadsBehindKeys(v.data, kWidth));
    } else if (name == "in_proj_z.weight") {
      PutRows(block + "attn_gate.weight", Heads(v.data, kHeadDim * kWidth));
    } else if (name == "in_proj_b.weight") {
      PutRows(block + "ssm_beta.weight", Heads(v.data, kWidth));
    } else if (name == "in_proj_a.weight") {
      PutRows(block + "ssm_alpha.weight", Heads(v.data, kWidth));
    } else if (name == "out_proj.weight") {
      Put(block + "ssm_out.weight", v.shape, OutColumns(v.data));
    } else if (name == "norm.weight") {
      Put(block + "ssm_norm.weight", v.shape, v.data);
    } else {
      return false;
    }
    return true;
  }

  void PutTensor(const std::string& name, Values v) {
    static const std::regex kLinear(R"((blk\.\d+\.)linear_attn\.(.*))");
    static const std::pair<std::regex, const char*> kNames[] = {
        {std::regex("^model\\.(language_model\\.)?"), ""},
        {std::regex("^layers\\."), "blk."},
        {std::regex("^embed_tokens"), "token_embd"},
        {std::regex("^norm\\."), "output_norm."},
        {std::regex("^lm_head"), "output"},
        {std::regex("input_layernorm"), "attn_norm"},
        {std::regex("post_attention_layernorm"), "post_attention_norm"},
        {std::regex("self_attn\\.o_proj"), "attn_output"},
        {std::regex("self_attn\\.(.)_(norm|proj)"), "attn_$1_$2"},
        {std::regex("(attn_.)_proj"), "$1"},
        {std::regex("mlp\\.gate\\."), "ffn_gate_inp."},
        {std::regex("mlp\\.shared_expert_gate"), "ffn_gate_inp_shexp"},
        {std::regex("mlp\\.shared_expert\\.(\\w+)_proj"), "ffn_$1_shexp"},
        {std::regex("mlp\\.experts\\.(\\d+)\\.(\\w+)_proj"), "ffn_$2.$1"},
        {std::regex("mlp\\.experts\\.(\\w+)_proj$"), "ffn_$1_exps.weight"},
    };
    std::string out = name;
    for (const auto& [from, to] : kNames) out = std::regex_replace(out, from, to);
    std::smatch match;
    if (std::regex_match(out, match, kLinear)) {
      ASSERT_TRUE(PutLinear(match[1], match[2], std::move(v))) << name;
      return;
    }
    if (out.ends_with("norm.weight"))
      for (float& x : v.data) x += 1;
    Put(out, v.shape, v.data);
  }

  void AddMetadata(formats::GgufWriter& writer, const nlohmann::json& config) const {
    const auto& text = config.contains("text_config") ? config["text_config"] : config;
    const std::string prefix = std::string(GetParam().arch) + ".";
    ASSERT_TRUE(writer.Add("general.architecture", GetParam().arch));
    const std::pair<const char*, const char*> numbers[] = {
        {"block_count", "num_hidden_layers"},
        {"embedding_length", "hidden_size"},
        {"context_length", "max_position_embeddings"},
        {"attention.head_count", "num_attention_heads"},
        {"attention.head_count_kv", "num_key_value_heads"},
        {"attention.key_length", "head_dim"},
        {"attention.value_length", "head_dim"},
        {"expert_count", "num_experts"},
        {"expert_used_count", "num_experts_per_tok"},
        {"expert_feed_forward_length", "moe_intermediate_size"},
        {"expert_shared_feed_forward_length", "shared_expert_intermediate_size"},
        {"ssm.conv_kernel", "linear_conv_kernel_dim"},
        {"ssm.state_size", "linear_key_head_dim"},
        {"ssm.group_count", "linear_num_key_heads"},
        {"ssm.time_step_rank", "linear_num_value_heads"},
    };
    for (const auto& [key, from] : numbers) ASSERT_TRUE(writer.Add(prefix + key, text[from].get<uint32_t>()));
    ASSERT_TRUE(writer.Add(prefix + "ssm.inner_size", static_cast<uint32_t>(kValueRows)));
    ASSERT_TRUE(writer.Add(prefix + "rope.dimension_count", GetParam().rope_dims));
    ASSERT_TRUE(writer.Add(prefix + "rope.freq_base", 10000.0f));
    ASSERT_TRUE(writer.Add(prefix + "attention.layer_norm_rms_epsilon", 1e-6f));
  }

  void Write(const nlohmann::json& config, const std::string& path) {
    formats::GgufWriter writer;
    ASSERT_NO_FATAL_FAILURE(AddMetadata(writer, config));
    for (const auto& [name, v] : out_) ASSERT_TRUE(writer.AddTensor(name, DType::kF32, v.shape)) << name;
    ASSERT_TRUE(writer.Open(path));
    for (const auto& [name, v] : out_) ASSERT_TRUE(writer.Write(name, std::as_bytes(std::span(v.data))));
    ASSERT_TRUE(writer.Finish());
  }

  std::string golden() const { return model::GoldenPath(GetParam().golden); }

  void Rewrite(const std::string& path) {
    const auto checkpoint = formats::OpenCheckpoint(golden());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    for (const formats::Tensor& tensor : checkpoint->tensors.tensors()) {
      const auto bytes = checkpoint->Bytes(tensor);
      std::vector<float> data(bytes.size() / sizeof(float));
      std::memcpy(data.data(), bytes.data(), bytes.size());
      ASSERT_NO_FATAL_FAILURE(PutTensor(tensor.name, {tensor.shape, std::move(data)}));
    }
    ASSERT_NO_FATAL_FAILURE(Write(checkpoint->config, path));
  }

  static std::vector<float> LastLogits(const model::Model& model, ThreadTeam& team,
                                       const model::Adapter& adapter, const std::vector<int32_t>& ids) {
    const auto count = static_cast<int32_t>(ids.size());
    auto made = backend::CreateCpuBackend(
        model, team, {.max_tokens = count, .context = count, .kv = {}, .states = 1, .adapters = true});
    EXPECT_TRUE(made);
    std::vector<backend::BatchToken> tokens;
    for (int32_t i = 0; i < count; ++i) tokens.push_back({ids[i], i, 0, i + 1 == count});
    kv::PageTable pages;
    const kv::PageTable* tables[] = {&pages};
    const model::Adapter* adapters[] = {&adapter};
    EXPECT_TRUE((*made)->pool().Grow(&pages, count));
    EXPECT_TRUE((*made)->Forward({.tokens = tokens, .sequences = tables, .adapters = adapters}));
    return {(*made)->Logits(0).begin(), (*made)->Logits(0).end()};
  }

  std::map<std::string, Values> out_;
  TemporaryDirectory folder_;
};

TEST_P(LinearGguf, GivesTheAnswersOfTheGolden) {
  const std::string path = folder_ / "model.gguf";
  ASSERT_NO_FATAL_FAILURE(Rewrite(path));
  const auto checkpoint = formats::OpenCheckpoint(path);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  ThreadTeam team(1);
  const auto model = model::LoadModel(*checkpoint, team);
  ASSERT_TRUE(model) << model.error().message;
  const auto report = engine::Verify(**model, team, golden() + "/golden.safetensors", {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_LE(report->logits.error, 1e-5);
  EXPECT_TRUE(report->ok());
}

// An adapter names modules as published; its rows and columns must follow the file's order of heads.
TEST_P(LinearGguf, AdaptersDoWhatTheyDoToTheGolden) {
  const std::string path = folder_ / "model.gguf";
  ASSERT_NO_FATAL_FAILURE(Rewrite(path));
  std::mt19937 random{23};
  WriteLora(folder_.path(), DrawForHuggingFace(model::OpenGolden(GetParam().golden), 3, nullptr, random),
            LoraConfigJson(3));
  ThreadTeam team(1);
  std::vector<float> logits[2];
  for (const bool gguf : {false, true}) {
    const auto checkpoint = formats::OpenCheckpoint(gguf ? path : golden());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    const auto model = model::LoadModel(*checkpoint, team, {.exact = true, .progress = {}});
    ASSERT_TRUE(model) << model.error().message;
    const auto adapter = model::LoadAdapter(**model, folder_.path());
    ASSERT_TRUE(adapter) << adapter.error().message;
    logits[gguf] = LastLogits(**model, team, **adapter, {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5});
  }
  double largest = 0, difference = 0;
  for (size_t i = 0; i < logits[0].size(); ++i) {
    largest = std::max(largest, std::abs(double{logits[0][i]}));
    difference = std::max(difference, std::abs(double{logits[0][i]} - double{logits[1][i]}));
  }
  EXPECT_GT(largest, 0);
  EXPECT_LE(difference, 1e-4 * largest);
}

INSTANTIATE_TEST_SUITE_P(All, LinearGguf,
                         testing::Values(Case{"qwen3_next", "qwen3next", false, false, 4},
                                         Case{"qwen3_next", "qwen3next", false, true, 4},
                                         Case{"qwen3_5_moe", "qwen35moe", true, false, 8}),
                         [](const auto& info) {
                           return std::string(info.param.arch) + (info.param.joined ? "_joined" : "");
                         });

}  // namespace
}  // namespace sluice
