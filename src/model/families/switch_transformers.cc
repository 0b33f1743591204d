// Switch Transformers (arXiv 2101.03961): T5 with one expert of many in every second layer, its output times
// its probability. Capacity is a bound of training: no token is dropped here.
#include <fmt/format.h>

#include <algorithm>

#include "model/families/encoder_decoder.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

constexpr std::string_view kEncoder = "enc", kDecoder = "dec";  // in the names of a GGUF

// There are experts in every `step`-th layer, from the second on.
int ReadStep(const Config& c, std::string_view step_key, std::string_view count_key, int layers) {
  constexpr int kUsualCount = 3;
  const int count = c.Has(count_key) ? c.Int(count_key, 0) : kUsualCount;
  // As the reference has it: where none are asked for, the second layer is sparse all the same.
  return c.Int(step_key, count > 0 ? std::max(1, layers / count) : layers);
}

// Whether some layer of a GGUF has this tensor.
bool FindInBlocks(const Config& c, std::string_view name) {
  for (int l = 0; l < EncoderLayers(c); ++l)
    if (c.FindTensor(fmt::format("{}.blk.{}.{}", kEncoder, l, name))) return true;
  for (int l = 0; l < DecoderLayers(c); ++l)
    if (c.FindTensor(fmt::format("{}.blk.{}.{}", kDecoder, l, name))) return true;
  return false;
}

Moe ReadExperts(const Config& c, const Ffn& expert) {
  c.RequireOneOf("router_dtype", {"float32"});
  c.RequireOneOf("router_type", {"tokens_masked"});
  Moe moe{.router = {.experts = c.Int("num_experts"), .top_k = 1}, .expert = expert};
  moe.router.logit_bias = c.from_gguf() ? FindInBlocks(c, "ffn_gate_inp.bias") : c.Bool("router_bias", false);
  return moe;
}

Desc Build(const Config& c) {
  Desc desc = EncoderDecoderDesc(c, "switch_transformers");
  c.RefuseIfTrue("is_gated_act");
  const std::string_view act_key = c.Has("dense_act_fn") ? "dense_act_fn" : "feed_forward_proj";
  const Ffn dense{
      .hidden = c.Int("d_ff"), .act = NamedAct(c, act_key, c.String(act_key, "relu")), .gated = false};
  const Moe experts = ReadExperts(c, dense);
  if (c.from_gguf()) {  // the tensors say which layers have experts
    for (const char* key : {"first_k_dense_replace", "moe_layer_interval"}) c.Has(key);
    const auto as_stored = [&](std::string_view stack) {
      return [&, stack](int layer) {
        const bool sparse = c.FindTensor(fmt::format("{}.blk.{}.ffn_gate_inp.weight", stack, layer));
        return sparse ? FeedForward(experts) : dense;
      };
    };
    AddEncoderLayers(c, as_stored(kEncoder), &desc);
    AddDecoderLayers(c, as_stored(kDecoder), &desc);
    return desc;
  }
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
// No other program reads these models in GGUF: T5's names, with experts as the others have them.
constexpr auto kGguf =
    Join(kGgufEncoderDecoder, std::to_array<Rule>({
                                  {"moe.norm", "dec.blk.{L}.ffn_norm.weight"},
                                  {"moe.router", "dec.blk.{L}.ffn_gate_inp.weight"},
                                  {"moe.expert.up", "dec.blk.{L}.ffn_up_exps.weight"},
                                  {"moe.expert.down", "dec.blk.{L}.ffn_down_exps.weight"},
                                  {"enc.moe.norm", "enc.blk.{L}.ffn_norm.weight"},
                                  {"enc.moe.router", "enc.blk.{L}.ffn_gate_inp.weight"},
                                  {"enc.moe.expert.up", "enc.blk.{L}.ffn_up_exps.weight"},
                                  {"enc.moe.expert.down", "enc.blk.{L}.ffn_down_exps.weight"},
                              }));
constexpr std::string_view kNames[] = {"switch_transformers"};

}  // namespace

constinit const Family kSwitchTransformers{"switch_transformers", kNames, kNames, nullptr, Build, kHf, kGguf,
                                           kSkipEncoderDecoder};

}  // namespace sluice::model
