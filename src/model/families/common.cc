#include "model/families/common.h"

#include <fmt/format.h>

#include <cmath>

namespace sluice::model {

Desc BaseDesc(const Config& config, std::string_view family) {
  return BaseDesc(config, family, RmsNorm(config));
}

Desc BaseDesc(const Config& config, std::string_view family, const Norm& final_norm) {
  Desc desc;
  desc.family = family;
  desc.dim = config.Int("hidden_size");
  desc.vocab = config.Int("vocab_size");
  desc.max_ctx = config.Int("max_position_embeddings");
  const bool head_stored = config.FindTensor("lm_head.weight") != nullptr;
  const bool tied_by_default = config.knows_tensors() && !config.from_gguf() && !head_stored;
  desc.tied = config.Bool("tie_word_embeddings", tied_by_default);
  desc.decoder.final_norm = final_norm;
  return desc;
}

Norm RmsNorm(const Config& config) { return {.eps = config.Float("rms_norm_eps")}; }

Act HiddenAct(const Config& config, std::string_view key) {
  return NamedAct(config, key, config.String(key, "silu"));
}

Act NamedAct(const Config& config, std::string_view key, std::string_view name) {
  if (name == "silu" || name == "swish") return Act::kSilu;
  if (name == "gelu") return Act::kGelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Act::kGeluTanh;
  if (name == "relu") return Act::kRelu;
  config.Refuse(key,
                fmt::format("is \"{}\", which is not supported (silu, gelu, gelu_pytorch_tanh, relu)", name));
  return Act::kSilu;
}

Gqa ReadGqa(const Config& config, int layer, bool interleaved) {
  const int heads = config.Int("num_attention_heads", {}, layer);
  const int kv_heads = config.Int("num_key_value_heads", heads, layer);
  if (heads % kv_heads != 0) {
    config.Refuse("num_key_value_heads",
                  fmt::format("is {}, which does not divide the {} heads", kv_heads, heads));
  }
  const int dim = config.Int("hidden_size");
  const std::string_view size_key = config.from_gguf() ? "key_length" : "head_dim";
  if (!config.Has(size_key) && dim % heads != 0) {
    config.Refuse("num_attention_heads",
                  fmt::format("is {}, which does not divide the width {}", heads, dim));
  }
  const int head_dim = config.Int(size_key, dim / heads);
  const int value_dim = config.Int("value_length", head_dim);
  if (value_dim != head_dim) {
    config.Refuse("value_length", fmt::format("is {}, but keys have {}: not supported", value_dim, head_dim));
  }
  const int part =
      static_cast<int>(std::lround(head_dim * std::min(1.0f, config.Float("partial_rotary_factor", 1))));
  const int rope_dims = config.Int(config.from_gguf() ? "rope_dims" : "rotary_dim", std::max(part, 1));
  if (config.Has("rotary_dim") && config.Has("partial_rotary_factor") && rope_dims != part) {
    config.Refuse("rotary_dim", fmt::format("is {}, but partial_rotary_factor asks for {}", rope_dims, part));
  }
  if (rope_dims > head_dim || rope_dims % 2 != 0) {
    config.Refuse(config.Has("rope_dims")               ? "rope_dims"
                  : config.Has("partial_rotary_factor") ? "partial_rotary_factor"
                                                        : size_key,
                  fmt::format("makes {} rotated elements of a head with {}", rope_dims, head_dim));
  }
  return {.heads = heads,
          .kv_heads = kv_heads,
          .head_dim = head_dim,
          .position = ReadRope(config, {.dims = rope_dims, .interleaved = interleaved}),
          .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_dim)))};
}

int ReadWindow(const Config& config) { return config.Int("sliding_window", 0); }

int ReadLayerWindow(const Config& config, int layer) {
  if (!config.Bool("use_sliding_window", false) || !config.Has("sliding_window")) return 0;
  if (config.Has("layer_types")) {
    const std::string type = config.ListEntry("layer_types", layer);
    if (type == "full_attention") return 0;
    if (type != "sliding_attention")
      config.Refuse("layer_types", fmt::format("holds \"{}\", which is not supported", type));
    return ReadWindow(config);
  }
  return layer >= config.Int("max_window_layers", 0) ? ReadWindow(config) : 0;
}

int ReadExpertWidth(const Config& config) {
  if (!config.from_gguf() || config.Has("moe_intermediate_size")) return config.Int("moe_intermediate_size");
  return std::max(1, config.Int("intermediate_size") / config.Int("num_experts_per_tok"));
}

int ReadSharedExpertWidth(const Config& config) {
  if (!config.from_gguf() || config.Has("shared_expert_intermediate_size"))
    return config.Int("shared_expert_intermediate_size");
  return config.Int("intermediate_size");
}

Router ReadRouter(const Config& config, std::string_view experts_key, std::string_view top_k_key, int layer) {
  Router router{.experts = config.Int(experts_key), .top_k = config.Int(top_k_key, {}, layer)};
  if (router.top_k > router.experts) {
    config.Refuse(top_k_key,
                  fmt::format("is {}, but there are only {} experts", router.top_k, router.experts));
  }
  return router;
}

std::optional<Ffn> SharedExpert(const Config& config, std::string_view count_key, const Ffn& expert,
                                int layer) {
  const int64_t width = int64_t{config.Int(count_key, 0, layer)} * expert.hidden;
  if (width > Config::kLargest) config.Refuse(count_key, "makes too wide a shared expert");
  if (width == 0) return {};
  Ffn shared = expert;
  shared.hidden = static_cast<int>(width);
  return shared;
}

Layer AttentionThen(const Norm& norm, decltype(Branch::op) attention, decltype(Branch::op) feed_forward) {
  return {{.pre = norm, .op = std::move(attention)}, {.pre = norm, .op = std::move(feed_forward)}};
}

bool HasSelectionBias(const Config& config) {
  if (!config.from_gguf()) return true;
  for (int l = 0; l < config.Int("num_hidden_layers"); ++l)
    if (config.FindTensor(fmt::format("blk.{}.exp_probs_b.bias", l))) return true;
  return false;
}

bool IsSparseLayer(const Config& config, int layer) {
  if (config.from_gguf()) {
    for (const char* key : {"first_k_dense_replace", "moe_layer_interval"})
      config.Has(key);  // the tensors say the same, layer by layer
    return !config.FindTensor(fmt::format("blk.{}.ffn_gate.weight", layer));
  }
  return !config.ListHolds("mlp_only_layers", layer) &&
         (layer + 1) % config.Int("decoder_sparse_step", 1) == 0;
}

}  // namespace sluice::model
