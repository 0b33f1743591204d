// Which bytes the rules find, and what they say of files that do not fit.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "model/edited_checkpoint.h"
#include "model/family.h"
#include "model/name_pattern.h"
#include "model/scale_grid.h"

namespace sluice::model {
namespace {

using formats::Checkpoint;
using formats::Tensor;

Result<WeightMap> Resolve(const Checkpoint& checkpoint) {
  SLUICE_TRY(const Described described, Describe(checkpoint));
  return ResolveWeights(checkpoint, described);
}

std::string ErrorOf(const Checkpoint& checkpoint) {
  const auto weights = Resolve(checkpoint);
  return weights ? "" : weights.error().message;
}

void ExpectError(const Checkpoint& checkpoint, const std::string& text) {
  EXPECT_NE(ErrorOf(checkpoint).find(text), std::string::npos) << ErrorOf(checkpoint);
}

const std::byte* DataOf(const Checkpoint& checkpoint, std::string_view name) {
  const Tensor* tensor = checkpoint.tensors.Find(name);
  return tensor ? checkpoint.Bytes(*tensor).data() : nullptr;
}

TEST(Resolve, FindsOneTensorForEachExpert) {
  const Checkpoint checkpoint = OpenGolden("mixtral");
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  const WeightView* up = weights->Find("moe.expert.up", 1, 7);
  ASSERT_NE(up, nullptr);
  EXPECT_EQ(up->name, "model.layers.1.block_sparse_moe.experts.7.w3.weight");
  EXPECT_EQ(up->data, DataOf(checkpoint, up->name));
  EXPECT_EQ(up->rows, 24);
  EXPECT_EQ(up->cols, 48);
  EXPECT_EQ(up->row_stride, 48 * 4);
  EXPECT_EQ(weights->Find("moe.expert.up", 1, 8), nullptr);
  EXPECT_EQ(weights->Find("moe.expert.up", 2, 0), nullptr);
  EXPECT_EQ(weights->Find("ffn.up", 0), nullptr);
  const auto missing = weights->Get("moe.expert.up", 2, 3);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "the model has no weight moe.expert.up of layer 2, expert 3");
}

TEST(Resolve, SlicesStackedExperts) {
  const Checkpoint checkpoint = OpenGolden("gguf_mixtral_q8_0");
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  const WeightView* down = weights->Find("moe.expert.down", 1, 2);
  ASSERT_NE(down, nullptr);
  EXPECT_EQ(down->row_stride, 128 / 32 * 34);  // Q8_0
  EXPECT_EQ(down->data, DataOf(checkpoint, "blk.1.ffn_down_exps.weight") + 2 * 96 * down->row_stride);
}

TEST(Resolve, HalvesMergedGateAndUp) {
  const Checkpoint checkpoint = OpenGolden("gguf_mixtral_gate_up_merged");
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  const std::byte* slab = DataOf(checkpoint, "blk.0.ffn_gate_up_exps.weight");
  const WeightView *gate = weights->Find("moe.expert.gate", 0, 3), *up = weights->Find("moe.expert.up", 0, 3);
  ASSERT_TRUE(gate && up);
  EXPECT_EQ(gate->rows, 96);
  EXPECT_EQ(gate->data, slab + 3 * 192 * gate->row_stride);
  EXPECT_EQ(up->data, slab + (3 * 192 + 96) * up->row_stride);
}

TEST(Resolve, FindsExpertsOfOldFiles) {
  const Checkpoint checkpoint = OpenGolden("gguf_mixtral_old");
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ(weights->Find("moe.expert.gate", 1, 5)->name, "blk.1.ffn_gate.5.weight");
  EXPECT_EQ(weights->Find("moe.router", 0)->dtype, DType::kF16);
}

TEST(Resolve, FindsLatentAttentionInBothLayouts) {
  const Checkpoint joined = OpenGolden("gguf_deepseek2_lite_kvb"),
                   split = OpenGolden("gguf_deepseek2_lite_mla");
  const auto a = Resolve(joined), b = Resolve(split);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->Find("attn.kv_b", 0)->rows, 2 * (64 + 64));
  EXPECT_EQ(a->Find("attn.k_b", 0), nullptr);
  EXPECT_EQ(b->Find("attn.kv_b", 0), nullptr);
  EXPECT_EQ(b->Find("attn.k_b", 2)->rows, 4 * 256);
  EXPECT_EQ(b->Find("attn.k_b", 2)->cols, 64);
  EXPECT_EQ(b->Find("attn.v_b", 2)->rows, 4 * 64);
  EXPECT_EQ(b->Find("attn.v_b", 2)->cols, 256);
}

