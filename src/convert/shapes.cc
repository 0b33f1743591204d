#include "convert/shapes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file.h"
#include "base/nearest.h"
#include "formats/json.h"

namespace sluice::convert {
namespace {

struct Shape {
  std::string_view name;
  std::string_view config;  // what config.json says, as far as it matters
};

constexpr Shape kShapes[] = {
    {"mixtral-8x7b",
     R"({"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 32768,
         "vocab_size": 32000, "rope_theta": 1000000.0, "rms_norm_eps": 1e-05, "hidden_act": "silu",
         "tie_word_embeddings": false, "num_local_experts": 8, "num_experts_per_tok": 2})"},
    {"mixtral-8x22b",
     R"({"model_type": "mixtral", "hidden_size": 6144, "intermediate_size": 16384, "num_hidden_layers": 56,
         "num_attention_heads": 48, "num_key_value_heads": 8, "max_position_embeddings": 65536,
         "vocab_size": 32000, "rope_theta": 1000000.0, "rms_norm_eps": 1e-05, "hidden_act": "silu",
         "tie_word_embeddings": false, "num_local_experts": 8, "num_experts_per_tok": 2})"},
    {"olmoe",
     R"({"model_type": "olmoe", "hidden_size": 2048, "intermediate_size": 1024, "num_hidden_layers": 16,
         "num_attention_heads": 16, "num_key_value_heads": 16, "max_position_embeddings": 4096,
         "vocab_size": 50304, "rope_theta": 10000.0, "rms_norm_eps": 1e-05, "hidden_act": "silu",
         "tie_word_embeddings": false, "num_experts": 64, "num_experts_per_tok": 8,
         "norm_topk_prob": false})"},
    {"qwen3-30b-a3b",
     R"({"model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144,
         "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4,
         "max_position_embeddings": 40960, "vocab_size": 151936, "rope_theta": 1000000.0,
         "rms_norm_eps": 1e-06, "hidden_act": "silu", "tie_word_embeddings": false, "head_dim": 128,
         "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8, "norm_topk_prob": true,
         "decoder_sparse_step": 1, "mlp_only_layers": []})"},
    {"qwen3-235b-a22b",
     R"({"model_type": "qwen3_moe", "hidden_size": 4096, "intermediate_size": 12288,
         "num_hidden_layers": 94, "num_attention_heads": 64, "num_key_value_heads": 4,
         "max_position_embeddings": 40960, "vocab_size": 151936, "rope_theta": 1000000.0,
         "rms_norm_eps": 1e-06, "hidden_act": "silu", "tie_word_embeddings": false, "head_dim": 128,
         "moe_intermediate_size": 1536, "num_experts": 128, "num_experts_per_tok": 8,
         "norm_topk_prob": true, "decoder_sparse_step": 1, "mlp_only_layers": []})"},
    {"deepseek-v2-lite",
     R"({"model_type": "deepseek_v2", "hidden_size": 2048, "intermediate_size": 10944,
         "num_hidden_layers": 27, "num_attention_heads": 16, "num_key_value_heads": 16,
         "max_position_embeddings": 163840, "vocab_size": 102400, "rope_theta": 10000.0,
         "rms_norm_eps": 1e-06, "hidden_act": "silu", "tie_word_embeddings": false,
         "moe_intermediate_size": 1408, "n_routed_experts": 64, "n_shared_experts": 2,
         "num_experts_per_tok": 6, "first_k_dense_replace": 1, "topk_method": "greedy",
         "scoring_func": "softmax", "norm_topk_prob": false, "routed_scaling_factor": 1.0,
         "q_lora_rank": null, "rope_scaling": {"type": "yarn", "factor": 40, "beta_fast": 32,
         "beta_slow": 1, "mscale": 0.707, "mscale_all_dim": 0.707,
         "original_max_position_embeddings": 4096}, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
         "qk_rope_head_dim": 64, "v_head_dim": 128, "moe_layer_freq": 1})"},
    {"deepseek-v3",
     R"({"model_type": "deepseek_v3", "hidden_size": 7168, "intermediate_size": 18432,
         "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128,
         "max_position_embeddings": 163840, "vocab_size": 129280, "rope_theta": 10000.0,
         "rms_norm_eps": 1e-06, "hidden_act": "silu", "tie_word_embeddings": false,
         "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1,
         "num_experts_per_tok": 8, "first_k_dense_replace": 3, "n_group": 8, "topk_group": 4,
         "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": true,
         "routed_scaling_factor": 2.5, "q_lora_rank": 1536, "rope_scaling": {"type": "yarn", "factor": 40,
         "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0,
         "original_max_position_embeddings": 4096}, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
         "qk_rope_head_dim": 64, "v_head_dim": 128, "moe_layer_freq": 1})"},
    {"qwen3-8b",
     R"({"model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
         "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 40960,
         "vocab_size": 151936, "rope_theta": 1000000, "rms_norm_eps": 1e-06, "hidden_act": "silu",
         "tie_word_embeddings": false, "head_dim": 128})"},
    {"llama-2-7b",
     R"({"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 4096,
         "vocab_size": 32000, "rope_theta": 10000.0, "rms_norm_eps": 1e-05, "hidden_act": "silu",
         "tie_word_embeddings": false})"},
};

Result<nlohmann::json> ReadConfigFile(const std::string& path) {
  std::error_code error;
  const bool directory = std::filesystem::is_directory(path, error);
  SLUICE_TRY(const MappedFile file, MappedFile::Open(directory ? path + "/config.json" : path));
  return formats::ParseJson(file);
}

Result<nlohmann::json> FindConfig(const std::string& shape) {
  for (const Shape& known : kShapes)
    if (known.name == shape) return nlohmann::json::parse(known.config);
  std::error_code error;
  if (std::filesystem::exists(shape, error)) return ReadConfigFile(shape);
  const auto names = ShapeNames();
  return Fail(
      ErrorCode::kUsage, fmt::format("\"{}\" is no shape and no file", shape),
      DidYouMean(shape, names, fmt::format("shapes are {}, or give a config.json", fmt::join(names, ", "))));
}

}  // namespace

std::vector<std::string_view> ShapeNames() {
  std::vector<std::string_view> names;
  for (const Shape& shape : kShapes) names.push_back(shape.name);
  return names;
}

Result<model::Config> ReadShape(const std::string& shape, int layers) {
  SLUICE_TRY(nlohmann::json config, FindConfig(shape));
  if (layers > 0 && config.is_object()) {
    const auto all = config.find("num_hidden_layers");
    if (all != config.end() && all->is_number_integer() && all->get<int64_t>() < layers)
      return Fail(ErrorCode::kUsage,
                  fmt::format("{} layers of {}, which has {}", layers, shape, all->get<int64_t>()));
    config["num_hidden_layers"] = layers;
  }
  return model::Config(std::move(config), shape);
}

}  // namespace sluice::convert
