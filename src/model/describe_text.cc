#include <fmt/format.h>

#include "model/describe.h"
#include "model/layer_runs.h"
#include "model/words.h"

namespace sluice::model {
namespace {

std::string Row(std::string_view name, std::string_view value) {
  return fmt::format("{:<18}{}\n", name, value);
}

// 46.7 B, 360.4 M: three or four digits. `billion` is B where things are counted and G where they are
// measured.
std::string Count(double n, char billion = 'B') {
  if (n >= 1e12) return fmt::format("{:.2f} T", n / 1e12);
  if (n >= 1e9) return fmt::format("{:.1f} {}", n / 1e9, billion);
  if (n >= 1e6) return fmt::format("{:.1f} M", n / 1e6);
  if (n >= 1e4) return fmt::format("{:.1f} k", n / 1e3);
  return fmt::format("{:.0f}", n);
}

std::string Bytes(double n) {
  if (n >= 1 << 30) return fmt::format("{:.2f} GiB", n / (1 << 30));
  if (n >= 1 << 20) return fmt::format("{:.1f} MiB", n / (1 << 20));
  if (n >= 1 << 10) return fmt::format("{:.1f} KiB", n / (1 << 10));
  return fmt::format("{:.0f} bytes", n);
}

struct ScalingText {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(const LinearScaling& s) const { return fmt::format(", positions / {:g}", s.factor); }
  std::string operator()(const Llama3Scaling& s) const {
    return fmt::format(", low frequencies / {:g} beyond {} tokens", s.factor, s.original_ctx);
  }
  std::string operator()(const YarnScaling& s) const {
    return fmt::format(", YaRN x{:g} from {} tokens", s.factor, s.original_ctx);
  }
  std::string operator()(const LongRopeScaling& s) const {
    return fmt::format(", LongRoPE from {} tokens", s.original_ctx);
  }
};

std::string Text(const Rope& rope) {
  return fmt::format("rope on {} of theta {:g}, {} pairs{}{}", rope.dims, rope.theta,
                     rope.interleaved ? "interleaved" : "half-split", std::visit(ScalingText{}, rope.scaling),
                     rope.file_factors ? ", factors from the file" : "");
}

struct PositionText {
  std::string operator()(const NoPosition&) const { return "no positions"; }
  std::string operator()(const Rope& rope) const { return Text(rope); }
  std::string operator()(const RelativeBias& b) const {
    return fmt::format("a bias by distance, {} buckets up to {}", b.buckets, b.max_distance);
  }
};

std::string Text(const Gqa& a) {
  std::string text = fmt::format("{} heads of {}, {} for keys and values", a.heads, a.head_dim, a.kv_heads);
  text += "; " + std::visit(PositionText{}, a.position);
  if (a.sees == Gqa::Sees::kAll) text += "; sees everything";
  if (a.qk_norm != Gqa::QkNorm::kNone) text += fmt::format("; q and k normalised {}", Word(a.qk_norm));
  if (a.qkv_bias) text += a.out_bias ? "; biases" : "; biases on q, k, v";
  if (a.clip > 0) text += fmt::format("; clipped to {:g}", a.clip);
  if (a.logit_cap > 0) text += fmt::format("; scores capped at {:g}", a.logit_cap);
  if (a.window > 0) text += fmt::format("; window of {} tokens", a.window);
  if (a.chunk > 0) text += fmt::format("; chunks of {} tokens", a.chunk);
  if (a.sinks) text += "; a sink per head";
  if (a.out_gate) text += "; output behind a gate";
  if (a.value_is_key) text += "; values are keys";
  return text;
}

std::string Text(const Indexer& i) {
  return fmt::format("; sees {} positions that {} heads of {} choose", i.top_k, i.heads, i.head_dim);
}

std::string Text(const Mla& a) {
  std::string text =
      fmt::format("latent, {} heads of {} + {}, values of {}; compressed to {} + {}{}; {}", a.heads,
                  a.nope_dim, a.rope_dim, a.v_dim, a.kv_rank, a.rope_dim,
                  a.q_rank > 0 ? fmt::format(", queries through {}", a.q_rank) : "", Text(a.rope));
  if (a.indexer) text += Text(*a.indexer);
  if (a.shared_choice) text += "; sees the positions chosen before";
  return text;
}

std::string Text(const DeltaNet& d) {
  return fmt::format(
      "linear, {} heads of {} for keys, {} of {} for values; {} tokens convolved; a state of {}", d.key_heads,
      d.key_dim, d.value_heads, d.value_dim, d.taps,
      Bytes(static_cast<double>(d.state_floats()) * sizeof(float)));
}

std::string Text(const Ffn& f) {
  return fmt::format("{} wide, {}{}", f.hidden, Word(f.act), f.gated ? " gated" : "");
}

std::string Text(const Parallel& p) {
  return fmt::format("{} branches added before they join", p.branches.size());
}

std::string Text(const Moe& m) {
  const Router& r = m.router;
  std::string text = fmt::format("{} of {} experts {}; {}{}", r.top_k, r.experts, Text(m.expert),
                                 Word(r.score), r.renormalize ? ", renormalised" : "");
  if (r.scale != 1) text += fmt::format(", x{:g}", r.scale);
  if (r.selection_bias) text += ", chosen with a bias";
  if (r.groups)
    text += fmt::format(", from {} of {} groups by {}", r.groups->keep, r.groups->count, Word(r.groups->by));
  if (m.shared)
    text += fmt::format("; a shared expert {}{}", Text(*m.shared), m.shared_gate ? ", behind a gate" : "");
  return text;
}

struct PartName {
  const char* operator()(const Gqa& a) const {
    return a.sees == Gqa::Sees::kSource ? "  to the source" : "  attention";
  }
  const char* operator()(const Mla&) const { return "  attention"; }
  const char* operator()(const DeltaNet&) const { return "  attention"; }
  const char* operator()(const Ffn&) const { return "  feed-forward"; }
  const char* operator()(const Moe&) const { return "  experts"; }
  const char* operator()(const Parallel&) const { return "  side by side"; }
};

std::string BranchText(const Branch& branch) {
  std::string step = std::visit([](const auto& op) { return Text(op); }, branch.op);
  if (branch.src == Branch::Src::kLayerInput) step += "; reads the layer's input";
  if (branch.post) step += "; normalised after";
  if (branch.scale != 1) step += fmt::format("; scaled by {:g}", branch.scale);
  std::string text = Row(std::visit(PartName{}, branch.op), step);
  if (const auto* parallel = std::get_if<Parallel>(&branch.op))
    for (const Branch& part : parallel->branches) text += BranchText(part);
  return text;
}

// `of`: "encoder " and the like where there are two stacks.
std::string LayersText(const Stack& stack, std::string_view of) {
  std::string text;
  for (const LayerRun& run : LayerRuns(stack)) {
    const bool one = run.first == run.last;
    text += one ? fmt::format("{}layer {}\n", of, run.first)
                : fmt::format("{}layers {} to {}\n", of, run.first, run.last);
    for (const Branch& branch : *run.layer) text += BranchText(branch);
  }
  return text;
}

// "blk.{N}.*", where N is beyond the model's layers, as "blk.N.*".
std::string ReadablePattern(std::string pattern) {
  if (const size_t at = pattern.find("{N}"); at != pattern.npos) pattern.replace(at, 3, "N");
  return pattern;
}

std::string BytesText(const Accounting& sum, const WeightMap& weights) {
  std::string types;
  for (const auto& [type, bytes] : sum.bytes_by_type) {
    types += fmt::format("{}{} {}", types.empty() ? "" : ", ", Name(type), Bytes(static_cast<double>(bytes)));
  }
  std::string text =
      Row("weights", fmt::format("{} ({})", Bytes(static_cast<double>(sum.weight_bytes)), types));
  text += Row("read per token", Bytes(static_cast<double>(sum.active_bytes)));
  std::string unused;
  for (const auto& [pattern, count] : weights.skipped_kinds())
    unused += fmt::format("{}{} tensor{} {}", unused.empty() ? "" : ", ", count, count == 1 ? "" : "s",
                          ReadablePattern(pattern));
  if (!unused.empty()) text += Row("left unused", unused);
  return text;
}

// "1.5 kB per token (f16; f32 3 kB, bf16 1.5 kB, q8 0.8 kB)"
std::string KvText(const KvBytes& bytes, std::string_view of) {
  std::string others;
  for (const kernels::KvType type : kernels::kAllKvTypes)
    if (type != kernels::KvType::kF16)
      others += fmt::format("{}{} {}", others.empty() ? "" : ", ", kernels::Name(type),
                            Bytes(static_cast<double>(bytes.Of(type))));
  return fmt::format("{} {} (f16; {})", Bytes(static_cast<double>(bytes.usual())), of, others);
}

std::string CacheText(const Accounting& sum) {
  std::string text = KvText(sum.kv_bytes_per_token, "per token");
  if (sum.source_kv_bytes_per_token.usual() > 0)
    text += "; " + KvText(sum.source_kv_bytes_per_token, "per token of the source");
  return Row("KV cache", text);
}

std::string FlopsText(const Desc& desc, const Accounting& sum) {
  std::string text = fmt::format("{}, and {} for each token of context", Count(sum.flops_per_token, 'G'),
                                 Count(AttentionFlops(desc, 1), 'G'));
  if (desc.encoder)
    text += fmt::format("; {} for each token of the source, once", Count(sum.source_flops_per_token, 'G'));
  return Row("FLOPs per token", text);
}

}  // namespace

std::string DescribeText(const Described& described, const WeightMap* weights) {
  const Desc& d = described.desc;
  const Accounting sum = Account(d, weights);
  std::string text = Row("family", d.family);
  text += Row("width", fmt::format("{}", d.dim));
  text += Row("layers", d.encoder ? fmt::format("{} of the encoder, {} of the decoder",
                                                d.encoder->layers.size(), d.decoder.layers.size())
                                  : fmt::format("{}", d.decoder.layers.size()));
  text += Row("vocabulary", fmt::format("{}{}", d.vocab, d.tied ? ", head tied to the embedding" : ""));
  text += Row("context", fmt::format("{} tokens", d.max_ctx));
  if (d.encoder) text += LayersText(*d.encoder, "encoder ");
  text += LayersText(d.decoder, d.encoder ? "decoder " : "");
  text += Row("parameters",
              fmt::format("{}, of which a token uses {}", Count(static_cast<double>(sum.parameters)),
                          Count(static_cast<double>(sum.active_parameters))));
  if (weights) text += BytesText(sum, *weights);
  text += CacheText(sum);
  if (sum.state_bytes > 0)
    text += Row("state", fmt::format("{} per request (F32), however long it is",
                                     Bytes(static_cast<double>(sum.state_bytes))));
  return text + FlopsText(d, sum);
}

}  // namespace sluice::model
