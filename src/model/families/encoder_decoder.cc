#include "model/families/encoder_decoder.h"

#include <fmt/format.h>

#include <cmath>

namespace sluice::model {

namespace {

Norm ReadNorm(const Config& config) { return {.eps = config.Float("layer_norm_epsilon", 1e-6f)}; }

Gqa ReadAttention(const Config& config, Gqa::Sees sees) {
  const int heads = config.Int("num_attention_heads");
  Gqa attention{.heads = heads, .kv_heads = heads, .head_dim = config.Int("d_kv"), .sees = sees};
  if (config.Int("value_length", attention.head_dim) != attention.head_dim)
    config.Refuse("value_length", fmt::format("is not {}, as keys have", attention.head_dim));
  if (sees == Gqa::Sees::kSource) return attention;
  constexpr int kFewestBuckets = 4, kFurthest = 1 << 16;
  const RelativeBias bias{.buckets = config.Int("relative_attention_num_buckets", 32),
                          .max_distance = config.Int("relative_attention_max_distance", 128)};
  if (bias.buckets < kFewestBuckets)
    config.Refuse("relative_attention_num_buckets",
                  fmt::format("is {}, fewer than {}", bias.buckets, kFewestBuckets));
  if (bias.max_distance <= bias.buckets / 2 || bias.max_distance > kFurthest)
    config.Refuse(
        "relative_attention_max_distance",
        fmt::format("is {}, not between {} and {}", bias.max_distance, bias.buckets / 2 + 1, kFurthest));
  attention.position = bias;
  return attention;
}

}  // namespace

int EncoderLayers(const Config& config) { return config.Int("num_hidden_layers"); }
int DecoderLayers(const Config& config) { return config.Int("num_decoder_layers", EncoderLayers(config)); }

Desc EncoderDecoderDesc(const Config& config, std::string_view family) {
  Desc desc;
  desc.family = family;
  desc.dim = config.Int("hidden_size");
  desc.vocab = config.Int("vocab_size");
  constexpr int kUsualLength = 512;  // that the published models were trained with
  desc.max_ctx = config.Int("max_position_embeddings", kUsualLength);
  // Newer tools write that any head is tied: only one that is stored can differ.
  const bool no_head =
      config.knows_tensors() && !config.FindTensor(config.from_gguf() ? "output.weight" : "lm_head.weight");
  desc.tied = config.Bool("tie_word_embeddings", true) || no_head;
  if (desc.tied) desc.logit_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(desc.dim)));
  desc.decoder.final_norm = ReadNorm(config);
  desc.encoder = Stack{.layers = {}, .final_norm = desc.decoder.final_norm};
  desc.start_token = config.Int("decoder_start_token_id", 0);
  if (desc.start_token >= desc.vocab)
    config.Refuse("decoder_start_token_id",
                  fmt::format("is {}, outside the vocabulary of {}", desc.start_token, desc.vocab));
  return desc;
}

void AddEncoderLayers(const Config& config, const MakeFeedForward& feed_forward, Desc* desc) {
  const Gqa attention = ReadAttention(config, Gqa::Sees::kAll);
  for (int l = 0; l < EncoderLayers(config); ++l)
    desc->encoder->layers.push_back(AttentionThen(ReadNorm(config), attention, feed_forward(l)));
}

void AddDecoderLayers(const Config& config, const MakeFeedForward& feed_forward, Desc* desc) {
  const Norm norm = ReadNorm(config);
  const Gqa attention = ReadAttention(config, Gqa::Sees::kPast);
  const Gqa source = ReadAttention(config, Gqa::Sees::kSource);
  for (int l = 0; l < DecoderLayers(config); ++l)
    desc->decoder.layers.push_back(
        {{.pre = norm, .op = attention}, {.pre = norm, .op = source}, {.pre = norm, .op = feed_forward(l)}});
}

}  // namespace sluice::model
