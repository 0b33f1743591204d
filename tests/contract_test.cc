// The numeric contract: a token's logits and router choices are the same bits whoever shares its batch,
// however its prompt is cut, with any number of threads, on any tier. SLUICE_CONTRACT_CASES sets the number
// of random mixes of each model, SLUICE_CONTRACT_MODEL names one more model's file
// (--gtest_filter='Named/*').
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>

#include "backend/backend.h"
#include "base/arena.h"
#include "kernels/attention.h"
#include "model/edited_checkpoint.h"
#include "model/model.h"

namespace sluice {
namespace {

int Cases() {
  const char* cases = std::getenv("SLUICE_CONTRACT_CASES");
  return cases ? std::atoi(cases) : 6;
}

std::vector<kernels::Isa> Tiers() {
  std::vector<kernels::Isa> tiers;
  for (const auto isa : kernels::kAllIsas)
    if (kernels::Supported(isa)) tiers.push_back(isa);
  return tiers;
}

// What a model says to one sequence of tokens.
struct Answer {
  std::vector<int32_t> ids;
  std::vector<std::vector<float>> logits;          // [position][vocab]
  std::vector<std::vector<int32_t>> experts;       // [position][layer * top_k]
  std::vector<std::vector<float>> expert_weights;  // as experts
};

bool SameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

// One token's part of a trace, all layers.
void TakeTrace(const backend::RouterTrace& trace, size_t t, std::vector<int32_t>* experts,
               std::vector<float>* weights) {
  experts->clear();
  weights->clear();
  for (const auto& layer : trace.layers) {
    const size_t k = static_cast<size_t>(layer.top_k);
    experts->insert(experts->end(), layer.experts.begin() + t * k, layer.experts.begin() + (t + 1) * k);
    weights->insert(weights->end(), layer.weights.begin() + t * k, layer.weights.begin() + (t + 1) * k);
  }
}

struct Case {
  const char* model;
  std::optional<kernels::KvType> kv = {};  // how keys and values are kept; none: as the backend chooses
};

class Contract : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    ThreadTeam team(1);
    auto model = model::LoadModel(model::OpenGolden(GetParam().model), team);
    ASSERT_TRUE(model) << model.error().message;
    model_ = std::move(*model);
    for (const int length : {1, 7, 33, 40, 70}) answers_.push_back(Alone(team, length));
  }

  std::unique_ptr<backend::Backend> MakeBackend(ThreadTeam& team, kernels::Isa isa, int max_tokens,
                                                int64_t context) {
    auto made =
        backend::CreateCpuBackend(*model_, team, {isa, max_tokens, context, GetParam().kv, kMostSequences});
    EXPECT_TRUE(made) << made.error().message;
    // What a page or a state held before must not matter: NaN, in every type.
    kv::Pool& pool = (*made)->pool();
    std::memset(pool.KeyPage(0, 0, 0), 0xff, static_cast<size_t>(pool.block_bytes() * pool.blocks()));
    kv::StatePool& states = pool.states();
    if (!states.empty())
      std::memset(states.At(0, 0), 0xff, static_cast<size_t>(states.slot_bytes() * states.slots()));
    return std::move(*made);
  }

  // The specification: one token at a time, one thread, the scalar tier.
  Answer Alone(ThreadTeam& team, int length) {
    Answer answer;
    for (int i = 0; i < length; ++i)
      answer.ids.push_back(static_cast<int32_t>(random_() % model_->desc.vocab));
    const auto backend = MakeBackend(team, kernels::Isa::kScalar, 1, length);
    kv::PageTable pages;
    const kv::PageTable* tables[] = {&pages};
    EXPECT_TRUE(backend->pool().Grow(&pages, length));
    backend::RouterTrace trace;
    for (int i = 0; i < length; ++i) {
      const backend::BatchToken token{answer.ids[i], i, 0, true};
      EXPECT_TRUE(backend->Forward({{&token, 1}, tables, &trace}));
      const auto logits = backend->Logits(0);
      answer.logits.emplace_back(logits.begin(), logits.end());
      TakeTrace(trace, 0, &answer.experts.emplace_back(), &answer.expert_weights.emplace_back());
      for (float x : logits) EXPECT_TRUE(std::isfinite(x));
    }
    return answer;
  }

