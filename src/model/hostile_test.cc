// Any value under any key ends in a description or in a message, never in a crash.
#include <gtest/gtest.h>

#include "model/accounting.h"
#include "model/edited_checkpoint.h"
#include "model/family.h"

namespace sluice::model {
namespace {

using nlohmann::json;

void ExpectAnswer(const formats::Checkpoint& checkpoint, const std::string& what) {
  const auto described = Describe(checkpoint);
  if (!described) {
    EXPECT_EQ(described.error().code, ErrorCode::kBadFile) << what;
    EXPECT_FALSE(described.error().message.empty()) << what;
    return;
  }
  EXPECT_GT(Account(described->desc).parameters, 0) << what;
  const auto weights = ResolveWeights(checkpoint, *described);
  if (!weights) {
    EXPECT_FALSE(weights.error().message.empty()) << what;
  }
}

TEST(Hostile, JsonValues) {
  const json values[] = {nullptr,  true,
                         0,        -1,
                         1,        3,
                         7,        1e9,
                         1 << 28,  -1e300,
                         1e-300,   0.5,
                         "\xff x", "",
                         {},       json::array(),
                         {1, 2},   {{"type", "yarn"}, {"factor", 1e-30}}};
  for (const char* golden :
       {"mixtral", "olmoe", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "llama_yarn", "llama_rope3",
        "deepseek_v2", "deepseek_v3", "deepseek_v3_fp8", "glm_moe_dsa", "dots1", "switch", "t5_v11"}) {
    formats::Checkpoint checkpoint = OpenGolden(golden);
    const json flat = checkpoint.config.flatten();
    for (const auto& [path, original] : flat.items()) {
      for (const json& value : values) {
        checkpoint.config[json::json_pointer(path)] = value;
        ExpectAnswer(checkpoint, std::string(golden) + path);
      }
      checkpoint.config = flat.unflatten();
    }
  }
}

TEST(Hostile, GgufValues) {
  using namespace formats;
  const GgufValue values[] = {true,
                              int64_t{-1},
                              uint64_t{0},
                              uint64_t{1},
                              uint64_t{3},
                              uint64_t{1} << 63,
                              1e300,
                              -0.0,
                              std::string_view("\xff"),
                              GgufArray(std::vector<int64_t>{}),
                              GgufArray(std::vector<uint64_t>{2, 0}),
                              GgufArray(std::vector<std::string_view>{"a"})};
  for (const char* golden :
       {"gguf_mixtral_q8_0", "gguf_llama_dense_q4km", "gguf_qwen2moe_q5km", "gguf_qwen3moe_q6k",
        "gguf_olmoe_q4km", "gguf_deepseek2_lite_kvb", "gguf_deepseek3_q"}) {
    const Checkpoint checkpoint = OpenGolden(golden);
    for (const GgufMetadata::Entry& entry : checkpoint.gguf.entries()) {
      if (entry.key.starts_with("tokenizer.")) continue;
      for (const GgufValue& value : values) {
        Checkpoint edited = checkpoint;
        SetGgufKey(edited, entry.key, value);
        ExpectAnswer(edited, std::string(golden) + " " + std::string(entry.key));
      }
    }
  }
}

TEST(Hostile, MissingAndBentTensors) {
  for (const char* golden :
       {"qwen2_moe", "deepseek_v3", "switch", "gguf_mixtral_gate_up_merged", "gguf_deepseek2_lite_mla"}) {
    const formats::Checkpoint checkpoint = OpenGolden(golden);
    for (const formats::Tensor& tensor : checkpoint.tensors.tensors()) {
      formats::Checkpoint without = checkpoint, bent = checkpoint;
      RemoveTensor(without, tensor.name);
      ExpectAnswer(without, tensor.name);
      EditTensors(bent, [&](formats::Tensor& t) {
        if (t.name == tensor.name) t.shape.back() += 1;
        return true;
      });
      const auto described = Describe(bent);
      if (!described) continue;
      EXPECT_FALSE(ResolveWeights(bent, *described)) << tensor.name;
    }
  }
}

}  // namespace
}  // namespace sluice::model
