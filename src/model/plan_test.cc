// What a model compiles to, and which models are refused before they compute anything.
#include "model/plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "model/edited_checkpoint.h"

namespace sluice::model {
namespace {

class PlanTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Model>> Load(const formats::Checkpoint& checkpoint, bool exact = false) {
    return LoadModel(checkpoint, team_, {.exact = exact, .progress = {}});
  }
  const Model& LoadGolden(const std::string& folder, bool exact = false) {
    auto model = Load(OpenGolden(folder), exact);
    EXPECT_TRUE(model) << model.error().message;
    models_.push_back(std::move(*model));
    return *models_.back();
  }

  ThreadTeam team_{2, /*pin=*/false};
  std::vector<std::unique_ptr<Model>> models_;
};

std::vector<std::string> Names(const Plan& plan, const std::string& prefix) {
  std::vector<std::string> names;
  for (const Step& step : plan.steps)
    if (step.name.starts_with(prefix)) names.push_back(step.name.substr(prefix.size()));
  return names;
}

template <typename Op>
std::vector<const Op*> StepsOf(const Plan& plan) {
  std::vector<const Op*> found;
  for (const Step& step : plan.steps)
    if (const auto* op = std::get_if<Op>(&step.op)) found.push_back(op);
  return found;
}

int64_t Width(const Plan& plan, Buffer buffer) { return plan.width[static_cast<int>(buffer)]; }
ActSet Acts(const Plan& plan, Buffer buffer) { return plan.acts[static_cast<int>(buffer)]; }

TEST_F(PlanTest, StepsStandInTheOrderOfTheModel) {
  const Plan plan = Compile(LoadGolden("mixtral"));
  EXPECT_EQ(plan.steps.front().name, "embed");
  EXPECT_EQ(plan.steps[plan.steps.size() - 2].name, "final_norm");
  EXPECT_EQ(plan.steps.back().name, "head");
  EXPECT_EQ(Names(plan, "L1."),
            (std::vector<std::string>{"attn.norm", "attn.qkv", "attn.rope", "attn.attend", "attn.o",
                                      "moe.norm", "moe.router", "moe.route", "moe.gate_up", "moe.down"}));
  std::set<std::string> names;
  for (const Step& step : plan.steps) EXPECT_TRUE(names.insert(step.name).second) << step.name;
}

TEST_F(PlanTest, BuffersAreAsWideAsTheirRows) {
  const Model& model = LoadGolden("mixtral");
  const Plan plan = Compile(model);
  EXPECT_EQ(Width(plan, Buffer::kStream), 48);
  EXPECT_EQ(Width(plan, Buffer::kQuery), 48);
  EXPECT_EQ(Width(plan, Buffer::kKey), 24);
  EXPECT_EQ(Width(plan, Buffer::kRouterLogits), 8);
  EXPECT_EQ(Width(plan, Buffer::kHidden), 24);
  EXPECT_EQ(Width(plan, Buffer::kLogits), 160);
  EXPECT_EQ(Width(plan, Buffer::kBranch), 0);
  EXPECT_EQ(plan.moe_layers, 2);
  EXPECT_EQ(plan.max_experts, 8);
  EXPECT_EQ(plan.max_top_k, 2);
  ASSERT_EQ(plan.kv_layers.size(), 2u);
  EXPECT_EQ(plan.kv_layers[1].heads, 2);
  EXPECT_EQ(plan.kv_layers[1].k_dim, 12);
  EXPECT_EQ(plan.ropes.size(), 1u) << "layers that rotate alike share a table";
}

TEST_F(PlanTest, LatentAttentionKeepsOneRowPerToken) {
  const Plan plan = Compile(LoadGolden("deepseek_v3"));
  ASSERT_FALSE(plan.kv_layers.empty());
  EXPECT_EQ(plan.kv_layers[0].heads, 1);
  EXPECT_EQ(plan.kv_layers[0].k_dim, 28);
  EXPECT_EQ(plan.kv_layers[0].v_dim, 0);
  EXPECT_EQ(Width(plan, Buffer::kQueryLow), 24);
  EXPECT_EQ(Width(plan, Buffer::kLatentRow), 28);
  EXPECT_EQ(
      Names(plan, "L0."),
      (std::vector<std::string>{"attn.norm", "attn.qkv_a", "attn.q_norm", "attn.q_b", "attn.rope", "attn.k_b",
                                "attn.attend", "attn.v_b", "attn.o", "ffn.norm", "ffn.gate_up", "ffn.down"}));
}

TEST_F(PlanTest, QuantisedWeightsReadQuantisedRowsAndExactModeNone) {
  const Plan plan = Compile(LoadGolden("gguf_mixtral_q4km"));
  EXPECT_TRUE(Acts(plan, Buffer::kNormed) & Bit(kernels::ActType::kQ8x256));
  EXPECT_TRUE(Acts(plan, Buffer::kNormed) & Bit(kernels::ActType::kF32)) << "the router reads floats";
  EXPECT_FALSE(StepsOf<QuantizeHiddenStep>(plan).empty());
  const Plan exact = Compile(LoadGolden("gguf_mixtral_q4km", /*exact=*/true));
  for (ActSet acts : exact.acts) EXPECT_EQ(acts & ~Bit(kernels::ActType::kF32), 0);
  EXPECT_TRUE(StepsOf<QuantizeHiddenStep>(exact).empty());
  EXPECT_TRUE(StepsOf<QuantizeStep>(exact).empty());
}

TEST_F(PlanTest, EverySliceOfTheModelIsReadOnce) {
  for (const char* folder : {"mixtral", "deepseek_v3", "gguf_qwen2moe_q5km", "llama"}) {
    const Model& model = LoadGolden(folder);
    const Plan plan = Compile(model);
    int64_t bytes = model.embed.bytes();
    for (const Step& step : plan.steps) {
      bytes += step.weight_bytes;
      // Experts are counted once in the step; there are as many more as the router knows, and a shared one.
      if (const auto* gate_up = std::get_if<GateUpStep>(&step.op); gate_up && gate_up->experts) {
        for (size_t e = 1; e < gate_up->experts->size(); ++e) {
          const FfnWeights& w = (*gate_up->experts)[e];
          bytes += w.gate.bytes() + w.up.bytes() + w.down.bytes();
        }
        if (const FfnWeights* shared = gate_up->shared)
          bytes += shared->gate.bytes() + shared->up.bytes() + shared->down.bytes();
      }
    }
    // What remains is vectors and alignment.
    EXPECT_LE(bytes, model.weight_bytes()) << folder;
    EXPECT_GT(bytes, model.weight_bytes() / 2) << folder;
  }
}

TEST_F(PlanTest, TheWindowReachesTheAttention) {
  const Plan plan = Compile(LoadGolden("mistral"));
  const auto steps = StepsOf<AttendStep>(plan);
  ASSERT_FALSE(steps.empty());
  for (const AttendStep* step : steps) EXPECT_EQ(step->gqa.window, 8);
}

// NaN in a router would send every token to the same experts, silently.
TEST_F(PlanTest, RoutersThatAreNotNumbersAreRefused) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const struct {
    const char *folder, *tensor;
    float value;
  } cases[] = {{"mixtral", "model.layers.1.block_sparse_moe.gate.weight", nan},
               {"mixtral", "model.layers.0.block_sparse_moe.gate.weight", -inf},
               {"deepseek_v3", "model.layers.1.mlp.gate.e_score_correction_bias", nan}};
  for (const auto& c : cases) {
    formats::Checkpoint checkpoint = OpenGolden(c.folder);
    SetElement(checkpoint, c.tensor, 13, c.value);
    const auto model = Load(checkpoint);
    ASSERT_FALSE(model) << c.tensor;
    EXPECT_EQ(model.error().code, ErrorCode::kBadFile);
    EXPECT_NE(model.error().message.find(c.tensor), std::string::npos) << model.error().message;
  }
}

