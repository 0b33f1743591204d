#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "model/describe.h"
#include "model/layer_runs.h"
#include "model/words.h"

namespace sluice::model {
namespace {

using Json = nlohmann::ordered_json;

// The shortest number that reads back as the same float.
double Short(float value) {
  double number = 0;
  const std::string text = fmt::format("{}", value);
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Json ToJson(const Norm& n) {
  return {{"kind", Word(n.kind)}, {"eps", Short(n.eps)}, {"bias", n.bias}, {"plus_one", n.plus_one}};
}

struct ScalingToJson {
  Json operator()(std::monostate) const { return nullptr; }
  Json operator()(const LinearScaling& s) const { return {{"type", "linear"}, {"factor", Short(s.factor)}}; }
  Json operator()(const Llama3Scaling& s) const {
    return {{"type", "banded"},
            {"factor", Short(s.factor)},
            {"low_freq_factor", Short(s.low_freq_factor)},
            {"high_freq_factor", Short(s.high_freq_factor)},
            {"original_context", s.original_ctx}};
  }
  Json operator()(const YarnScaling& s) const {
    return {{"type", "yarn"},
            {"factor", Short(s.factor)},
            {"beta_fast", Short(s.beta_fast)},
            {"beta_slow", Short(s.beta_slow)},
            {"magnitude", Short(s.magnitude)},
            {"original_context", s.original_ctx},
            {"truncate", s.truncate}};
  }
  Json operator()(const LongRopeScaling& s) const {
    return {{"type", "longrope"},
            {"short_factors", s.short_factors},
            {"long_factors", s.long_factors},
            {"short_magnitude", Short(s.short_magnitude)},
            {"long_magnitude", Short(s.long_magnitude)},
            {"original_context", s.original_ctx}};
  }
};

Json ToJson(const Rope& r) {
  return {{"theta", Short(r.theta)},          {"dims", r.dims},
          {"interleaved", r.interleaved},     {"scaling", std::visit(ScalingToJson{}, r.scaling)},
          {"still_pairs", r.still_pairs},     {"sections", r.sections},
          {"factors_in_file", r.file_factors}};
}

Json ToJson(const RelativeBias& b) { return {{"buckets", b.buckets}, {"max_distance", b.max_distance}}; }

Json ToJson(const Gqa& a) {
  const auto* rope = std::get_if<Rope>(&a.position);
  const auto* relative = std::get_if<RelativeBias>(&a.position);
  return {{"kind", "grouped"},
          {"sees", Word(a.sees)},
          {"heads", a.heads},
          {"kv_heads", a.kv_heads},
          {"head_dim", a.head_dim},
          {"rope", rope ? ToJson(*rope) : Json()},
          {"relative_bias", relative ? ToJson(*relative) : Json()},
          {"scale", Short(a.scale)},
          {"qk_norm", Word(a.qk_norm)},
          {"qk_norm_eps", Short(a.qk_norm_eps)},
          {"qkv_bias", a.qkv_bias},
          {"out_bias", a.out_bias},
          {"clip", Short(a.clip)},
          {"logit_cap", Short(a.logit_cap)},
          {"window", a.window},
          {"chunk", a.chunk},
          {"sinks", a.sinks},
          {"norm_after_rope", a.norm_after_rope},
          {"norm_weights", a.norm_weights},
          {"value_norm", a.value_norm},
          {"value_is_key", a.value_is_key},
          {"out_gate", a.out_gate},
          {"temper_scale", Short(a.temper_scale)},
          {"temper_floor", Short(a.temper_floor)}};
}

Json ToJson(const Indexer& i) {
  return {{"heads", i.heads},
          {"head_dim", i.head_dim},
          {"top_k", i.top_k},
          {"rope", ToJson(i.rope)},
          {"norm_eps", Short(i.norm_eps)}};
}

Json ToJson(const Mla& a) {
  return {{"kind", "latent"},
          {"heads", a.heads},
          {"q_rank", a.q_rank},
          {"kv_rank", a.kv_rank},
          {"nope_dim", a.nope_dim},
          {"rope_dim", a.rope_dim},
          {"v_dim", a.v_dim},
          {"rope", ToJson(a.rope)},
          {"scale", Short(a.scale)},
          {"latent_norm_eps", Short(a.latent_norm_eps)},
          {"indexer", a.indexer ? ToJson(*a.indexer) : Json()},
          {"shared_choice", a.shared_choice}};
}

Json ToJson(const DeltaNet& d) {
  return {{"kind", "linear"},
          {"key_heads", d.key_heads},
          {"value_heads", d.value_heads},
          {"tiled", d.tiled},
          {"key_dim", d.key_dim},
          {"value_dim", d.value_dim},
          {"taps", d.taps},
          {"length_eps", Short(d.length_eps)},
          {"out_norm_eps", Short(d.out_norm_eps)},
          {"state_bytes", d.state_floats() * static_cast<int64_t>(sizeof(float))}};
}

Json ToJson(const Ffn& f) {
  return {{"kind", "dense"}, {"hidden", f.hidden},      {"activation", Word(f.act)}, {"gated", f.gated},
          {"bias", f.bias},  {"limit", Short(f.limit)}, {"alpha", Short(f.alpha)}};
}

Json ToJson(const Router& r) {
  Json groups;
  if (r.groups) groups = {{"count", r.groups->count}, {"keep", r.groups->keep}, {"by", Word(r.groups->by)}};
  return {{"experts", r.experts},           {"top_k", r.top_k},
          {"score", Word(r.score)},         {"renormalize", r.renormalize},
          {"logit_bias", r.logit_bias},     {"selection_bias", r.selection_bias},
          {"scale", Short(r.scale)},        {"groups", groups},
          {"jitter", Short(r.jitter)},      {"norm_p", Short(r.norm_p)},
          {"expert_scale", r.expert_scale}, {"norm", r.norm ? ToJson(*r.norm) : Json()}};
}

Json ToJson(const Moe& m) {
  return {{"kind", "experts"},
          {"router", ToJson(m.router)},
          {"expert", ToJson(m.expert)},
          {"shared", m.shared ? ToJson(*m.shared) : Json()},
          {"shared_gate", m.shared_gate},
          {"weight_on_input", m.weight_on_input}};
}

Json ToJson(const Branch& b);
Json ToJson(const Parallel& p) {
  Json branches = Json::array();
  for (const Branch& branch : p.branches) branches.push_back(ToJson(branch));
  return {{"kind", "parallel"}, {"branches", branches}};
}

Json ToJson(const Branch& b) {
  return {{"source", b.src == Branch::Src::kStream ? "stream" : "layer input"},
          {"norm", ToJson(b.pre)},
          {"op", std::visit([](const auto& op) { return ToJson(op); }, b.op)},
          {"post_norm", b.post ? ToJson(*b.post) : Json()},
          {"scale", Short(b.scale)}};
}

Json LayersToJson(const Stack& stack) {
  Json layers = Json::array();
  for (const LayerRun& run : LayerRuns(stack)) {
    Json steps = Json::array();
    for (const Branch& branch : *run.layer) steps.push_back(ToJson(branch));
    layers.push_back({{"first", run.first}, {"last", run.last}, {"steps", steps}});
  }
  return layers;
}

Json ToJson(const KvBytes& bytes) {
  Json json;
  for (const kernels::KvType type : kernels::kAllKvTypes)
    json[std::string(kernels::Name(type))] = bytes.Of(type);
  return json;
}

Json CostsToJson(const Desc& desc, const WeightMap* weights) {
  const Accounting sum = Account(desc, weights);
  Json costs = {{"parameters", sum.parameters},
                {"active_parameters", sum.active_parameters},
                {"expert_parameters", sum.expert_parameters},
                {"kv_bytes_per_token", sum.kv_bytes_per_token.usual()},
                {"kv_bytes_per_token_by_type", ToJson(sum.kv_bytes_per_token)},
                {"state_bytes", sum.state_bytes},
                {"source_kv_bytes_per_token", sum.source_kv_bytes_per_token.usual()},
                {"source_kv_bytes_per_token_by_type", ToJson(sum.source_kv_bytes_per_token)},
                {"flops_per_token", sum.flops_per_token},
                {"source_flops_per_token", sum.source_flops_per_token},
                {"attention_flops_per_context_token", AttentionFlops(desc, 1)}};
  if (!weights) return costs;
  costs["weight_bytes"] = sum.weight_bytes;
  costs["active_bytes"] = sum.active_bytes;
  for (const auto& [type, bytes] : sum.bytes_by_type) costs["bytes_by_type"][std::string(Name(type))] = bytes;
  costs["skipped_tensors"] = weights->skipped();
  return costs;
}

}  // namespace

Json DescribeJson(const Described& described, const WeightMap* weights) {
  const Desc& d = described.desc;
  Json encoder;
  if (d.encoder)
    encoder = {{"final_norm", ToJson(d.encoder->final_norm)}, {"layers", LayersToJson(*d.encoder)}};
  return {{"family", d.family},
          {"width", d.dim},
          {"vocabulary", d.vocab},
          {"context", d.max_ctx},
          {"tied", d.tied},
          {"head_bias", d.head_bias},
          {"layer_scale", d.layer_scale},
          {"embed_scale", Short(d.embed_scale)},
          {"logit_scale", Short(d.logit_scale)},
          {"logit_cap", Short(d.logit_cap)},
          {"final_norm", ToJson(d.decoder.final_norm)},
          {"layers", LayersToJson(d.decoder)},
          {"encoder", encoder},
          {"start_token", d.encoder ? Json(d.start_token) : Json()},
          {"costs", CostsToJson(d, weights)}};
}

std::string DiffText(const Described& a, const Described& b) {
  const Json left = DescribeJson(a, nullptr).flatten(), right = DescribeJson(b, nullptr).flatten();
  std::string text;
  const auto add = [&text](const std::string& path, const std::string& from, const std::string& to) {
    std::string readable = path.substr(1);
    std::replace(readable.begin(), readable.end(), '/', '.');
    text += readable + ": " + from + " -> " + to + "\n";
  };
  for (const auto& [path, value] : left.items()) {
    if (!right.contains(path)) {
      add(path, value.dump(), "nothing");
    } else if (right[path] != value) {
      add(path, value.dump(), right[path].dump());
    }
  }
  for (const auto& [path, value] : right.items()) {
    if (!left.contains(path)) add(path, "nothing", value.dump());
  }
  return text;
}

}  // namespace sluice::model