  static constexpr int kMostSequences = 6;
  int Draw(int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random_); }

  std::mt19937 random_{std::random_device::result_type{20}};
  std::unique_ptr<model::Model> model_;
  std::vector<Answer> answers_;
};

// A sequence on its way through a mix.
struct Progress {
  const Answer* answer;
  kv::PageTable pages;
  int64_t left() const { return static_cast<int64_t>(answer->ids.size()) - pages.length; }
};

// Random chunks of random sequences, their tokens shuffled together, each sequence's in order.
std::vector<backend::BatchToken> DrawBatch(std::vector<Progress>& runs, int max_tokens,
                                           std::mt19937& random) {
  std::vector<int64_t> count(runs.size(), 0);
  const int budget = (max_tokens + 1) / 2 + static_cast<int>(random() % (max_tokens / 2 + 1));
  std::vector<backend::BatchToken> batch;
  for (int i = 0; i < budget; ++i) {
    const size_t s = random() % runs.size();
    if (count[s] == runs[s].left()) continue;
    const int64_t position = runs[s].pages.length + count[s]++;
    batch.push_back({runs[s].answer->ids[position], static_cast<int32_t>(position), static_cast<int32_t>(s),
                     random() % 3 != 0});
  }
  // Half of the batches as the engine makes them: whole chunks, one after the other.
  if (random() % 2) std::ranges::stable_sort(batch, {}, &backend::BatchToken::sequence);
  return batch;
}

void Check(const backend::Backend& backend, const std::vector<backend::BatchToken>& batch,
           const backend::RouterTrace& trace, const std::vector<Progress>& runs) {
  int output = 0;
  std::vector<int32_t> experts;
  std::vector<float> weights;
  for (size_t t = 0; t < batch.size(); ++t) {
    const Answer& answer = *runs[batch[t].sequence].answer;
    const size_t position = static_cast<size_t>(batch[t].position);
    TakeTrace(trace, t, &experts, &weights);
    ASSERT_EQ(experts, answer.experts[position]);
    ASSERT_TRUE(SameBits(weights, answer.expert_weights[position]))
        << "router weights at position " << position;
    if (!batch[t].output) continue;
    ASSERT_TRUE(SameBits(backend.Logits(output++), answer.logits[position]))
        << "logits at position " << position;
  }
}

TEST_P(Contract, AnyMixGivesTheSameBits) {
  const auto tiers = Tiers();
  for (int i = 0; i < Cases(); ++i) {
    const auto isa = tiers[i % tiers.size()];
    const int threads = 1 + i % 4, max_tokens = i % 6 == 5 ? Draw(1, 12) : Draw(20, 160);
    SCOPED_TRACE(testing::Message() << "case " << i << ": " << kernels::Name(isa) << ", " << threads
                                    << " threads, batches up to " << max_tokens);
    ThreadTeam team(threads, /*pin=*/false);
    std::vector<Progress> runs(static_cast<size_t>(Draw(1, kMostSequences)));
    const auto backend = MakeBackend(team, isa, max_tokens, 96 * static_cast<int64_t>(runs.size()));
    std::vector<const kv::PageTable*> tables;
    for (Progress& run : runs) {
      run.answer = &answers_[Draw(0, static_cast<int>(answers_.size()) - 1)];
      tables.push_back(&run.pages);
    }
    while (std::ranges::any_of(runs, [](const Progress& run) { return run.left() > 0; })) {
      const auto batch = DrawBatch(runs, max_tokens, random_);
      std::vector<int64_t> length;
      for (const Progress& run : runs) length.push_back(run.pages.length);
      for (const auto& token : batch) length[token.sequence] = token.position + 1;
      for (size_t s = 0; s < runs.size(); ++s) ASSERT_TRUE(backend->pool().Grow(&runs[s].pages, length[s]));
      backend::RouterTrace trace;
      const Status status = backend->Forward({batch, tables, &trace});
      ASSERT_TRUE(status) << status.error().message;
      if (batch.empty()) continue;
      ASSERT_NO_FATAL_FAILURE(Check(*backend, batch, trace, runs));
      for (size_t s = 0; s < runs.size(); ++s) runs[s].pages.length = length[s];
    }
  }
}

