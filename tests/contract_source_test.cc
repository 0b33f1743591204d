// The numeric contract of encoder-decoder models: sources that are read together, and answers that are
// written together, are the same bits as alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "backend/backend.h"
#include "model/edited_checkpoint.h"
#include "model/model.h"

namespace sluice {
namespace {

struct Text {
  std::vector<int32_t> source, answer;
  std::vector<std::vector<float>> logits;     // [position of the answer][vocab]
  std::vector<std::vector<int32_t>> experts;  // [position of the source][encoder layer]
};

// A text on its way.
struct Writing {
  const Text* text;
  kv::PageTable source, pages;
};

using Tokens = std::vector<backend::BatchToken>;

class SourceContract : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ThreadTeam team(1);
    auto model = model::LoadModel(model::OpenGolden(GetParam()), team);
    ASSERT_TRUE(model) << model.error().message;
    model_ = std::move(*model);
    const auto draw = [&](int n) {
      std::vector<int32_t> ids(n);
      for (int32_t& id : ids) id = static_cast<int32_t>(random_() % model_->desc.vocab);
      return ids;
    };
    for (const auto& [source, answer] : {std::pair{1, 3}, {20, 1}, {33, 40}, {90, 12}})
      ASSERT_NO_FATAL_FAILURE(Alone({draw(source), draw(answer), {}, {}}));
  }

  std::unique_ptr<backend::Backend> MakeBackend(ThreadTeam& team, kernels::Isa isa, int64_t context) {
    auto made = backend::CreateCpuBackend(*model_, team, {isa, 256, context, {}});
    EXPECT_TRUE(made) << made.error().message;
    // What a page held before must not matter: NaN, in every type.
    kv::Pool& pool = (*made)->pool();
    std::memset(pool.KeyPage(0, 0, 0), 0xff, static_cast<size_t>(pool.block_bytes() * pool.blocks()));
    return std::move(*made);
  }

  // Reads the sources of all runs in one batch, their tokens in turn.
  static void Encode(backend::Backend& backend, std::vector<Writing>& runs,
                     std::vector<std::vector<int32_t>>* experts) {
    Tokens tokens;
    std::vector<const kv::PageTable*> tables;
    for (size_t s = 0; s < runs.size(); ++s) {
      const auto& ids = runs[s].text->source;
      runs[s].source.longest = static_cast<int64_t>(ids.size());
      ASSERT_TRUE(backend.pool().Grow(&runs[s].source, runs[s].source.longest));
      for (int32_t i = 0; i < static_cast<int32_t>(ids.size()); ++i)
        tokens.push_back({ids[i], i, static_cast<int32_t>(s), false});
      tables.push_back(&runs[s].source);
    }
    std::ranges::stable_sort(tokens, {}, &backend::BatchToken::position);
    backend::RouterTrace trace;
    const Status status =
        backend.Forward({.tokens = tokens, .sequences = tables, .trace = &trace, .encode = true});
    ASSERT_TRUE(status) << status.error().message;
    for (Writing& run : runs) run.source.length = run.source.longest;
    experts->assign(tokens.size(), {});
    for (size_t t = 0; t < tokens.size(); ++t)
      for (const auto& layer : trace.layers)
        if (!layer.experts.empty()) (*experts)[t].push_back(layer.experts[t]);
  }

  // The specification: one thread, the scalar tier, nobody else, the answer token by token.
  void Alone(Text text) {
    ThreadTeam team(1);
    const auto backend = MakeBackend(team, kernels::Isa::kScalar, 512);
    std::vector<Writing> runs{{&text, {}, {}}};
    ASSERT_NO_FATAL_FAILURE(Encode(*backend, runs, &text.experts));
    Writing& run = runs[0];
    ASSERT_TRUE(backend->pool().Grow(&run.pages, static_cast<int64_t>(text.answer.size())));
    const kv::PageTable *pages[] = {&run.pages}, *sources[] = {&run.source};
    for (int32_t i = 0; i < static_cast<int32_t>(text.answer.size()); ++i) {
      const backend::BatchToken token{text.answer[i], i, 0, true};
      const Status status = backend->Forward({.tokens = {&token, 1}, .sequences = pages, .sources = sources});
      ASSERT_TRUE(status) << status.error().message;
      const auto logits = backend->Logits(0);
      text.logits.emplace_back(logits.begin(), logits.end());
      for (float x : logits) ASSERT_TRUE(std::isfinite(x));
    }
    texts_.push_back(std::move(text));
  }

