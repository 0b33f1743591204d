// Sequences of several adapters and of none in one batch get the bits that each gets alone, on every tier,
// with any number of threads; without an adapter, those of a backend that knows no adapters.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "backend/backend.h"
#include "lora_fixture.h"
#include "model/lora.h"

namespace sluice {
namespace {

using Rows = std::vector<std::vector<float>>;  // [position][vocab]

struct Alone {
  const model::Adapter* adapter;
  std::vector<int32_t> ids;
  Rows logits;
};

std::unique_ptr<backend::Backend> MakeBackend(const model::Model& model, ThreadTeam& team, kernels::Isa isa,
                                              int max_tokens, bool adapters) {
  auto made = backend::CreateCpuBackend(
      model, team,
      {.isa = isa, .max_tokens = max_tokens, .context = 1024, .kv = {}, .states = 8, .adapters = adapters});
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

// One token at a time, one thread, the scalar tier.
Rows ComputeAlone(const model::Model& model, const Alone& alone, bool adapters) {
  ThreadTeam team(1);
  const auto backend = MakeBackend(model, team, kernels::Isa::kScalar, 1, adapters);
  kv::PageTable pages;
  pages.longest = static_cast<int64_t>(alone.ids.size());
  const kv::PageTable* tables[] = {&pages};
  const model::Adapter* of_sequence[] = {alone.adapter};
  EXPECT_TRUE(backend->pool().Grow(&pages, pages.longest));
  Rows rows;
  for (size_t i = 0; i < alone.ids.size(); ++i) {
    const backend::BatchToken token{alone.ids[i], static_cast<int32_t>(i), 0, true};
    backend::Batch batch{.tokens = {&token, 1}, .sequences = tables};
    if (adapters) batch.adapters = of_sequence;
    EXPECT_TRUE(backend->Forward(batch));
    rows.emplace_back(backend->Logits(0).begin(), backend->Logits(0).end());
  }
  return rows;
}

// Random chunks of all sequences, their tokens shuffled together, each sequence's in order.
void ExpectSameBits(const model::Model& model, const std::vector<Alone>& runs, int threads, kernels::Isa isa,
                    std::mt19937& random) {
  constexpr int kMaxTokens = 48;
  ThreadTeam team(threads, /*pin=*/false);
  const auto backend = MakeBackend(model, team, isa, kMaxTokens, true);
  std::vector<kv::PageTable> pages(runs.size());
  std::vector<const kv::PageTable*> tables;
  std::vector<const model::Adapter*> adapters;
  for (size_t s = 0; s < runs.size(); ++s) {
    pages[s].longest = static_cast<int64_t>(runs[s].ids.size());
    ASSERT_TRUE(backend->pool().Grow(&pages[s], pages[s].longest));
    tables.push_back(&pages[s]);
    adapters.push_back(runs[s].adapter);
  }
  const auto left = [&](size_t s) { return pages[s].longest - pages[s].length; };
  for (bool more = true; more;) {
    std::vector<backend::BatchToken> batch;
    std::vector<int64_t> count(runs.size(), 0);
    for (int i = 0; i < kMaxTokens; ++i) {
      const size_t s = random() % runs.size();
      if (count[s] == left(s)) continue;
      const int64_t position = pages[s].length + count[s]++;
      batch.push_back({runs[s].ids[position], static_cast<int32_t>(position), static_cast<int32_t>(s),
                       random() % 4 != 0});
    }
    ASSERT_TRUE(backend->Forward({.tokens = batch, .sequences = tables, .adapters = adapters}));
    int output = 0;
    for (const backend::BatchToken& token : batch) {
      if (!token.output) continue;
      const auto got = backend->Logits(output++);
      const std::vector<float>& wanted = runs[token.sequence].logits[token.position];
      ASSERT_EQ(std::memcmp(got.data(), wanted.data(), got.size_bytes()), 0)
          << "sequence " << token.sequence << ", position " << token.position;
    }
    more = false;
    for (size_t s = 0; s < runs.size(); ++s) {
      pages[s].length += count[s];
      more = more || left(s) > 0;
    }
  }
}

class LoraBatch : public ::testing::TestWithParam<const char*> {};

TEST_P(LoraBatch, SequencesDoNotFeelEachOthersAdapters) {
  const formats::Checkpoint checkpoint = model::OpenGolden(GetParam());
  ThreadTeam team(1);
  const auto loaded = model::LoadModel(checkpoint, team);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const model::Model& model = **loaded;
  std::mt19937 random{3};
  std::vector<std::shared_ptr<const model::Adapter>> adapters;
  for (const int64_t rank : {1, 8, 19}) {  // of one panel and of two
    const TemporaryDirectory directory;
    WriteLora(directory.path(), DrawForHuggingFace(checkpoint, rank, nullptr, random), LoraConfigJson(rank));
    auto adapter = model::LoadAdapter(model, directory.path());
    ASSERT_TRUE(adapter) << adapter.error().message;
    adapters.push_back(*adapter);
  }
  EXPECT_NE(adapters[0]->id(), adapters[1]->id());

  std::vector<Alone> runs;
  const std::array<int, 6> kLengths{9, 40, 17, 33, 5, 21};
  for (size_t i = 0; i < kLengths.size(); ++i) {
    Alone run{.adapter = i % 4 == 3 ? nullptr : adapters[i % 4].get()};
    for (int t = 0; t < kLengths[i]; ++t)
      run.ids.push_back(static_cast<int32_t>(random() % model.desc.vocab));
    run.logits = ComputeAlone(model, run, true);
    if (run.adapter == nullptr) {
      EXPECT_EQ(run.logits, ComputeAlone(model, run, false));
    }
    runs.push_back(std::move(run));
  }
  for (const auto isa : kernels::kAllIsas) {
    if (!kernels::Supported(isa)) continue;
    for (const int threads : {1, 3}) ExpectSameBits(model, runs, threads, isa, random);
  }
}

INSTANTIATE_TEST_SUITE_P(All, LoraBatch,
                         ::testing::Values("mixtral", "deepseek_v2", "qwen2_moe", "qwen3_next",
                                           "granitemoeshared"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace sluice