TEST(Resolve, AVectorMayStandForAMatrixOfOneRow) {
  const Checkpoint checkpoint = OpenGolden("gguf_qwen2moe_q5km");
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ(weights->Find("moe.shared_gate", 0)->rows, 1);
  EXPECT_EQ(weights->Find("moe.shared_gate", 0)->cols, 256);
  EXPECT_EQ(weights->Find("attn.q.bias", 1)->name, "blk.1.attn_q.bias");
}

// Layer 0 of a golden with q, k and v (and their biases) as parts of one tensor. The bytes are borrowed from
// the tensor named first and need not make sense.
void FuseQkv(Checkpoint& checkpoint, std::string_view suffix, std::vector<int64_t> shape,
             std::string_view bytes_of) {
  const std::string end = "." + std::string(suffix);
  const Tensor donor = *checkpoint.tensors.Find(bytes_of);
  EditTensors(checkpoint, [&](Tensor& t) {
    if (t.name == "blk.0.attn_k" + end || t.name == "blk.0.attn_v" + end) return false;
    if (t.name != "blk.0.attn_q" + end) return true;
    t = donor;
    t.name = "blk.0.attn_qkv" + end;
    t.shape = shape;
    return true;
  });
}

TEST(Resolve, TakesFusedAttentionApart) {
  Checkpoint checkpoint = OpenGolden("gguf_qwen2moe_q5km");
  FuseQkv(checkpoint, "weight", {512, 256}, "blk.0.attn_q.weight");
  FuseQkv(checkpoint, "bias", {512}, "blk.0.attn_q.bias");
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  const WeightView *q = weights->Find("attn.q", 0), *k = weights->Find("attn.k", 0),
                   *v = weights->Find("attn.v", 0);
  ASSERT_TRUE(q && k && v);
  EXPECT_EQ(k->rows, 128);
  EXPECT_EQ(k->data, q->data + 256 * q->row_stride);
  EXPECT_EQ(v->data, q->data + 384 * q->row_stride);
  const WeightView *qb = weights->Find("attn.q.bias", 0), *vb = weights->Find("attn.v.bias", 0);
  ASSERT_TRUE(qb && vb);
  EXPECT_EQ(qb->cols, 256);
  EXPECT_EQ(vb->cols, 128);
  EXPECT_EQ(vb->data, qb->data + 384 * sizeof(float));

  EditTensors(checkpoint, [](Tensor& t) {
    if (t.name == "blk.0.attn_qkv.weight") t.shape = {500, 256};
    return true;
  });
  ExpectError(checkpoint, "blk.0.attn_qkv.weight: expected [512, 256], file has [500, 256]");
}

