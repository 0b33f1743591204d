#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/families/common.h"
#include "model/rope.h"

namespace sluice::model {
namespace {

Llama3Scaling ReadLlama3(const Config& c) {
  const Llama3Scaling scaling{.factor = c.Float("rope_scaling.factor"),
                              .low_freq_factor = c.Float("rope_scaling.low_freq_factor"),
                              .high_freq_factor = c.Float("rope_scaling.high_freq_factor"),
                              .original_ctx = c.Int("rope_scaling.original_max_position_embeddings")};
  if (scaling.high_freq_factor < scaling.low_freq_factor) {
    c.Refuse("rope_scaling.high_freq_factor", "is below low_freq_factor");
  }
  return scaling;
}

struct Mscales {
  float of_rotation = 0, of_attention = 0;  // 0: not given
};
// A GGUF stores a tenth of mscale_all_dim and takes mscale to be the same.
Mscales ReadMscales(const Config& c) {
  if (c.from_gguf()) {
    const float both = c.Float("rope_scaling.log_multiplier", 0) * 10;
    return {both, both};
  }
  return {c.Float("rope_scaling.mscale", 0), c.Float("rope_scaling.mscale_all_dim", 0)};
}

// What cos and sin are multiplied with.
float ReadMagnitude(const Config& c, float factor) {
  if (c.Has("rope_scaling.attention_factor")) return c.Float("rope_scaling.attention_factor");
  const Mscales m = ReadMscales(c);
  if (m.of_rotation > 0 && m.of_attention > 0) {
    return YarnMagnitude(factor, m.of_rotation) / YarnMagnitude(factor, m.of_attention);
  }
  return YarnMagnitude(factor, 1);
}

std::string_view TypeKey(const Config& c) {
  return c.Has("rope_scaling.rope_type") ? "rope_scaling.rope_type" : "rope_scaling.type";
}

YarnScaling ReadYarn(const Config& c) {
  YarnScaling scaling{.factor = c.Float("rope_scaling.factor"),
                      .beta_fast = c.Float("rope_scaling.beta_fast", 32),
                      .beta_slow = c.Float("rope_scaling.beta_slow", 1),
                      .original_ctx = c.Int("rope_scaling.original_max_position_embeddings",
                                            c.Int("max_position_embeddings")),
                      .truncate = c.Bool("rope_scaling.truncate", true)};
  scaling.magnitude = ReadMagnitude(c, scaling.factor) * c.Float("rope_scaling.attn_factor", 1);
  if (c.Float("rope_scaling.ext_factor", 1) != 1)
    c.Refuse("rope_scaling.ext_factor", "is not 1, which is not supported");
  return scaling;
}

// A GGUF has the factors in tensors. Without magnitudes of its own, attention grows with the logarithm of the
// stretched context.
LongRopeScaling ReadLongRope(const Config& c, int dims) {
  const size_t pairs = static_cast<size_t>(dims / 2);
  LongRopeScaling scaling;
  if (!c.from_gguf()) {
    scaling.short_factors = c.Floats("rope_scaling.short_factor", pairs);
    scaling.long_factors = c.Floats("rope_scaling.long_factor", pairs);
  }
  const std::string_view nested = "rope_scaling.original_max_position_embeddings";
  scaling.original_ctx = c.Int(c.Has(nested) ? nested : "original_max_position_embeddings");
  const double factor = static_cast<double>(c.Int("max_position_embeddings")) / scaling.original_ctx;
  double grown = 1;
  if (factor > 1 && scaling.original_ctx > 1)
    grown = std::sqrt(1 + std::log(factor) / std::log(scaling.original_ctx));
  const float both = c.Float(c.from_gguf() ? "rope_scaling.attn_factor" : "rope_scaling.attention_factor",
                             static_cast<float>(grown));
  scaling.short_magnitude = c.Float("rope_scaling.short_mscale", both);
  scaling.long_magnitude = c.Float("rope_scaling.long_mscale", both);
  return scaling;
}

// A base that grew once and for all, whatever the length of a request.
float GrownTheta(const Config& c, float theta, int dims) {
  const double power = static_cast<double>(dims) / std::max(1, dims - 2);
  return static_cast<float>(theta * std::pow(static_cast<double>(c.Float("rope_scaling.alpha")), power));
}

}  // namespace

Rope ReadRope(const Config& config, const RopeOptions& options) {
  Rope rope{
      .theta = config.Float("rope_theta", 1e4f), .dims = options.dims, .interleaved = options.interleaved};
  if (rope.theta <= 1) config.Refuse("rope_theta", "is not above 1");
  rope.file_factors = config.from_gguf() && config.FindTensor("rope_freqs.weight");
  const bool scaled = config.Has("rope_scaling");
  if (config.from_gguf() && config.FindTensor("rope_factors_long.weight")) {
    rope.scaling = ReadLongRope(config, options.dims);
    rope.file_factors = true;
    return rope;
  }
  if (!scaled) return rope;

  const std::string type = config.String(TypeKey(config), "");
  if (type == "default" || type == "none") return rope;
  if (type == "linear") {
    rope.scaling = LinearScaling{config.Float("rope_scaling.factor")};
  } else if (type == "llama3") {
    rope.scaling = ReadLlama3(config);
  } else if (type == "yarn") {
    rope.scaling = ReadYarn(config);
  } else if ((type == "longrope" || type == "su") && !config.from_gguf()) {
    rope.scaling = ReadLongRope(config, options.dims);
  } else if (type == "dynamic" && config.Has("rope_scaling.alpha")) {
    rope.theta = GrownTheta(config, rope.theta, options.dims);
  } else {
    config.Refuse(TypeKey(config),
                  fmt::format("is \"{}\", which is not supported (linear, llama3, yarn, longrope)", type));
  }
  return rope;
}

float ReadAttentionStretch(const Config& config) {
  if (!config.Has("rope_scaling") || config.String(TypeKey(config), "") != "yarn") return 1;
  const float mscale = ReadMscales(config).of_attention;
  return mscale > 0 ? YarnMagnitude(config.Float("rope_scaling.factor"), mscale) : 1;
}

}  // namespace sluice::model
