#include "convert/description_difference.h"

#include <fmt/format.h>

#include <optional>
#include <span>
#include <variant>

#include "model/words.h"

namespace sluice::convert {
namespace {

using namespace model;  // NOLINT: this file compares the model's words

Rope* RopeOf(Branch& branch) {
  if (auto* gqa = std::get_if<Gqa>(&branch.op)) return std::get_if<Rope>(&gqa->position);
  if (auto* mla = std::get_if<Mla>(&branch.op)) return &mla->rope;
  return nullptr;
}

// `read` with what may differ taken from `wanted`: the pairing of rotated elements, whether norms' weights
// are kept less one and rates as logarithms, and roundings on the way through a logarithm.
Branch Reconciled(Branch read, Branch wanted) {
  Rope *a = RopeOf(read), *b = RopeOf(wanted);
  if (a && b) a->interleaved = b->interleaved;
  read.pre.plus_one = wanted.pre.plus_one;
  if (read.post && wanted.post) read.post->plus_one = wanted.post->plus_one;
  auto* delta = std::get_if<DeltaNet>(&read.op);
  if (const auto* from = std::get_if<DeltaNet>(&wanted.op); delta && from) {
    delta->log_rate = from->log_rate;
    delta->tiled = from->tiled;
  }
  auto* gqa = std::get_if<Gqa>(&read.op);
  if (const auto* from = std::get_if<Gqa>(&wanted.op); gqa && from) gqa->norm_plus_one = from->norm_plus_one;
  auto* mla = std::get_if<Mla>(&read.op);
  auto* other = std::get_if<Mla>(&wanted.op);
  if (mla && other && Near(mla->scale, other->scale)) mla->scale = other->scale;
  auto *yarn = a ? std::get_if<YarnScaling>(&a->scaling) : nullptr,
       *yarn_wanted = b ? std::get_if<YarnScaling>(&b->scaling) : nullptr;
  if (yarn && yarn_wanted && Near(yarn->magnitude, yarn_wanted->magnitude))
    yarn->magnitude = yarn_wanted->magnitude;
  if (mla && mla->indexer && other && other->indexer && a->scaling == b->scaling)
    mla->indexer->rope.scaling = a->scaling;
  return read;
}

// A setting and whether it is lost.
struct Setting {
  bool differs;
  std::string what;
};

std::string FirstOf(std::span<const Setting> settings) {
  for (const Setting& setting : settings)
    if (setting.differs) return setting.what;
  return "its form";
}

std::string Lost(const Rope& wanted, const Rope& read) {
  const Setting settings[] = {
      {wanted.theta != read.theta, fmt::format("rotary positions of theta {:g}", wanted.theta)},
      {wanted.dims != read.dims, fmt::format("the rotation of {} elements of a head", wanted.dims)},
      {wanted.sections != read.sections, "the sections of its rotary positions"},
      {wanted.still_pairs != read.still_pairs, fmt::format("{} pairs that stand still", wanted.still_pairs)},
      {!(wanted.scaling == read.scaling), "the scaling of its rotary frequencies"}};
  return FirstOf(settings);
}

std::string Lost(const Position& wanted, const Position& read) {
  const auto *a = std::get_if<Rope>(&wanted), *b = std::get_if<Rope>(&read);
  if (a && b) return Lost(*a, *b);
  if (const auto* bias = std::get_if<RelativeBias>(&wanted))
    return fmt::format("relative positions in {} buckets up to a distance of {}", bias->buckets,
                       bias->max_distance);
  return "which layers have rotary positions";
}

std::string Lost(const Gqa& wanted, const Gqa& read) {
  const Setting settings[] = {
      {wanted.heads != read.heads || wanted.kv_heads != read.kv_heads,
       fmt::format("{} heads of attention, {} for keys and values", wanted.heads, wanted.kv_heads)},
      {wanted.head_dim != read.head_dim, fmt::format("heads of {}", wanted.head_dim)},
      {!(wanted.position == read.position), Lost(wanted.position, read.position)},
      {wanted.scale != read.scale, fmt::format("attention scaled by {:g}", wanted.scale)},
      {wanted.window != read.window,
       fmt::format("attention in a window of {} (0: everything)", wanted.window)},
      {wanted.chunk != read.chunk, fmt::format("attention in chunks of {} (0: none)", wanted.chunk)},
      {wanted.logit_cap != read.logit_cap, fmt::format("attention's cap of {:g}", wanted.logit_cap)},
      {wanted.clip != read.clip, fmt::format("q, k and v clipped at {:g}", wanted.clip)},
      {wanted.qkv_bias != read.qkv_bias || wanted.out_bias != read.out_bias, "attention's biases"},
      {wanted.qk_norm != read.qk_norm || wanted.qk_norm_eps != read.qk_norm_eps ||
           wanted.norm_weights != read.norm_weights || wanted.norm_after_rope != read.norm_after_rope,
       "the norms of q and k"},
      {wanted.temper_scale != read.temper_scale || wanted.temper_floor != read.temper_floor,
       fmt::format("attention tempered by {:g} from {:g} tokens", wanted.temper_scale, wanted.temper_floor)}};
  return FirstOf(settings);
}

std::string Lost(const Ffn& wanted, const Ffn& read) {
  const Setting settings[] = {
      {wanted.hidden != read.hidden, fmt::format("a feed-forward of width {}", wanted.hidden)},
      {wanted.act != read.act || wanted.gated != read.gated || wanted.limit != read.limit,
       fmt::format("the activation {}", Word(wanted.act))}};
  return FirstOf(settings);
}

std::string Lost(const Moe& wanted, const Moe& read) {
  const Router &a = wanted.router, &b = read.router;
  const Setting settings[] = {
      {a.experts != b.experts || a.top_k != b.top_k, fmt::format("{} of {} experts", a.top_k, a.experts)},
      {a.score != b.score, fmt::format("a router with {}", Word(a.score))},
      {a.jitter != b.jitter, fmt::format("the router's jitter of {:g}", a.jitter)},
      {a.renormalize != b.renormalize || a.norm_p != b.norm_p, "how the router's weights are normalised"},
      {a.scale != b.scale, fmt::format("the router's weights times {:g}", a.scale)},
      {a.logit_bias != b.logit_bias || a.selection_bias != b.selection_bias, "the router's bias"},
      {a.groups != b.groups, "the router's groups"},
      {!(wanted.expert == read.expert), Lost(wanted.expert, read.expert)},
      {wanted.shared != read.shared || wanted.shared_gate != read.shared_gate, "its shared expert"}};
  return FirstOf(settings);
}

std::string Lost(const Branch& wanted, const Branch& read) {
  if (!(wanted.pre == read.pre) || wanted.post != read.post) return "its norms";
  if (wanted.scale != read.scale) return fmt::format("a residual scaled by {:g}", wanted.scale);
  const auto lost = [&](const auto& op) -> std::string {
    using Op = std::decay_t<decltype(op)>;
    const auto* other = std::get_if<Op>(&read.op);
    if (!other) return "what kind of layer it is";
    if constexpr (requires { Lost(op, *other); })
      return Lost(op, *other);
    else
      return "its form";
  };
  return std::visit(lost, wanted.op);
}

std::string StackDifference(const Stack& wanted, const Stack& read, std::string_view name) {
  Norm last = read.final_norm;
  last.plus_one = wanted.final_norm.plus_one;
  if (!(wanted.final_norm == last)) return fmt::format("the last norm{}", name);
  const auto &layers = wanted.layers, &others = read.layers;
  if (layers.size() != others.size()) return fmt::format("{} layers{}", layers.size(), name);
  for (size_t l = 0; l < layers.size(); ++l) {
    if (layers[l].size() != others[l].size()) return fmt::format("what layer {}{} consists of", l, name);
    for (size_t i = 0; i < layers[l].size(); ++i) {
      const Branch reconciled = Reconciled(others[l][i], layers[l][i]);
      if (!(reconciled == layers[l][i]))
        return fmt::format("{} (layer {}{})", Lost(layers[l][i], reconciled), l, name);
    }
  }
  return {};
}

}  // namespace

std::string DescriptionDifference(const Desc& wanted, const Desc& read) {
  if (wanted.dim != read.dim || wanted.vocab != read.vocab || wanted.max_ctx != read.max_ctx)
    return "its dimensions";
  if (wanted.tied != read.tied) return "whether the head is tied";
  if (wanted.head_bias != read.head_bias) return "the head's bias";
  if (wanted.layer_scale != read.layer_scale) return "the factors of its layers";
  if (wanted.embed_scale != read.embed_scale || !Near(wanted.logit_scale, read.logit_scale) ||
      wanted.logit_cap != read.logit_cap)
    return "the scales of embedding and logits";
  if (wanted.start_token != read.start_token)
    return fmt::format("answers that begin with token {}", wanted.start_token);
  if (wanted.encoder.has_value() != read.encoder.has_value()) return "its encoder";
  if (wanted.encoder) {
    const std::string difference = StackDifference(*wanted.encoder, *read.encoder, " of the encoder");
    if (!difference.empty()) return difference;
  }
  return StackDifference(wanted.decoder, read.decoder, "");
}

}  // namespace sluice::convert
