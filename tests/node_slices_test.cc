// A made-up machine of several memory nodes: each holds a slice of every matrix, and nothing else changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "backend/backend.h"
#include "base/temporary_directory.h"
#include "convert/pack.h"
#include "engine/recorder.h"
#include "model/edited_checkpoint.h"

namespace sluice {
namespace {

NodeLayout Nodes(int n) {
  const std::vector<int> cpus = PhysicalCpus();
  NodeLayout layout;
  for (int node = 0; node < n; ++node) layout.nodes.push_back({node, {}});
  for (size_t i = 0; i < cpus.size(); ++i) layout.nodes[i % n].cpus.push_back(cpus[i]);
  return layout;
}

// Logits of a prompt in one batch, then of single tokens and a pair.
std::vector<std::vector<float>> Logits(const formats::Checkpoint& checkpoint, ThreadTeam& team,
                                       kernels::Isa isa) {
  auto model = model::LoadModel(checkpoint, team);
  EXPECT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->nodes, team.nodes());
  constexpr int kTokens = 40;
  auto made = backend::CreateCpuBackend(**model, team, {.isa = isa, .max_tokens = kTokens, .context = 64});
  EXPECT_TRUE(made) << made.error().message;
  const bool encodes = !(*made)->plan().encoder_steps.empty();
  kv::PageTable pages, source;
  const kv::PageTable *tables[] = {&pages}, *sources[] = {&source};
  const auto tokens = [&](int from, int to) {
    std::vector<backend::BatchToken> batch;
    for (int i = from; i < to; ++i) batch.push_back({(7 * i + 3) % (*model)->desc.vocab, i, 0, true});
    return batch;
  };
  if (encodes) {
    source.longest = 20;
    EXPECT_TRUE((*made)->pool().Grow(&source, 20));
    const kv::PageTable* encoded[] = {&source};
    EXPECT_TRUE((*made)->Forward({.tokens = tokens(0, 20), .sequences = encoded, .encode = true}));
    source.length = 20;
  }
  pages.longest = kTokens;
  std::vector<std::vector<float>> logits;
  for (const int end : {27, 28, 30}) {
    EXPECT_TRUE((*made)->pool().Grow(&pages, end));
    const auto batch = tokens(static_cast<int>(pages.length), end);
    const Status status = (*made)->Forward({.tokens = batch, .sequences = tables, .sources = sources});
    EXPECT_TRUE(status) << status.error().message;
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto row = (*made)->Logits(static_cast<int>(i));
      logits.emplace_back(row.begin(), row.end());
    }
    pages.length = end;
  }
  return logits;
}

class NodeSlices : public testing::TestWithParam<const char*> {};

TEST_P(NodeSlices, GiveTheSameBits) {
  const formats::Checkpoint checkpoint = model::OpenGolden(GetParam());
  const kernels::Isa isa = *kernels::SelectIsa();
  ThreadTeam plain(1);
  const auto expected = Logits(checkpoint, plain, isa);
  struct Case {
    int threads, nodes;
  };
  // With one thread, all of the second node's work is done by the first's.
  for (const auto& [threads, nodes] : {Case{2, 2}, Case{1, 2}, Case{4, 2}, Case{3, 3}, Case{5, 4}}) {
    SCOPED_TRACE(testing::Message() << threads << " threads, " << nodes << " nodes");
    ThreadTeam team(threads, Nodes(nodes));
    EXPECT_EQ(Logits(checkpoint, team, isa), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, NodeSlices,
                         testing::Values("mixtral", "qwen3_next", "deepseek_v3", "gpt_oss_mxfp4", "arctic",
                                         "gguf_mixtral_q4km", "dbrx", "switch", "deepseek_v32"),
                         [](const auto& info) { return std::string(info.param); });

// A packed file's pages lie wherever they were read: its panels are copied.
TEST(NodeSlicesOfAPackedFile, AreCopies) {
  const TemporaryDirectory directory;
  const std::string path = directory / "packed.gguf";
  const auto report = convert::PackModel(
      model::OpenGolden("mixtral"), {.output = path, .recipe = {.name = "keep", .types = {}}, .threads = 1});
  ASSERT_TRUE(report) << report.error().message;
  const auto checkpoint = formats::OpenCheckpoint(path);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  ThreadTeam one(1), two(2, Nodes(2));
  const kernels::Isa isa = *kernels::SelectIsa();
  EXPECT_EQ(Logits(*checkpoint, two, isa), Logits(*checkpoint, one, isa));

  const auto file = checkpoint->files.front().bytes();
  const auto in_file = [&](const model::PackedMatrix& m) {
    return m.data >= file.data() && m.data < file.data() + file.size();
  };
  for (ThreadTeam* team : {&one, &two}) {
    const auto model = model::LoadModel(*checkpoint, *team);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(in_file((*model)->head), team == &one);
    EXPECT_GT((*model)->weight_bytes(), 0);
  }
}

// The system knows no node 1 here, or places its memory: either way answers come, and the model says which.
TEST(NodeSlicesOfAnEngine, AreNoMatterToAnswers) {
  std::vector<std::vector<int32_t>> answers;
  for (const int nodes : {1, 2}) {
    ThreadTeam team(2, nodes == 1 ? NodeLayout{} : NodeLayout{{{0, {0}}, {1000, {1}}}});
    auto model = model::LoadModel(model::OpenGolden("mixtral"), team);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ((*model)->not_placed.find("node 1000") != std::string::npos, nodes == 2)
        << (*model)->not_placed;
    auto engine = engine::Engine::Create(std::move(*model), team, {.context = 64});
    ASSERT_TRUE(engine) << engine.error().message;
    const engine::Recorder recorder;
    ASSERT_TRUE((*engine)->Submit({.prompt = {3, 5, 8}, .max_tokens = 20, .sampling = {.temperature = 0}},
                                  recorder.Listen()));
    answers.push_back(recorder.Wait().ids());
  }
  EXPECT_EQ(answers[0].size(), 20u);
  EXPECT_EQ(answers[0], answers[1]);
}

}  // namespace
}  // namespace sluice
