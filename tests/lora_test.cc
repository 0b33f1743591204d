// A batch with adapters computes what models with the adapters merged into their weights compute, whatever
// container the base came from; and every token gets the bits that it gets alone.
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/backend.h"
#include "lora_fixture.h"
#include "model/lora.h"

namespace sluice {
namespace {

using formats::Checkpoint;
using formats::Tensor;

std::unique_ptr<model::Model> Load(const Checkpoint& checkpoint, ThreadTeam& team, bool exact) {
  auto loaded = model::LoadModel(checkpoint, team, {.exact = exact, .progress = {}});
  EXPECT_TRUE(loaded) << loaded.error().message;
  return loaded ? std::move(*loaded) : nullptr;
}

std::shared_ptr<const model::Adapter> LoadLora(const model::Model& model, const Lora& lora, int64_t rank) {
  const TemporaryDirectory directory;
  WriteLora(directory.path(), lora, LoraConfigJson(rank));
  auto adapter = model::LoadAdapter(model, directory.path());
  EXPECT_TRUE(adapter) << adapter.error().message;
  return adapter ? *adapter : nullptr;
}

std::vector<int32_t> DrawIds(const model::Model& model, int count, std::mt19937& random) {
  std::vector<int32_t> ids;
  for (int i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(random() % model.desc.vocab));
  return ids;
}

std::unique_ptr<backend::Backend> MakeBackend(const model::Model& model, ThreadTeam& team, kernels::Isa isa,
                                              bool adapters) {
  auto made = backend::CreateCpuBackend(
      model, team,
      {.isa = isa, .max_tokens = 64, .context = 512, .kv = {}, .states = 8, .adapters = adapters});
  EXPECT_TRUE(made) << made.error().message;
  return made ? std::move(*made) : nullptr;
}

// Logits of every position, [positions][vocab]; of an encoder-decoder model, of an answer to the ids.
std::vector<float> Logits(const model::Model& model, ThreadTeam& team, kernels::Isa isa,
                          const model::Adapter* adapter, const std::vector<int32_t>& ids,
                          bool adapters = true) {
  const auto backend = MakeBackend(model, team, isa, adapters);
  std::vector<backend::BatchToken> tokens;
  for (size_t i = 0; i < ids.size(); ++i) tokens.push_back({ids[i], static_cast<int32_t>(i), 0, true});
  const auto count = static_cast<int64_t>(ids.size());
  kv::PageTable pages, source;
  pages.longest = source.longest = count;
  const kv::PageTable *tables[] = {&pages}, *sources[] = {&source};
  const model::Adapter* of_sequence[] = {adapter};
  backend::Batch batch{.tokens = tokens, .sequences = tables, .adapters = of_sequence};
  if (!adapters) batch.adapters = {};
  EXPECT_TRUE(backend->pool().Grow(&pages, count));
  if (model.desc.encoder) {
    EXPECT_TRUE(backend->pool().Grow(&source, count));
    batch.sequences = sources;
    batch.encode = true;
    EXPECT_TRUE(backend->Forward(batch));
    source.length = count;
    batch.sequences = tables;
    batch.sources = sources;
    batch.encode = false;
  }
  const Status status = backend->Forward(batch);
  EXPECT_TRUE(status) << status.error().message;
  std::vector<float> logits;
  for (int i = 0; i < static_cast<int>(count); ++i)
    logits.insert(logits.end(), backend->Logits(i).begin(), backend->Logits(i).end());
  return logits;
}

double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(double{a[i]} - double{b[i]}));
  return largest;
}
double Largest(const std::vector<float>& a) { return LargestDifference(a, std::vector<float>(a.size())); }