TEST(Resolve, TakesGroupsOfRowsApart) {
  // 2 key heads of 8 with 2 value heads of 8 each, width 32: a group is q, k, v and z of 8 + 8 + 16 + 16
  // rows.
  Checkpoint checkpoint = OpenGolden("qwen3_next");
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  constexpr int64_t kRow = 32 * sizeof(float);
  const std::byte* joined = DataOf(checkpoint, "model.layers.0.linear_attn.in_proj_qkvz.weight");
  const WeightView *k = weights->Find("attn.k", 0), *z = weights->Find("attn.z", 0),
                   *decay = weights->Find("attn.decay", 0), *conv = weights->Find("attn.conv", 0);
  ASSERT_TRUE(k && z && decay && conv);
  EXPECT_EQ(k->rows, 16);
  EXPECT_EQ(k->Row(7), joined + 15 * kRow);
  EXPECT_EQ(k->Row(8), joined + (48 + 8) * kRow);
  EXPECT_EQ(z->rows, 32);
  EXPECT_EQ(z->Row(0), joined + 32 * kRow);
  EXPECT_EQ(z->Row(31), joined + 95 * kRow);
  EXPECT_EQ(decay->Row(2), DataOf(checkpoint, "model.layers.0.linear_attn.in_proj_ba.weight") + 6 * kRow);
  EXPECT_EQ(conv->rows, 4);
  EXPECT_EQ(conv->cols, 64);

  EditTensors(checkpoint, [](Tensor& t) {
    if (t.name == "model.layers.0.linear_attn.in_proj_qkvz.weight") t.shape = {95, 32};
    return true;
  });
  ExpectError(checkpoint, "linear_attn.in_proj_qkvz.weight: expected [96, 32], file has [95, 32]");
}

TEST(Resolve, FindsStackedExpertsOfNewerTools) {
  Checkpoint checkpoint = OpenGolden("qwen3_moe");  // 16 experts of 12, width 32
  const std::string experts = "model.layers.1.mlp.experts.";
  Tensor stacked = *checkpoint.tensors.Find("model.embed_tokens.weight");  // for its bytes
  EditTensors(checkpoint, [&](Tensor& t) { return !t.name.starts_with(experts); });
  stacked.size = 16 * 24 * 32 * sizeof(float);
  stacked.name = experts + "gate_up_proj";
  stacked.shape = {16, 24, 32};
  // Only addresses are looked at, but they must lie in the file.
  ASSERT_LE(stacked.size, checkpoint.files[0].bytes().size());
  stacked.offset = 0;
  ASSERT_TRUE(checkpoint.tensors.Add(stacked));
  stacked.size /= 2;
  stacked.name = experts + "down_proj";
  stacked.shape = {16, 32, 12};
  ASSERT_TRUE(checkpoint.tensors.Add(stacked));
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  const WeightView *gate = weights->Find("moe.expert.gate", 1, 2), *up = weights->Find("moe.expert.up", 1, 2);
  ASSERT_TRUE(gate && up);
  EXPECT_EQ(gate->data, DataOf(checkpoint, experts + "gate_up_proj") + 2 * 24 * 32 * sizeof(float));
  EXPECT_EQ(up->data, gate->data + 12 * 32 * sizeof(float));
  EXPECT_EQ(weights->Find("moe.expert.down", 1, 2)->rows, 32);
}

TEST(Resolve, NamesAMissingTensor) {
  Checkpoint checkpoint = OpenGolden("mixtral");
  RemoveTensor(checkpoint, "model.layers.1.block_sparse_moe.experts.3.w1.weight");
  ExpectError(checkpoint, "tensor model.layers.1.block_sparse_moe.experts.3.w1.weight is missing");
  checkpoint = OpenGolden("mixtral");
  RemoveTensor(checkpoint, "model.layers.0.block_sparse_moe.gate.weight");
  ExpectError(checkpoint, "tensor model.layers.0.block_sparse_moe.gate.weight is missing");
  checkpoint = OpenGolden("mixtral");
  RemoveTensor(checkpoint, "lm_head.weight");
  ExpectError(checkpoint, "tensor lm_head.weight is missing");
  checkpoint = OpenGolden("gguf_mixtral_q8_0");
  RemoveTensor(checkpoint, "blk.1.ffn_up_exps.weight");
  ExpectError(
      checkpoint,
      "blk.1.ffn_up_exps.weight or blk.1.ffn_gate_up_exps.weight or blk.1.ffn_up.0.weight is missing");
}

