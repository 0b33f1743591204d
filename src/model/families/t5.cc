// T5: a dense encoder-decoder. Since version 1.1 the feed-forward is gated and the head a matrix of its own.
#include "model/families/encoder_decoder.h"
#include "model/families/list.h"

namespace sluice::model {
namespace {

Ffn ReadFeedForward(const Config& c) {
  if (c.from_gguf()) {
    const bool gated = c.FindTensor("enc.blk.0.ffn_gate.weight") != nullptr;
    return {.hidden = c.Int("d_ff"), .act = gated ? Act::kGeluTanh : Act::kRelu, .gated = gated};
  }
  const std::string_view key = "feed_forward_proj";
  std::string name = c.String(key, "relu");
  constexpr std::string_view kGated = "gated-";
  Ffn ffn{.hidden = c.Int("d_ff"), .gated = name.starts_with(kGated)};
  if (ffn.gated) name.erase(0, kGated.size());
  // The files say gelu and mean its approximation by tanh.
  if (ffn.gated && name == "gelu") name = "gelu_new";
  ffn.act = NamedAct(c, key, name);
  return ffn;
}

Desc Build(const Config& c) {
  Desc desc = EncoderDecoderDesc(c, "t5");
  const Ffn ffn = ReadFeedForward(c);
  const auto dense = [&](int) { return FeedForward(ffn); };
  AddEncoderLayers(c, dense, &desc);
  AddDecoderLayers(c, dense, &desc);
  return desc;
}

constexpr auto kHf =
    Join(kHfEncoderDecoder, std::to_array<Rule>({
                                {"ffn.gate", "decoder.block.{L}.layer.2.DenseReluDense.wi_0.weight"},
                                {"ffn.up", "decoder.block.{L}.layer.2.DenseReluDense.wi_1.weight"},
                                {"ffn.up", "decoder.block.{L}.layer.2.DenseReluDense.wi.weight"},
                                {"ffn.down", "decoder.block.{L}.layer.2.DenseReluDense.wo.weight"},
                                {"enc.ffn.gate", "encoder.block.{L}.layer.1.DenseReluDense.wi_0.weight"},
                                {"enc.ffn.up", "encoder.block.{L}.layer.1.DenseReluDense.wi_1.weight"},
                                {"enc.ffn.up", "encoder.block.{L}.layer.1.DenseReluDense.wi.weight"},
                                {"enc.ffn.down", "encoder.block.{L}.layer.1.DenseReluDense.wo.weight"},
                            }));
constexpr std::string_view kNames[] = {"t5"};

}  // namespace

constinit const Family kT5{
    "t5", kNames, kNames, nullptr, Build, kHf, kGgufEncoderDecoder, kSkipEncoderDecoder};

}  // namespace sluice::model