// How far logits with the adapter are from those of the merged weights, and those of the model alone, as
// parts of the largest.
void ExpectMerged(const Checkpoint& base, const Checkpoint& merged, const Lora& lora, int64_t rank) {
  ThreadTeam team(2, /*pin=*/false);
  const auto model = Load(base, team, /*exact=*/true), reference = Load(merged, team, /*exact=*/true);
  ASSERT_TRUE(model && reference);
  const auto adapter = LoadLora(*model, lora, rank);
  ASSERT_TRUE(adapter);
  EXPECT_GE(adapter->matrices(), static_cast<int64_t>(lora.size()));
  std::mt19937 random{7};
  const std::vector<int32_t> ids = DrawIds(*model, 40, random);
  const auto wanted = Logits(*reference, team, kernels::Isa::kScalar, nullptr, ids);
  const auto got = Logits(*model, team, kernels::Isa::kScalar, adapter.get(), ids);
  const auto plain = Logits(*model, team, kernels::Isa::kScalar, nullptr, ids);
  EXPECT_LE(LargestDifference(got, wanted), 1e-4 * Largest(wanted));
  EXPECT_GE(LargestDifference(plain, wanted), 1e-2 * Largest(wanted)) << "the adapter changes too little";
}

class Merged : public ::testing::TestWithParam<const char*> {};

TEST_P(Merged, AdapterIsWhatItsMergedWeightsAre) {
  const Checkpoint base = model::OpenGolden(GetParam());
  Checkpoint merged = base;
  std::mt19937 random{11};
  const Lora lora = DrawForHuggingFace(base, 5, &merged, random);
  ASSERT_FALSE(lora.empty());
  ExpectMerged(base, merged, lora, 5);
}

INSTANTIATE_TEST_SUITE_P(All, Merged,
                         ::testing::Values("arctic", "dbrx", "deepseek_v2", "deepseek_v2_lite", "deepseek_v3",
                                           "deepseek_v32", "dots1", "ernie4_5_moe", "flex_olmo", "gemma4_moe",
                                           "glm4_moe", "gpt_oss", "granitemoeshared", "grok1",
                                           "hunyuan_v1_moe", "llama", "llama4", "minimax_m2", "mixtral_bf16",
                                           "olmoe", "phimoe", "qwen2_moe", "qwen3_5_moe", "qwen3_moe",
                                           "qwen3_next", "switch", "t5_v11"),
                         [](const auto& info) { return std::string(info.param); });

// Bases from GGUF. Their tensors stand in another order than the modules that an adapter names: `place` is
// where element (r, c) of the module's weight is in the tensor.
struct GgufModule {
  std::string module, tensor;
  int64_t out, in;
  std::function<int64_t(int64_t, int64_t)> place;
};

void ExpectMergedGguf(const char* golden, const std::vector<GgufModule>& modules) {
  const Checkpoint base = model::OpenGolden(golden);
  Checkpoint merged = base;
  std::mt19937 random{13};
  Lora lora;
  for (const GgufModule& m : modules) {
    const bool again = lora.contains(m.module);  // a module of two tensors
    const Tensor* tensor = merged.tensors.Find(m.tensor);
    ASSERT_NE(tensor, nullptr) << m.tensor;
    std::vector<float> values = ReadFloats(merged, *tensor);
    if (!again) lora[m.module] = DrawPair(m.out, m.in, 3, 0.2 * RootMeanSquare(values), random);
    const LoraPair& pair = lora[m.module];
    for (int64_t r = 0; r < m.out; ++r)
      for (int64_t c = 0; c < m.in; ++c)
        if (const int64_t at = m.place(r, c); at >= 0)
          values[at] = static_cast<float>(values[at] + pair.Delta(r, c, kLoraAlpha / 3));
    SetFloats(merged, m.tensor, values);
  }
  ExpectMerged(base, merged, lora, 3);
}

// In the order of the file, one matrix after the other for `slab` > 0.
GgufModule Straight(std::string module, std::string tensor, int64_t out, int64_t in, int64_t slab = 0) {
  return {std::move(module), std::move(tensor), out, in,
          [=](int64_t r, int64_t c) { return (slab * out + r) * in + c; }};
}

