// What T5 and its descendants share (arXiv 1910.10683): two stacks, relative positions, scores that are not
// scaled.
#pragma once

#include <functional>

#include "model/families/common.h"

namespace sluice::model {

// Everything that belongs to no layer.
Desc EncoderDecoderDesc(const Config& config, std::string_view family);
int EncoderLayers(const Config& config);
int DecoderLayers(const Config& config);

using FeedForward = decltype(Branch::op);
using MakeFeedForward = std::function<FeedForward(int layer)>;
// Layers whose attention sees all of the source.
void AddEncoderLayers(const Config& config, const MakeFeedForward& feed_forward, Desc* desc);
// Layers that see what is before them, and the source.
void AddDecoderLayers(const Config& config, const MakeFeedForward& feed_forward, Desc* desc);

inline constexpr auto kHfEncoderDecoder = std::to_array<Rule>({
    {"embed", "shared.weight"},
    {"embed", "decoder.embed_tokens.weight"},
    {"head", "lm_head.weight"},
    {"final_norm", "decoder.final_layer_norm.weight"},
    {"relative_bias", "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"},
    {"attn.norm", "decoder.block.{L}.layer.0.layer_norm.weight"},
    {"attn.q", "decoder.block.{L}.layer.0.SelfAttention.q.weight"},
    {"attn.k", "decoder.block.{L}.layer.0.SelfAttention.k.weight"},
    {"attn.v", "decoder.block.{L}.layer.0.SelfAttention.v.weight"},
    {"attn.o", "decoder.block.{L}.layer.0.SelfAttention.o.weight"},
    {"cross.norm", "decoder.block.{L}.layer.1.layer_norm.weight"},
    {"cross.q", "decoder.block.{L}.layer.1.EncDecAttention.q.weight"},
    {"cross.k", "decoder.block.{L}.layer.1.EncDecAttention.k.weight"},
    {"cross.v", "decoder.block.{L}.layer.1.EncDecAttention.v.weight"},
    {"cross.o", "decoder.block.{L}.layer.1.EncDecAttention.o.weight"},
    {"ffn.norm", "decoder.block.{L}.layer.2.layer_norm.weight"},
    {"enc.final_norm", "encoder.final_layer_norm.weight"},
    {"enc.relative_bias", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"},
    {"enc.attn.norm", "encoder.block.{L}.layer.0.layer_norm.weight"},
    {"enc.attn.q", "encoder.block.{L}.layer.0.SelfAttention.q.weight"},
    {"enc.attn.k", "encoder.block.{L}.layer.0.SelfAttention.k.weight"},
    {"enc.attn.v", "encoder.block.{L}.layer.0.SelfAttention.v.weight"},
    {"enc.attn.o", "encoder.block.{L}.layer.0.SelfAttention.o.weight"},
    {"enc.ffn.norm", "encoder.block.{L}.layer.1.layer_norm.weight"},
});

// Further copies of the embedding, and a table that the first files held and nothing ever read.
inline constexpr auto kSkipEncoderDecoder = std::to_array<std::string_view>({
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
});

}  // namespace sluice::model