  // One batch: a chunk of every run that is not at its end.
  void Continue(backend::Backend& backend, std::vector<Writing>& runs) {
    Tokens tokens;
    std::vector<const kv::PageTable*> tables, sources;
    for (size_t s = 0; s < runs.size(); ++s) {
      Writing& run = runs[s];
      const int64_t left = static_cast<int64_t>(run.text->answer.size()) - run.pages.length;
      const int64_t count = std::min<int64_t>(left, static_cast<int64_t>(random_() % 9));
      ASSERT_TRUE(backend.pool().Grow(&run.pages, run.pages.length + count));
      for (int64_t i = run.pages.length; i < run.pages.length + count; ++i)
        tokens.push_back({run.text->answer[i], static_cast<int32_t>(i), static_cast<int32_t>(s), true});
      tables.push_back(&run.pages);
      sources.push_back(&run.source);
    }
    const Status status = backend.Forward({.tokens = tokens, .sequences = tables, .sources = sources});
    ASSERT_TRUE(status) << status.error().message;
    for (int t = 0; t < static_cast<int>(tokens.size()); ++t) {
      const auto& token = tokens[t];
      const auto& expected = runs[token.sequence].text->logits[token.position];
      ASSERT_EQ(std::memcmp(backend.Logits(t).data(), expected.data(), expected.size() * sizeof(float)), 0)
          << "position " << token.position << " of run " << token.sequence;
      runs[token.sequence].pages.length = token.position + 1;
    }
  }

  std::mt19937 random_{std::random_device::result_type{7}};
  std::unique_ptr<model::Model> model_;
  std::vector<Text> texts_;
};

TEST_P(SourceContract, AnyMixGivesTheSameBits) {
  for (const auto isa : kernels::kAllIsas) {
    if (!kernels::Supported(isa)) continue;
    for (const int threads : {1, 3}) {
      SCOPED_TRACE(testing::Message() << kernels::Name(isa) << ", " << threads << " threads");
      ThreadTeam team(threads, /*pin=*/false);
      const auto backend = MakeBackend(team, isa, 2048);
      std::vector<Writing> runs;
      for (const Text& text : texts_) runs.push_back({&text, {}, {}});
      runs.push_back({&texts_[2], {}, {}});
      std::vector<std::vector<int32_t>> experts;
      ASSERT_NO_FATAL_FAILURE(Encode(*backend, runs, &experts));
      for (size_t t = 0, position = 0; t < experts.size(); ++position)
        for (const Writing& run : runs) {
          if (position >= run.text->source.size()) continue;
          EXPECT_EQ(experts[t++], run.text->experts[position]);
        }
      const auto unfinished = [](const Writing& run) {
        return run.pages.length < static_cast<int64_t>(run.text->answer.size());
      };
      while (std::ranges::any_of(runs, unfinished)) ASSERT_NO_FATAL_FAILURE(Continue(*backend, runs));
    }
  }
}

TEST_P(SourceContract, HalfASourceIsRefused) {
  ThreadTeam team(1);
  const auto backend = MakeBackend(team, kernels::Isa::kScalar, 256);
  kv::PageTable source, pages;
  ASSERT_TRUE(backend->pool().Grow(&source, 2));
  ASSERT_TRUE(backend->pool().Grow(&pages, 2));
  source.longest = 2;
  const kv::PageTable *sources[] = {&source}, *tables[] = {&pages};
  const auto encode = [&](const Tokens& tokens) {
    return static_cast<bool>(backend->Forward({.tokens = tokens, .sequences = sources, .encode = true}));
  };
  const Tokens answer{{0, 0, 0, true}};
  EXPECT_FALSE(backend->Forward({.tokens = answer, .sequences = tables, .sources = sources}))
      << "the source is not encoded";
  EXPECT_FALSE(encode({{1, 0, 0, false}}));
  EXPECT_FALSE(encode({{1, 1, 0, false}, {1, 0, 0, false}}));
  EXPECT_TRUE(encode({{1, 0, 0, false}, {1, 1, 0, false}}));
  EXPECT_FALSE(backend->Forward({.tokens = answer, .sequences = tables})) << "there is no source";
  source.length = 2;
  EXPECT_TRUE(backend->Forward({.tokens = answer, .sequences = tables, .sources = sources}));
}

INSTANTIATE_TEST_SUITE_P(Models, SourceContract, ::testing::Values("switch", "t5", "t5_v11"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace sluice
