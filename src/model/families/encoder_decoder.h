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

// llama.cpp's names.
inline constexpr auto kGgufEncoderDecoder = std::to_array<Rule>({
    {"embed", "token_embd.weight"},
    {"head", "output.weight"},
    {"final_norm", "dec.output_norm.weight"},
    {"relative_bias", "dec.blk.0.attn_rel_b.weight"},
    {"attn.norm", "dec.blk.{L}.attn_norm.weight"},
    {"attn.q", "dec.blk.{L}.attn_q.weight"},
    {"attn.k", "dec.blk.{L}.attn_k.weight"},
    {"attn.v", "dec.blk.{L}.attn_v.weight"},
    {"attn.o", "dec.blk.{L}.attn_o.weight"},
    {"cross.norm", "dec.blk.{L}.cross_attn_norm.weight"},
    {"cross.q", "dec.blk.{L}.cross_attn_q.weight"},
    {"cross.k", "dec.blk.{L}.cross_attn_k.weight"},
    {"cross.v", "dec.blk.{L}.cross_attn_v.weight"},
    {"cross.o", "dec.blk.{L}.cross_attn_o.weight"},
    {"ffn.norm", "dec.blk.{L}.ffn_norm.weight"},
    {"ffn.gate", "dec.blk.{L}.ffn_gate.weight"},
    {"ffn.up", "dec.blk.{L}.ffn_up.weight"},
    {"ffn.down", "dec.blk.{L}.ffn_down.weight"},
    {"enc.final_norm", "enc.output_norm.weight"},
    {"enc.relative_bias", "enc.blk.0.attn_rel_b.weight"},
    {"enc.attn.norm", "enc.blk.{L}.attn_norm.weight"},
    {"enc.attn.q", "enc.blk.{L}.attn_q.weight"},
    {"enc.attn.k", "enc.blk.{L}.attn_k.weight"},
    {"enc.attn.v", "enc.blk.{L}.attn_v.weight"},
    {"enc.attn.o", "enc.blk.{L}.attn_o.weight"},
    {"enc.ffn.norm", "enc.blk.{L}.ffn_norm.weight"},
    {"enc.ffn.gate", "enc.blk.{L}.ffn_gate.weight"},
    {"enc.ffn.up", "enc.blk.{L}.ffn_up.weight"},
    {"enc.ffn.down", "enc.blk.{L}.ffn_down.weight"},
});

// Further copies of the embedding, and a table that the first files held and nothing ever read.
inline constexpr auto kSkipEncoderDecoder = std::to_array<std::string_view>({
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
    "dec.blk.0.cross_attn_rel_b.weight",
});

}  // namespace sluice::model