// One token behind a context of more than one span: its attention is cut by spans, and several threads share
// them out.
TEST_P(Contract, ThreadsThatShareAContextGiveTheSameBits) {
  constexpr int kPrompt = kernels::kSpanTokens - 2, kLength = kPrompt + 7;
  ThreadTeam one(1);
  const Answer answer = Alone(one, kLength);
  for (const auto isa : Tiers())
    for (const int threads : {2, 3}) {
      SCOPED_TRACE(testing::Message() << kernels::Name(isa) << ", " << threads << " threads");
      ThreadTeam team(threads, /*pin=*/false);
      const auto backend = MakeBackend(team, isa, kPrompt, RoundUp(kLength, kernels::kPageTokens));
      std::vector<Progress> runs{{&answer, {}}};
      const kv::PageTable* tables[] = {&runs[0].pages};
      for (int done = 0; done < kLength;) {
        const int count = done == 0 ? kPrompt : done == kPrompt ? 3 : 1;
        std::vector<backend::BatchToken> batch;
        for (int i = done; i < done + count; ++i) batch.push_back({answer.ids[i], i, 0, true});
        done += count;
        ASSERT_TRUE(backend->pool().Grow(&runs[0].pages, done));
        backend::RouterTrace trace;
        ASSERT_TRUE(backend->Forward({batch, tables, &trace}));
        ASSERT_NO_FATAL_FAILURE(Check(*backend, batch, trace, runs));
        runs[0].pages.length = done;
      }
    }
}

TEST(Backend, RefusesBadBatches) {
  ThreadTeam team(1);
  const auto model = model::LoadModel(model::OpenGolden("mixtral"), team);
  ASSERT_TRUE(model) << model.error().message;
  auto made = backend::CreateCpuBackend(**model, team, {kernels::Isa::kScalar, 2, 32, {}});
  ASSERT_TRUE(made) << made.error().message;
  const auto& backend = *made;
  kv::PageTable pages;
  ASSERT_TRUE(backend->pool().Grow(&pages, 3));
  const kv::PageTable* tables[] = {&pages};
  const auto forward = [&](std::vector<backend::BatchToken> tokens) {
    return static_cast<bool>(backend->Forward({tokens, tables, nullptr}));
  };
  EXPECT_TRUE(forward({{0, 0, 0, true}}));
  EXPECT_TRUE(forward({}));
  EXPECT_FALSE(forward({{-1, 0, 0, true}}));
  EXPECT_FALSE(forward({{(*model)->desc.vocab, 0, 0, true}}));
  EXPECT_FALSE(forward({{0, 32, 0, true}}));
  EXPECT_FALSE(forward({{0, -1, 0, true}}));
  EXPECT_FALSE(forward({{0, 0, 1, true}}));
  EXPECT_FALSE(forward({{0, 0, -1, true}}));
  EXPECT_FALSE(forward({{0, 0, 0, true}, {0, 1, 0, true}, {0, 2, 0, true}}));
}