TEST(Resolve, NamesATensorOfAnotherShape) {
  Checkpoint checkpoint = OpenGolden("mixtral");
  checkpoint.config["intermediate_size"] = 32;
  ExpectError(checkpoint, "experts.0.w1.weight: expected [32, 48], file has [24, 48]");
  checkpoint = OpenGolden("gguf_mixtral_q8_0");
  SetGgufKey(checkpoint, "llama.expert_count", uint64_t{3});
  ExpectError(checkpoint, "blk.0.ffn_gate_inp.weight: expected [3, 96], file has [4, 96]");
  checkpoint = OpenGolden("gguf_mixtral_q8_0");
  EditTensors(checkpoint, [](Tensor& t) {
    if (t.name == "blk.1.ffn_down_exps.weight") t.shape[0] = 3;
    return true;
  });
  ExpectError(checkpoint, "blk.1.ffn_down_exps.weight: expected [4, 96, 128], file has [3, 96, 128]");
  checkpoint = OpenGolden("gguf_deepseek2_lite_mla");
  EditTensors(checkpoint, [](Tensor& t) {
    if (t.name == "blk.0.attn_k_b.weight") t.shape = {256, 4, 64};
    return true;
  });
  ExpectError(checkpoint, "blk.0.attn_k_b.weight: expected [4, 256, 64], file has [256, 4, 64]");
}

TEST(Resolve, NamesTensorsThatNobodyUses) {
  Checkpoint checkpoint = OpenGolden("mixtral");
  checkpoint.config["num_hidden_layers"] = 1;
  const std::string error = ErrorOf(checkpoint);
  EXPECT_NE(error.find("31 tensors that no part of a mixtral model uses: "), std::string::npos) << error;
  EXPECT_EQ(std::count(error.begin(), error.end(), ','), 5) << error;
  checkpoint = OpenGolden("mixtral");
  checkpoint.config["num_local_experts"] = 7;
  ExpectError(checkpoint, "gate.weight: expected [7, 48], file has [8, 48]");
}

TEST(Resolve, RefusesWeightsOfWholeNumbers) {
  Checkpoint checkpoint = OpenGolden("mixtral");
  EditTensors(checkpoint, [](Tensor& t) {
    if (t.name == "model.norm.weight") t.dtype = DType::kI32;
    return true;
  });
  ExpectError(checkpoint, "model.norm.weight holds I32");
}

TEST(Resolve, LeavesKnownExtrasUnusedAndSaysSo) {
  Checkpoint checkpoint = OpenGolden("deepseek_v3");
  Tensor extra = *checkpoint.tensors.Find("model.norm.weight");
  for (const char* name : {"model.layers.3.enorm.weight", "model.layers.0.self_attn.rotary_emb.inv_freq"}) {
    extra.name = name;
    ASSERT_TRUE(checkpoint.tensors.Add(extra));
  }
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ(weights->skipped().size(), 2u);
  extra.name = "model.layers.2.enorm.weight";  // within the model, it is nobody's
  ASSERT_TRUE(checkpoint.tensors.Add(extra));
  ExpectError(checkpoint, "1 tensor that no part of a deepseek_v3 model uses: model.layers.2.enorm.weight");
}

TEST(Resolve, LeavesASecondCopyOfATiedHeadUnused) {
  Checkpoint checkpoint = OpenGolden("qwen2");
  Tensor head = *checkpoint.tensors.Find("model.embed_tokens.weight");
  head.name = "lm_head.weight";
  ASSERT_TRUE(checkpoint.tensors.Add(head));
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ(weights->Find("head"), nullptr);
  EXPECT_EQ(weights->skipped(), std::vector<std::string>{"lm_head.weight"});
}

TEST(Resolve, AttachesTheScalesOfFp8Blocks) {
  Checkpoint checkpoint = OpenGolden("deepseek_v3_fp8");
  const std::string name = "model.layers.0.mlp.down_proj.weight";
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  const WeightView* down = weights->Find("ffn.down", 0);
  ASSERT_TRUE(down && down->block_scale);
  EXPECT_EQ(down->scale_stride, 2);
  float first = 0;
  std::memcpy(&first, DataOf(checkpoint, name + "_scale_inv"), sizeof first);
  EXPECT_EQ(down->block_scale[0], first);
  EXPECT_EQ(weights->Find("embed")->block_scale, nullptr);

  RemoveTensor(checkpoint, name + "_scale_inv");
  ExpectError(checkpoint, name + " is FP8, but " + name + "_scale_inv is missing");
  checkpoint = OpenGolden("deepseek_v3_fp8");
  EditTensors(checkpoint, [&](Tensor& t) {
    if (t.name == name + "_scale_inv") t.shape = {4, 1};
    return true;
  });
  ExpectError(checkpoint, "_scale_inv: expected [2, 2] (a scale for each 128 x 128 block), file has [4, 1]");
}

