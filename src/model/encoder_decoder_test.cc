// Descriptions, weights and plans of models with two stacks.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/describe.h"
#include "model/edited_checkpoint.h"
#include "model/family.h"
#include "model/plan.h"

namespace sluice::model {
namespace {

Desc DescOf(const formats::Checkpoint& checkpoint) {
  const auto described = Describe(checkpoint);
  if (!described) {
    ADD_FAILURE() << described.error().message;
    return {};
  }
  return described->desc;
}

std::vector<int> SparseLayers(const Stack& stack) {
  std::vector<int> layers;
  for (size_t l = 0; l < stack.layers.size(); ++l)
    if (std::holds_alternative<Moe>(stack.layers[l].back().op)) layers.push_back(static_cast<int>(l));
  return layers;
}

TEST(EncoderDecoder, SeesTheSourceThroughItsEncoder) {
  const Desc desc = DescOf(OpenGolden("t5"));
  ASSERT_TRUE(desc.encoder);
  ASSERT_EQ(desc.decoder.layers[0].size(), 3u);
  const auto& past = std::get<Gqa>(desc.decoder.layers[0][0].op);
  const auto& source = std::get<Gqa>(desc.decoder.layers[0][1].op);
  const auto& all = std::get<Gqa>(desc.encoder->layers[0][0].op);
  EXPECT_EQ(past.sees, Gqa::Sees::kPast);
  EXPECT_EQ(source.sees, Gqa::Sees::kSource);
  EXPECT_EQ(all.sees, Gqa::Sees::kAll);
  EXPECT_EQ(std::get<RelativeBias>(past.position), (RelativeBias{32, 128}));
  EXPECT_TRUE(std::holds_alternative<NoPosition>(source.position));
  EXPECT_EQ(past.scale, 1);
  EXPECT_EQ(std::get<Ffn>(desc.decoder.layers[0][2].op).act, Act::kRelu);
}

TEST(EncoderDecoder, OnlyATiedHeadIsScaled) {
  EXPECT_TRUE(DescOf(OpenGolden("t5")).tied);
  EXPECT_FLOAT_EQ(DescOf(OpenGolden("t5")).logit_scale, 1 / std::sqrt(32.0f));
  const Desc untied = DescOf(OpenGolden("t5_v11"));
  EXPECT_FALSE(untied.tied);
  EXPECT_EQ(untied.logit_scale, 1);
  const auto& ffn = std::get<Ffn>(untied.encoder->layers[0][1].op);
  EXPECT_TRUE(ffn.gated);
  EXPECT_EQ(ffn.act, Act::kGeluTanh);
  // A file without a head ties it, whatever the configuration says.
  formats::Checkpoint checkpoint = OpenGolden("t5_v11");
  RemoveTensor(checkpoint, "lm_head.weight");
  EXPECT_TRUE(DescOf(checkpoint).tied);
}

TEST(EncoderDecoder, ExpertsStandWhereTheStepSays) {
  formats::Checkpoint checkpoint = OpenGolden("switch");
  auto& config = checkpoint.config;
  EXPECT_EQ(SparseLayers(*DescOf(checkpoint).encoder), (std::vector{1, 3}));
  EXPECT_EQ(SparseLayers(DescOf(checkpoint).decoder), (std::vector{1}));
  config.erase("encoder_sparse_step");  // 4 layers, 2 of them sparse
  EXPECT_EQ(SparseLayers(*DescOf(checkpoint).encoder), (std::vector{1, 3}));
  config["num_sparse_encoder_layers"] = 4;
  EXPECT_EQ(SparseLayers(*DescOf(checkpoint).encoder), (std::vector{0, 1, 2, 3}));
  config["num_sparse_encoder_layers"] = 0;
  EXPECT_EQ(SparseLayers(*DescOf(checkpoint).encoder), (std::vector{1}));
  const Desc desc = DescOf(checkpoint);
  const Router& router = std::get<Moe>(desc.encoder->layers[1][1].op).router;
  EXPECT_EQ(router.top_k, 1);
  EXPECT_FALSE(router.renormalize);
}

TEST(EncoderDecoder, EveryTensorIsAccountedFor) {
  for (const char* name : {"encoder.block.3.layer.1.mlp.experts.expert_7.wo.weight",
                           "decoder.block.1.layer.1.EncDecAttention.k.weight",
                           "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                           "encoder.final_layer_norm.weight"}) {
    formats::Checkpoint checkpoint = OpenGolden("switch");
    RemoveTensor(checkpoint, name);
    const auto weights = ResolveWeights(checkpoint, *Describe(checkpoint));
    ASSERT_FALSE(weights) << name;
    EXPECT_NE(weights.error().message.find(name), std::string::npos) << weights.error().message;
  }
  formats::Checkpoint checkpoint = OpenGolden("switch");
  checkpoint.config["num_layers"] = 3;
  const auto weights = ResolveWeights(checkpoint, *Describe(checkpoint));
  ASSERT_FALSE(weights);
  EXPECT_NE(weights.error().message.find("encoder.block.3."), std::string::npos) << weights.error().message;
}

TEST(EncoderDecoder, TheEncodersRoutersAreCheckedToo) {
  formats::Checkpoint checkpoint = OpenGolden("switch");
  SetElement(checkpoint, "encoder.block.1.layer.1.mlp.router.classifier.weight", 30, std::nanf(""));
  ThreadTeam team(1);
  const auto model = LoadModel(checkpoint, team);
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message.find("encoder.block.1."), std::string::npos) << model.error().message;
}

bool Has(const std::vector<Step>& steps, std::string_view name) {
  return std::ranges::any_of(steps, [&](const Step& step) { return step.name == name; });
}

TEST(EncoderDecoder, ThePlanReadsASourceOnce) {
  ThreadTeam team(1);
  const auto model = LoadModel(OpenGolden("switch"), team);
  ASSERT_TRUE(model) << model.error().message;
  const Plan plan = Compile(**model);
  for (const char* name : {"enc.embed", "enc.L3.attn.attend", "enc.L1.moe.route", "enc.final_norm",
                           "L0.cross.kv", "L1.cross.store"})
    EXPECT_TRUE(Has(plan.encoder_steps, name)) << name;
  for (const char* name :
       {"L1.attn.qkv", "L1.cross.q", "L1.cross.attend", "L1.cross.o", "L1.moe.route", "head"})
    EXPECT_TRUE(Has(plan.steps, name)) << name;
  EXPECT_FALSE(Has(plan.steps, "L1.cross.kv"));
  EXPECT_EQ(plan.moe_layers, 3);
  // A source's pages are laid out as an answer's: its keys and values take the places of the decoder's own.
  EXPECT_EQ(plan.kv_layers.size(), 2u);
}

TEST(EncoderDecoder, IsDescribedByStack) {
  const formats::Checkpoint checkpoint = OpenGolden("switch");
  const auto described = Describe(checkpoint);
  const auto weights = ResolveWeights(checkpoint, *described);
  ASSERT_TRUE(weights) << weights.error().message;
  const std::string text = DescribeText(*described, &*weights);
  for (const char* part :
       {"4 of the encoder, 2 of the decoder", "encoder layer 0\n", "decoder layer 1\n", "to the source",
        "a bias by distance, 32 buckets up to 128", "sees everything", "1 of 8 experts 28 wide, relu",
        "per token of the source", "for each token of the source, once"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  const auto json = DescribeJson(*described, nullptr);
  EXPECT_EQ(json["encoder"]["layers"].size(), 4u);
  EXPECT_EQ(json["start_token"], 0);
  EXPECT_EQ(json["layers"][0]["steps"][1]["op"]["sees"], "source");
}

TEST(EncoderDecoder, CountsWhatEachSideCosts) {
  // Width 32, 3 heads of 12, feed-forward 48, 3 + 3 layers, vocabulary 160, tied.
  const Accounting sum = Account(DescOf(OpenGolden("t5")));
  const double projection = 2.0 * 32 * 36, ffn = 2 * 2.0 * 32 * 48, head = 2.0 * 160 * 32;
  EXPECT_EQ(sum.flops_per_token, 3 * (6 * projection + ffn) + head);
  EXPECT_EQ(sum.source_flops_per_token, 3 * (4 * projection + ffn) + 3 * 2 * projection);
  EXPECT_EQ(sum.kv_bytes_per_token.usual(), 3 * 2 * 36 * 2);
  EXPECT_EQ(sum.source_kv_bytes_per_token.usual(), 3 * 2 * 36 * 2);
}

}  // namespace
}  // namespace sluice::model