// A state knows no way back: a batch that would need one is refused before anything is computed.
TEST(Backend, RefusesTokensThatAStateCannotTake) {
  ThreadTeam team(1);
  const auto model = model::LoadModel(model::OpenGolden("qwen3_next"), team);
  ASSERT_TRUE(model) << model.error().message;
  auto made = backend::CreateCpuBackend(**model, team, {kernels::Isa::kScalar, 4, 64, {}, 1});
  ASSERT_TRUE(made) << made.error().message;
  const auto& backend = *made;
  kv::PageTable pages, other;
  ASSERT_TRUE(backend->pool().Grow(&pages, 8));
  EXPECT_FALSE(backend->pool().Grow(&other, 1)) << "there is one state";
  const auto forward = [&](const kv::PageTable& table, std::vector<backend::BatchToken> tokens) {
    const kv::PageTable* tables[] = {&table};
    return static_cast<bool>(backend->Forward({tokens, tables, nullptr}));
  };
  EXPECT_FALSE(forward(pages, {{0, 1, 0, true}}));
  EXPECT_TRUE(forward(pages, {{0, 0, 0, true}, {0, 1, 0, true}}));
  EXPECT_FALSE(forward(pages, {{0, 1, 0, true}}));
  EXPECT_FALSE(forward(pages, {{0, 3, 0, true}}));
  EXPECT_FALSE(forward(pages, {{0, 2, 0, true}, {0, 4, 0, true}}));
  EXPECT_TRUE(forward(pages, {{0, 2, 0, true}}));
  EXPECT_TRUE(forward(pages, {{0, 0, 0, true}})) << "a sequence may begin again";
  kv::PageTable stateless = pages;
  stateless.state = kv::StatePool::kNone;
  EXPECT_FALSE(forward(stateless, {{0, 0, 0, true}}));
}

std::string NameOf(const testing::TestParamInfo<Case>& info) {
  const auto& [model, kv] = info.param;
  return kv ? fmt::format("{}_{}", model, kernels::Name(*kv)) : model;
}

INSTANTIATE_TEST_SUITE_P(
    Models, Contract,
    ::testing::Values(Case{"mixtral"},                  // F32
                      Case{"mixtral_bf16"},             // BF16
                      Case{"mistral"},                  // a sliding window
                      Case{"qwen2_moe"},                // a gated shared expert, biases, norms of heads
                      Case{"olmoe"},                    // norms over all heads, clipped
                      Case{"qwen3_next"},               // linear attention, a gate on the other's output
                      Case{"qwen3_5_moe"},              // its projections apart
                      Case{"deepseek_v3"},              // latent attention, groups, sigmoid, shared experts
                      Case{"deepseek_v3_fp8"},          // FP8 with scales of blocks
                      Case{"gpt_oss_mxfp4"},            // activations in 32, twice; sinks
                      Case{"deepseek_v32"},             // attention to chosen positions
                      Case{"glm_moe_dsa"},              // ... that layers share
                      Case{"gguf_mixtral_q4km"},        // K types, activations in 256
                      Case{"gguf_mixtral_q8_0"},        // activations in 32
                      Case{"gguf_deepseek2_lite_mla"},  // latent attention, its matrices split in the file
                      Case{"gguf_olmoe_iq4xs"}),        // codebooks
    NameOf);

// Every way to keep keys and values, for every way to attend to them.
std::vector<Case> KvCases() {
  std::vector<Case> cases;
  for (const char* model : {"mixtral",       // heads of 12: a block that is not full
                            "mistral",       // a sliding window
                            "qwen3_next",    // beside linear attention
                            "deepseek_v3",   // compressed rows
                            "deepseek_v32",  // chosen rows, keys of an indexer
                            "gguf_mixtral_q8_0"})
    for (const kernels::KvType kv : kernels::kAllKvTypes) cases.push_back({model, kv});
  return cases;
}
INSTANTIATE_TEST_SUITE_P(KvTypes, Contract, ::testing::ValuesIn(KvCases()), NameOf);

std::vector<Case> NamedModel() {
  const char* path = std::getenv("SLUICE_CONTRACT_MODEL");
  return path == nullptr ? std::vector<Case>{} : std::vector{Case{path}};
}
INSTANTIATE_TEST_SUITE_P(Named, Contract, ::testing::ValuesIn(NamedModel()),
                         [](const auto&) { return std::string("model"); });

}  // namespace
}  // namespace sluice