TEST(ScaleGrid, RefusesScalesThatAreNotNumbers) {
  const float floats[] = {1.5f, std::numeric_limits<float>::quiet_NaN()};
  Checkpoint checkpoint;
  checkpoint.files.push_back(
      MappedFile::FromOwned(std::string(reinterpret_cast<const char*>(floats), sizeof floats), "scales"));
  WeightMap map;
  WeightView view{.rows = 128, .cols = 129};
  const Status status = AttachScaleGrid(checkpoint, {"a", DType::kF32, {1, 2}, 0, 0, 8}, &view, &map);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("tensor a: scale [0, 1] is nan"), std::string::npos)
      << status.error().message;
}

TEST(Resolve, TakesTheScalesOfEachWeightInAJoinedMatrix) {
  // Key and value heads of 128: a group is q, k, v and z of 1 + 1 + 2 + 2 blocks of rows.
  Checkpoint checkpoint = OpenGolden("qwen3_next");
  checkpoint.config["linear_key_head_dim"] = checkpoint.config["linear_value_head_dim"] = 128;
  Tensor scales = *checkpoint.tensors.Find("model.embed_tokens.weight");
  scales.shape = {12, 1};
  scales.size = 12 * sizeof(float);
  EditTensors(checkpoint, [](Tensor& t) {
    const std::pair<const char*, std::vector<int64_t>> shapes[] = {{"in_proj_qkvz.weight", {1536, 32}},
                                                                   {"conv1d.weight", {1024, 1, 4}},
                                                                   {"linear_attn.norm.weight", {128}},
                                                                   {"out_proj.weight", {32, 512}}};
    for (const auto& [name, shape] : shapes) {
      if (!t.name.ends_with(name)) continue;
      t.shape = shape;
      t.offset = 0;  // only addresses are looked at
      if (t.name.ends_with("qkvz.weight")) t.dtype = DType::kF8E4M3;
    }
    return true;
  });
  for (int layer = 0; layer < 3; ++layer) {
    scales.name = "model.layers." + std::to_string(layer) + ".linear_attn.in_proj_qkvz.weight_scale_inv";
    ASSERT_TRUE(checkpoint.tensors.Add(scales));
  }
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  std::vector<float> stored(12);
  std::memcpy(stored.data(), DataOf(checkpoint, scales.name), scales.size);
  const std::pair<const char*, std::vector<size_t>> rows[] = {
      {"attn.q", {0, 6}}, {"attn.k", {1, 7}}, {"attn.v", {2, 3, 8, 9}}, {"attn.z", {4, 5, 10, 11}}};
  for (const auto& [name, blocks] : rows) {
    const WeightView* view = weights->Find(name, 2);
    ASSERT_TRUE(view && view->block_scale) << name;
    for (size_t b = 0; b < blocks.size(); ++b) EXPECT_EQ(view->block_scale[b], stored[blocks[b]]) << name;
  }
}

TEST(Resolve, RefusesScaleBlocksThatSpanSeveralWeights) {
  Checkpoint checkpoint = OpenGolden("qwen3_next");  // heads of 8
  Tensor scales = *checkpoint.tensors.Find("model.embed_tokens.weight");
  scales.name = "model.layers.0.linear_attn.in_proj_qkvz.weight_scale_inv";
  scales.shape = {1, 1};
  scales.size = sizeof(float);
  EditTensors(checkpoint, [](Tensor& t) {
    if (t.name == "model.layers.0.linear_attn.in_proj_qkvz.weight") t.dtype = DType::kF8E4M3;
    return true;
  });
  ASSERT_TRUE(checkpoint.tensors.Add(scales));
  ExpectError(checkpoint, "the rows of attn.q do not fill FP8 blocks of 128 rows");
}