// What llama.cpp's converter does to q and k: [heads, 2, dim / 2] becomes [heads, dim / 2, 2].
GgufModule Turned(std::string module, std::string tensor, int64_t heads, int64_t dim, int64_t in) {
  return {std::move(module), std::move(tensor), heads * dim, in, [=](int64_t r, int64_t c) {
            const int64_t head = r / dim, half = r % dim / (dim / 2), i = r % (dim / 2);
            return (head * dim + 2 * i + half) * in + c;
          }};
}

TEST(MergedGguf, HeadsTurned) {
  const auto described = model::Describe(model::OpenGolden("gguf_mixtral_q8_0"));
  ASSERT_TRUE(described);
  const auto& gqa = std::get<model::Gqa>(described->desc.decoder.layers[1][0].op);
  const auto& moe = std::get<model::Moe>(described->desc.decoder.layers[1][1].op);
  const int64_t dim = described->desc.dim, hidden = moe.expert.hidden;
  std::vector<GgufModule> modules;
  for (int l = 0; l < 2; ++l) {
    const std::string hf = fmt::format("model.layers.{}.", l), gguf = fmt::format("blk.{}.", l);
    modules.push_back(Turned(hf + "self_attn.q_proj", gguf + "attn_q.weight", gqa.heads, gqa.head_dim, dim));
    modules.push_back(
        Turned(hf + "self_attn.k_proj", gguf + "attn_k.weight", gqa.kv_heads, gqa.head_dim, dim));
    modules.push_back(
        Straight(hf + "self_attn.v_proj", gguf + "attn_v.weight", gqa.kv_heads * gqa.head_dim, dim));
    modules.push_back(
        Straight(hf + "self_attn.o_proj", gguf + "attn_output.weight", dim, gqa.heads * gqa.head_dim));
    for (int e = 0; e < 3; ++e) {
      const std::string expert = hf + fmt::format("block_sparse_moe.experts.{}.", e);
      modules.push_back(Straight(expert + "w1", gguf + "ffn_gate_exps.weight", hidden, dim, e));
      modules.push_back(Straight(expert + "w3", gguf + "ffn_up_exps.weight", hidden, dim, e));
      modules.push_back(Straight(expert + "w2", gguf + "ffn_down_exps.weight", dim, hidden, e));
    }
  }
  ExpectMergedGguf("gguf_mixtral_q8_0", modules);
}

TEST(MergedGguf, KeysAndValuesOfLatentAttention) {
  for (const char* golden : {"gguf_deepseek2_lite_kvb", "gguf_deepseek2_lite_mla"}) {
    SCOPED_TRACE(golden);
    const auto described = model::Describe(model::OpenGolden(golden));
    ASSERT_TRUE(described);
    const auto mla = std::get<model::Mla>(described->desc.decoder.layers[0][0].op);
    const int64_t stride = mla.nope_dim + mla.v_dim, rows = mla.heads * stride, rank = mla.kv_rank;
    const std::string module = "model.layers.0.self_attn.kv_b_proj";
    std::vector<GgufModule> modules;
    if (std::string(golden).ends_with("kvb")) {
      modules.push_back(Straight(module, "blk.0.attn_kv_b.weight", rows, rank));
    } else {
      modules.push_back({module, "blk.0.attn_k_b.weight", rows, rank, [=](int64_t r, int64_t c) {
                           const int64_t head = r / stride, i = r % stride;
                           return i < mla.nope_dim ? (head * rank + c) * mla.nope_dim + i : -1;
                         }});
      modules.push_back({module, "blk.0.attn_v_b.weight", rows, rank, [=](int64_t r, int64_t c) {
                           const int64_t head = r / stride, i = r % stride - mla.nope_dim;
                           return i >= 0 ? (head * mla.v_dim + i) * rank + c : -1;
                         }});
    }
    ExpectMergedGguf(golden, modules);
  }
}

}  // namespace
}  // namespace sluice
