#include "convert/recipe.h"

#include <gtest/gtest.h>

#include "base/temporary_directory.h"
#include "kernels/blocks.h"
#include "kernels/panel.h"

namespace sluice::convert {
namespace {

model::WeightNeed Need(const char* canonical, int experts = 0) {
  return {.canonical = canonical, .layer = 0, .experts = experts, .rows = 4, .cols = 8};
}

TEST(Recipe, EveryWeightHasAClass) {
  EXPECT_EQ(ClassOf(Need("attn.q")), WeightClass::kAttention);
  EXPECT_EQ(ClassOf(Need("attn.kv_a")), WeightClass::kAttention);
  EXPECT_EQ(ClassOf(Need("moe.router")), WeightClass::kExact);
  EXPECT_EQ(ClassOf(Need("moe.shared_gate")), WeightClass::kExact);
  EXPECT_EQ(ClassOf(Need("moe.shared.down")), WeightClass::kShared);
  EXPECT_EQ(ClassOf(Need("ffn.up")), WeightClass::kShared);
  EXPECT_EQ(ClassOf(Need("moe.expert.gate", 8)), WeightClass::kGateUp);
  EXPECT_EQ(ClassOf(Need("moe.expert.down", 8)), WeightClass::kDown);
  EXPECT_EQ(ClassOf(Need("embed")), WeightClass::kEmbedding);
  EXPECT_EQ(ClassOf(Need("head")), WeightClass::kHead);
  model::WeightNeed norm = Need("moe.norm");
  norm.vector = true;
  EXPECT_EQ(ClassOf(norm), WeightClass::kExact);
}

TEST(Recipe, NamedOnesUseTypesThatCanBeMadeAndComputedWith) {
  for (const std::string_view name : RecipeNames()) {
    const auto recipe = ReadRecipe(std::string(name));
    ASSERT_TRUE(recipe) << recipe.error().message;
    EXPECT_EQ(recipe->keeps_all(), name == "keep");
    EXPECT_EQ(recipe->TypeOf(WeightClass::kExact), DType::kF32);
    for (const auto& type : recipe->types)
      if (type) {
        EXPECT_TRUE(kernels::CanEncode(*type) && kernels::FindPanelFormat(*type)) << Name(*type);
      }
  }
}

TEST(Recipe, AFileNamesClassesAndABase) {
  const TemporaryDirectory directory;
  const auto recipe =
      ReadRecipe(directory.Write("mine", "# mine\nbase = q4\n\n gate_up = \"q3_k\"  # fewer\nhead=keep\n"));
  ASSERT_TRUE(recipe) << recipe.error().message;
  EXPECT_EQ(recipe->TypeOf(WeightClass::kGateUp), DType::kQ3_K);
  EXPECT_EQ(recipe->TypeOf(WeightClass::kAttention), DType::kQ4_K);
  EXPECT_EQ(recipe->TypeOf(WeightClass::kHead), std::nullopt);
  EXPECT_TRUE(ReadRecipe(directory.Write("empty", "")).value().keeps_all());
}

TEST(Recipe, AWrongFileIsRefusedWithItsPlace) {
  const TemporaryDirectory directory;
  for (const char* text :
       {"gate_up", "experts = Q4_K", "gate_up = Q4_X", "gate_up = NVFP4", "base = q44", "exact = Q8_0"}) {
    const auto recipe = ReadRecipe(directory.Write("wrong", std::string("# line\n") + text));
    ASSERT_FALSE(recipe) << text;
    EXPECT_EQ(recipe.error().code, ErrorCode::kBadFile);
    EXPECT_NE(recipe.error().message.find("offset 7"), std::string::npos) << recipe.error().message;
  }
  const auto unknown = ReadRecipe("q4-mo");
  EXPECT_EQ(unknown.error().code, ErrorCode::kUsage);
  EXPECT_NE(unknown.error().hint.find("q4-moe"), std::string::npos) << unknown.error().hint;
}

}  // namespace
}  // namespace sluice::convert