TEST(ScaleGrid, WidensHalvesAndCopiesUnalignedFloats) {
  // At byte 1: two floats; at byte 12: two BF16.
  std::string bytes(16, '\0');
  const float floats[] = {1.5f, -2};
  const uint16_t halves[] = {0x3fc0, 0xc000};  // the same in BF16
  std::memcpy(&bytes[1], floats, sizeof floats);
  std::memcpy(&bytes[12], halves, sizeof halves);
  Checkpoint checkpoint;
  checkpoint.files.push_back(MappedFile::FromOwned(bytes, "scales"));
  WeightMap map;
  for (const Tensor& scales :
       {Tensor{"a", DType::kF32, {1, 2}, 0, 1, 8}, Tensor{"b", DType::kBF16, {1, 2}, 0, 12, 4}}) {
    WeightView view{.rows = 128, .cols = 129};
    const Status status = AttachScaleGrid(checkpoint, scales, &view, &map);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_EQ(view.block_scale[0], 1.5f);
    EXPECT_EQ(view.block_scale[1], -2);
  }
}

TEST(Resolve, FindsTensOfThousandsOfExperts) {
  // The golden with 58 sparse layers of 256 experts, all of them the same bytes.
  Checkpoint checkpoint = OpenGolden("deepseek_v3_fp8");
  checkpoint.config.update({{"num_hidden_layers", 59}, {"n_routed_experts", 256}});
  formats::TensorIndex many;
  for (const Tensor& tensor : checkpoint.tensors.tensors()) {
    const std::string prefix = "model.layers.1.";
    if (!tensor.name.starts_with(prefix)) {
      ASSERT_TRUE(many.Add(tensor));
      continue;
    }
    const std::string rest = tensor.name.substr(prefix.size()), experts = "mlp.experts.";
    if (rest.starts_with(experts) && !rest.starts_with(experts + "0.")) continue;
    for (int layer = 1; layer < 59; ++layer) {
      Tensor copy = tensor;
      const std::string start = "model.layers." + std::to_string(layer) + ".";
      copy.name = start + rest;
      if (rest.starts_with("mlp.gate.")) copy.shape[0] = 256;
      if (!rest.starts_with(experts)) {
        ASSERT_TRUE(many.Add(copy));
        continue;
      }
      for (int expert = 0; expert < 256; ++expert) {
        copy.name = start + experts + std::to_string(expert) + rest.substr(experts.size() + 1);
        ASSERT_TRUE(many.Add(copy));
      }
    }
  }
  checkpoint.tensors = std::move(many);
  ASSERT_GT(checkpoint.tensors.tensors().size(), 89000u);
  const auto weights = Resolve(checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ(weights->Find("moe.expert.down", 58, 255)->name,
            "model.layers.58.mlp.experts.255.down_proj.weight");
}

TEST(NamePattern, FillsAndMatches) {
  EXPECT_EQ(FillPattern("blk.{L}.ffn_gate.{E}.weight", 12, 7), "blk.12.ffn_gate.7.weight");
  EXPECT_TRUE(MatchesPattern("model.layers.{N}.*", "model.layers.61.enorm.weight", 61));
  EXPECT_TRUE(MatchesPattern("model.layers.{N}.*", "model.layers.62.enorm.weight", 61));
  EXPECT_FALSE(MatchesPattern("model.layers.{N}.*", "model.layers.60.enorm.weight", 61));
  EXPECT_FALSE(MatchesPattern("model.layers.{N}.*", "model.layers.x.enorm.weight", 61));
  EXPECT_FALSE(MatchesPattern("model.layers.{N}.*", "model.layers.", 61));
  EXPECT_TRUE(MatchesPattern("*.inv_freq", "a.b.inv_freq", 1));
  EXPECT_FALSE(MatchesPattern("*.inv_freq", "a.b.inv_freq.c", 1));
  EXPECT_TRUE(MatchesPattern("*", "", 1));
}

}  // namespace
}  // namespace sluice::model