// One table of frequency divisors, but a head size for each layer: the second would read past the table.
TEST_F(PlanTest, HeadsOfDifferentSizesCannotShareRopeFactors) {
  formats::Checkpoint checkpoint = OpenGolden("gguf_llama_dense_q4km");
  for (const char* key :
       {"llama.attention.key_length", "llama.attention.value_length", "llama.rope.dimension_count"})
    RemoveGgufKey(checkpoint, key);
  SetGgufKey(checkpoint, "llama.attention.head_count", formats::GgufArray(std::vector<uint64_t>{4, 2}));
  SetGgufKey(checkpoint, "llama.attention.head_count_kv", formats::GgufArray(std::vector<uint64_t>{2, 1}));
  const auto model = Load(checkpoint);
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message.find("rope_freqs.weight divides 32 frequencies, but layer 1 rotates 64"),
            std::string::npos)
      << model.error().message;
}

// Safetensors promise no alignment: the same model, one byte further, packs to the same bits.
TEST_F(PlanTest, FilesMayBeMisaligned) {
  for (const char* folder :
       {"mixtral", "mixtral_bf16", "deepseek_v3_fp8", "gguf_deepseek3_q", "gguf_olmoe_iq4xs"}) {
    formats::Checkpoint checkpoint = OpenGolden(folder);
    const auto straight = Load(checkpoint);
    Misalign(checkpoint);
    const auto shifted = Load(checkpoint);
    ASSERT_TRUE(straight && shifted) << folder;
    ASSERT_EQ((*straight)->weight_bytes(), (*shifted)->weight_bytes());
    EXPECT_EQ(std::memcmp((*straight)->arena.data(), (*shifted)->arena.data(), (*straight)->weight_bytes()),
              0)
        << folder;
  }
}

}  // namespace
}  // namespace sluice::model
