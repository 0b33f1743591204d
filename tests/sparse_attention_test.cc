// Attention that chooses its positions is plain attention as long as it may choose all of them.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "backend/backend.h"
#include "model/edited_checkpoint.h"
#include "model/model.h"

namespace sluice {
namespace {

constexpr int kTokens = 40;

// Logits of every token of one prompt.
std::vector<float> Logits(const formats::Checkpoint& checkpoint, int threads) {
  ThreadTeam team(threads, /*pin=*/false);
  const auto model = model::LoadModel(checkpoint, team);
  EXPECT_TRUE(model) << model.error().message;
  auto backend = backend::CreateCpuBackend(**model, team, {kernels::Isa::kScalar, kTokens, kTokens, {}});
  EXPECT_TRUE(backend) << backend.error().message;
  kv::PageTable pages;
  EXPECT_TRUE((*backend)->pool().Grow(&pages, kTokens));
  std::vector<backend::BatchToken> tokens;
  for (int i = 0; i < kTokens; ++i) tokens.push_back({i * 7 % 150, i, 0, true});
  const kv::PageTable* tables[] = {&pages};
  EXPECT_TRUE((*backend)->Forward({tokens, tables, nullptr}));
  std::vector<float> logits;
  for (int i = 0; i < kTokens; ++i) {
    const auto row = (*backend)->Logits(i);
    logits.insert(logits.end(), row.begin(), row.end());
  }
  return logits;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(SparseAttention, IsDenseWhereEverythingMayBeChosen) {
  formats::Checkpoint sparse = model::OpenGolden("deepseek_v32");
  sparse.config["index_topk"] = kTokens;
  formats::Checkpoint dense = model::OpenGolden("deepseek_v32");
  dense.config["model_type"] = "deepseek_v3";
  for (const char* key : {"index_topk", "index_n_heads", "index_head_dim"}) dense.config.erase(key);
  model::EditTensors(dense, [](formats::Tensor& t) { return t.name.find(".indexer.") == t.name.npos; });
  const std::vector<float> all = Logits(dense, 1);
  EXPECT_TRUE(SameBits(Logits(sparse, 1), all));
  sparse.config["index_topk"] = kTokens - 1;  // the last token alone leaves one out
  const std::vector<float> fewer = Logits(sparse, 1);
  const size_t vocab = all.size() / kTokens, rest = (kTokens - 1) * vocab;
  EXPECT_EQ(std::memcmp(fewer.data(), all.data(), rest * sizeof(float)), 0);
  EXPECT_NE(std::memcmp(fewer.data() + rest, all.data() + rest, vocab * sizeof(float)), 0);
}

}  // namespace
}  // namespace sluice
