#include "model/config_gguf.h"

#include <fmt/format.h>

#include <string>
#include <variant>

namespace sluice::model {
namespace {

using formats::GgufArray;
using formats::GgufValue;
using nlohmann::json;

struct Word {
  std::string_view ours;  // a path into the JSON
  std::string_view gguf;  // without "<architecture>."
};
// One GGUF key may stand under several names, because the Hugging Face configurations do not agree.
constexpr Word kWords[] = {
    {"num_hidden_layers", "block_count"},
    {"hidden_size", "embedding_length"},
    {"num_decoder_layers", "decoder_block_count"},
    {"decoder_start_token_id", "decoder_start_token_id"},
    {"intermediate_size", "feed_forward_length"},
    {"d_ff", "feed_forward_length"},
    {"max_position_embeddings", "context_length"},
    {"num_attention_heads", "attention.head_count"},
    {"num_key_value_heads", "attention.head_count_kv"},
    {"key_length", "attention.key_length"},
    {"d_kv", "attention.key_length"},
    {"value_length", "attention.value_length"},
    {"key_length_swa", "attention.key_length_swa"},
    {"value_length_swa", "attention.value_length_swa"},
    {"key_length_mla", "attention.key_length_mla"},
    {"value_length_mla", "attention.value_length_mla"},
    {"q_lora_rank", "attention.q_lora_rank"},
    {"kv_lora_rank", "attention.kv_lora_rank"},
    {"rms_norm_eps", "attention.layer_norm_rms_epsilon"},
    {"layer_norm_epsilon", "attention.layer_norm_rms_epsilon"},
    {"relative_attention_num_buckets", "attention.relative_buckets_count"},
    {"layer_norm_eps", "attention.layer_norm_epsilon"},
    {"clip_qkv", "attention.clamp_kqv"},
    {"attention_scale", "attention.output_scale"},
    {"attention_multiplier", "attention.scale"},
    {"attn_logit_softcapping", "attn_logit_softcapping"},
    {"final_logit_softcapping", "final_logit_softcapping"},
    {"embedding_scale", "embedding_scale"},
    {"embedding_multiplier", "embedding_scale"},
    {"residual_multiplier", "residual_scale"},
    {"logit_scale", "logit_scale"},
    {"logits_scaling", "logit_scale"},
    {"sliding_window", "attention.sliding_window"},
    {"sliding_layers", "attention.sliding_window_pattern"},
    {"num_kv_shared_layers", "attention.shared_kv_layers"},
    {"hidden_size_per_layer_input", "embedding_length_per_layer_input"},
    {"rope_dims", "rope.dimension_count"},
    {"rope_dims_swa", "rope.dimension_count_swa"},
    {"mrope_section", "rope.dimension_sections"},
    {"rope_theta", "rope.freq_base"},
    {"rope_local_base_freq", "rope.freq_base_swa"},
    {"rope_scaling.type", "rope.scaling.type"},
    {"rope_scaling.factor", "rope.scaling.factor"},
    {"rope_scaling.original_max_position_embeddings", "rope.scaling.original_context_length"},
    {"rope_scaling.attn_factor", "rope.scaling.attn_factor"},
    {"rope_scaling.short_mscale", "rope.scaling.short_attn_factor"},
    {"rope_scaling.log_multiplier", "rope.scaling.yarn_log_multiplier"},
    {"rope_scaling.ext_factor", "rope.scaling.yarn_ext_factor"},
    {"rope_scaling.attention_factor", "rope.scaling.yarn_attn_factor"},
    {"rope_scaling.beta_fast", "rope.scaling.yarn_beta_fast"},
    {"rope_scaling.beta_slow", "rope.scaling.yarn_beta_slow"},
    {"num_experts", "expert_count"},
    {"num_local_experts", "expert_count"},
    {"n_routed_experts", "expert_count"},
    {"moe_num_experts", "expert_count"},
    {"num_experts_per_tok", "expert_used_count"},
    {"moe_k", "expert_used_count"},
    {"moe_topk", "expert_used_count"},
    {"moe_intermediate_size", "expert_feed_forward_length"},
    {"shared_expert_intermediate_size", "expert_shared_feed_forward_length"},
    {"shared_intermediate_size", "expert_shared_feed_forward_length"},
    {"n_shared_experts", "expert_shared_count"},
    {"moe_layer_interval", "interleave_moe_layer_step"},
    {"moe_layer_start_index", "leading_dense_block_count"},
    {"n_group", "expert_group_count"},
    {"topk_group", "expert_group_used_count"},
    {"routed_scaling_factor", "expert_weights_scale"},
    {"norm_topk_prob", "expert_weights_norm"},
    {"router_jitter_noise", "router_jitter_noise"},
    {"gating_function", "expert_gating_func"},
    {"first_k_dense_replace", "leading_dense_block_count"},
    {"num_nextn_predict_layers", "nextn_predict_layers"},
    {"index_n_heads", "attention.indexer.head_count"},
    {"index_head_dim", "attention.indexer.key_length"},
    {"index_topk", "attention.indexer.top_k"},
    {"linear_conv_kernel_dim", "ssm.conv_kernel"},
    {"linear_key_head_dim", "ssm.state_size"},
    {"linear_num_key_heads", "ssm.group_count"},
    {"linear_num_value_heads", "ssm.time_step_rank"},
    {"linear_inner_size", "ssm.inner_size"},
};

json ToJson(const GgufValue& value) {
  struct Visitor {
    json operator()(bool v) const { return v; }
    json operator()(int64_t v) const { return v; }
    json operator()(uint64_t v) const { return v; }
    json operator()(double v) const { return v; }
    json operator()(std::string_view v) const { return std::string(v); }
    json operator()(const GgufArray& array) const {
      return std::visit(
          [](const auto& entries) {
            json list = json::array();
            using Entry = typename std::decay_t<decltype(entries)>::value_type;
            for (const auto& entry : entries) {
              if constexpr (std::is_same_v<Entry, bool>)
                list.push_back(entry ? 1 : 0);
              else
                list.push_back(Visitor{}(entry));
            }
            return list;
          },
          array);
    }
  };
  return std::visit(Visitor{}, value);
}

void Set(json& root, std::string_view path, json value) {
  const size_t dot = path.find('.');
  json& node = dot == path.npos ? root : root[std::string(path.substr(0, dot))];
  node[std::string(dot == path.npos ? path : path.substr(dot + 1))] = std::move(value);
}

const formats::GgufMetadata::Entry* FindEntry(const formats::GgufMetadata& metadata, std::string_view key) {
  for (const auto& entry : metadata.entries()) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

// What the file says by its tensors rather than by a key.
void AddFromTensors(const formats::TensorIndex& tensors, json& values) {
  const formats::Tensor* embed = tensors.Find("token_embd.weight");
  if (embed && embed->shape.size() == 2) values["vocab_size"] = embed->shape[0];
  values["tie_word_embeddings"] = tensors.Find("output.weight") == nullptr;
}

// Blocks that predict further tokens are counted in block_count, but they are no layers of the model.
void SubtractPredictionBlocks(json& values) {
  const auto layers = values.find("num_hidden_layers");
  const auto extra = values.find("num_nextn_predict_layers");
  if (layers == values.end() || extra == values.end()) return;
  if (!layers->is_number_integer() || !extra->is_number_integer()) return;
  const int64_t count = layers->get<int64_t>(), predicting = extra->get<int64_t>();
  if (predicting > 0 && predicting < count) *layers = count - predicting;
}

}  // namespace

Result<Config> GgufTranslation::Translate(const formats::Checkpoint& checkpoint) {
  const std::string file = checkpoint.files.empty() ? checkpoint.path : checkpoint.files[0].path();
  const auto architecture = checkpoint.gguf.String("general.architecture");
  if (!architecture) {
    return Fail(ErrorCode::kBadFile, fmt::format("{}: general.architecture is missing", file),
                "a GGUF of a language model names its architecture; is this a vocabulary or an adapter?");
  }
  json values = {{"model_type", std::string(*architecture)}};
  std::map<std::string, std::string, std::less<>> spelling;
  for (const Word& word : kWords) {
    const std::string key = fmt::format("{}.{}", *architecture, word.gguf);
    const auto* entry = FindEntry(checkpoint.gguf, key);
    if (entry) Set(values, word.ours, ToJson(entry->value));
    spelling[std::string(word.ours)] = entry ? fmt::format("{} (at byte {})", key, entry->offset) : key;
  }
  SubtractPredictionBlocks(values);
  AddFromTensors(checkpoint.tensors, values);
  spelling["vocab_size"] = "token_embd.weight";
  spelling["model_type"] = "general.architecture";

  Config config(std::move(values), file);
  config.from_gguf_ = true;
  config.spelling_ = std::move(spelling);
  config.tensors_ = &checkpoint.tensors;
  return config;
}

}  // namespace sluice::model
