// Switch Transformers (arXiv 2101.03961): T5 with one expert of many in every second layer, its output times
// its probability. Capacity is a bound of training: no token is dropped here.
#include <algorithm>

#include "model/families/encoder_decoder.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

// There are experts in every `step`-th layer, from the second on.
int ReadStep(const Config& c, std::string_view step_key, std::string_view count_key, int layers) {
  constexpr int kUsualCount = 3;
  const int count = c.Has(count_key) ? c.Int(count_key, 0) : kUsualCount;
  // As the reference has it: where none are asked for, the second layer is sparse all the same.
  return c.Int(step_key, count > 0 ? std::max(1, layers / count) : layers);
}

Moe ReadExperts(const Config& c, const Ffn& expert) {
  c.RequireOneOf("router_dtype", {"float32"});
  c.RequireOneOf("router_type", {"tokens_masked"});
  Moe moe{.router = {.experts = c.Int("num_experts"), .top_k = 1}, .expert = expert};
  moe.router.logit_bias = c.Bool("router_bias", false);
  return moe;
}

Desc Build(const Config& c) {
  Desc desc = EncoderDecoderDesc(c, "switch_transformers");
  c.RefuseIfTrue("is_gated_act");
  const std::string_view act_key = c.Has("dense_act_fn") ? "dense_act_fn" : "feed_forward_proj";
  const Ffn dense{
      .hidden = c.Int("d_ff"), .act = NamedAct(c, act_key, c.String(act_key, "relu")), .gated = false};
  const Moe experts = ReadExperts(c, dense);
  const auto sparse_every = [&](int step) {
    return [&, step](int layer) { return step == 1 || layer % step == 1 ? FeedForward(experts) : dense; };
  };
  const int encoder_step = ReadStep(c, "encoder_sparse_step", "num_sparse_encoder_layers", EncoderLayers(c));
  const int decoder_step = ReadStep(c, "decoder_sparse_step", "num_sparse_decoder_layers", DecoderLayers(c));
  AddEncoderLayers(c, sparse_every(encoder_step), &desc);
  AddDecoderLayers(c, sparse_every(decoder_step), &desc);
  return desc;
}

constexpr auto kHf =
    Join(kHfEncoderDecoder,
         std::to_array<Rule>({
             {"ffn.up", "decoder.block.{L}.layer.2.mlp.wi.weight"},
             {"ffn.down", "decoder.block.{L}.layer.2.mlp.wo.weight"},
             {"moe.norm", "decoder.block.{L}.layer.2.layer_norm.weight"},
             {"moe.router", "decoder.block.{L}.layer.2.mlp.router.classifier.weight"},
             {"moe.expert.up", "decoder.block.{L}.layer.2.mlp.experts.expert_{E}.wi.weight"},
             {"moe.expert.down", "decoder.block.{L}.layer.2.mlp.experts.expert_{E}.wo.weight"},
             {"enc.ffn.up", "encoder.block.{L}.layer.1.mlp.wi.weight"},
             {"enc.ffn.down", "encoder.block.{L}.layer.1.mlp.wo.weight"},
             {"enc.moe.norm", "encoder.block.{L}.layer.1.layer_norm.weight"},
             {"enc.moe.router", "encoder.block.{L}.layer.1.mlp.router.classifier.weight"},
             {"enc.moe.expert.up", "encoder.block.{L}.layer.1.mlp.experts.expert_{E}.wi.weight"},
             {"enc.moe.expert.down", "encoder.block.{L}.layer.1.mlp.experts.expert_{E}.wo.weight"},
         }));
constexpr std::string_view kNames[] = {"switch_transformers"};

}  // namespace

constinit const Family kSwitchTransformers{"switch_transformers", kNames, {}, nullptr, Build, kHf, {},
                                           kSkipEncoderDecoder};

}  // namespace sluice::model
