#include "engine/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/runner.h"
#include "engine/vocabulary_scan.h"
#include "formats/safetensors.h"

namespace sluice::engine {
namespace {

struct Reference {
  std::vector<int32_t> source;  // of an encoder-decoder model
  std::vector<int32_t> prompt, greedy;
  std::vector<float> logits;      // [prompt][vocab]
  std::vector<float> int8_error;  // [4] or empty
  double largest = 0;             // |logit|
};

Result<Reference> LoadReference(const formats::SafetensorsReader& file, const model::Desc& desc) {
  Reference r;
  const int vocab = desc.vocab;
  SLUICE_TRY(r.prompt, file.Ints("prompt_ids"));
  if (desc.encoder) {
    r.source = std::move(r.prompt);
    if (r.source.empty()) return Fail(ErrorCode::kBadFile, "the reference's source has no tokens");
    SLUICE_TRY(r.prompt, file.Ints("decoder_ids"));
  }
  SLUICE_TRY(r.logits, file.Floats("logits"));
  if (file.tensors().Find("greedy_ids")) {
    SLUICE_TRY(r.greedy, file.Ints("greedy_ids"));
  }
  if (file.tensors().Find("int8_activation_error")) {
    SLUICE_TRY(r.int8_error, file.Floats("int8_activation_error"));
  }
  if (r.prompt.empty() || r.logits.size() != r.prompt.size() * static_cast<size_t>(vocab))
    return Fail(
        ErrorCode::kBadFile,
        fmt::format("the reference holds {} logits for {} prompt tokens; the model's vocabulary is {}",
                    r.logits.size(), r.prompt.size(), vocab),
        "is this the reference of another model?");
  for (float x : r.logits) r.largest = std::max(r.largest, std::abs(static_cast<double>(x)));
  return r;
}

// Of the matrix products of the layers.
double FewestBitsPerWeight(const model::Plan& plan) {
  double fewest = 32;
  const auto see = [&](const model::PackedMatrix& m) {
    if (!m) return;
    const DTypeInfo& type = Info(m.dtype);
    fewest = std::min(fewest, 8.0 * type.block_bytes / type.block_size);
  };
  const auto see_ffn = [&](const std::vector<model::FfnWeights>* experts, const model::FfnWeights* shared) {
    for (const model::FfnWeights* ffn : {experts != nullptr ? experts->data() : nullptr, shared})
      if (ffn != nullptr) see(ffn->up), see(ffn->down);
  };
  for (const model::Step& step : plan.steps) {
    if (const auto* s = std::get_if<model::ResidualStep>(&step.op)) see(*s->matrix);
    if (const auto* s = std::get_if<model::DownStep>(&step.op)) see_ffn(s->experts, s->shared);
    if (const auto* s = std::get_if<model::ProjectStep>(&step.op))
      for (const auto& part : s->parts) see(*part.matrix);
  }
  return fewest;
}

// The largest tolerable error, by what the weights are. A reference that states no error of its own is taken
// to be of the model before it was quantised: each bit less than eight doubles the error.
void SetTolerance(const model::Model& model, const model::Plan& plan, const Reference& r, double asked,
                  VerifyReport* report) {
  model::ActSet acts = 0;
  for (model::ActSet a : plan.acts) acts |= a;
  const bool by32 = acts & model::Bit(kernels::ActType::kQ8x32),
             by256 = acts & model::Bit(kernels::ActType::kQ8x256);
  const bool plain = std::ranges::all_of(plan.steps, [](const model::Step& s) {
    const auto* o = std::get_if<model::ResidualStep>(&s.op);
    return o == nullptr || o->matrix->dtype == DType::kF32;
  });
  if (asked > 0) {
    report->tolerance = asked;
    report->tolerance_basis = "as asked";
  } else if (model.exact || (plain && !by32 && !by256)) {
    report->tolerance = 1e-4;
    report->tolerance_basis = model.exact ? "exact mode" : "F32 weights";
  } else if ((by32 || by256) && r.int8_error.size() == 4) {
    report->tolerance =
        1.5 * (by256 ? std::max(r.int8_error[0], r.int8_error[2]) : r.int8_error[0]) / r.largest;
    report->tolerance_basis = "1.5 x the reference's int8_activation_error";
  } else {
    const double bits = FewestBitsPerWeight(plan);
    report->tolerance = 2e-2 * std::exp2(std::max(0.0, 8 - bits));
    report->tolerance_basis =
        by32 || by256 ? fmt::format("weights of {:.2g} bits, 8-bit activations", bits) : "16-bit weights";
  }
}

void CompareLogits(const Runner& runner, const Reference& r, VerifyReport* report) {
  const size_t vocab = r.logits.size() / r.prompt.size();
  for (size_t t = 0; t < r.prompt.size(); ++t) {
    const std::span<const float> actual = runner.Logits(static_cast<int>(t));
    for (size_t v = 0; v < vocab; ++v) {
      const float expected = r.logits[t * vocab + v];
      const double error = std::abs(static_cast<double>(expected) - actual[v]) / r.largest;
      if (!(error <= report->logits.error))
        report->logits = {std::isnan(error) ? INFINITY : error, static_cast<int64_t>(t),
                          static_cast<int64_t>(v), expected, actual[v]};
    }
  }
  report->positions = static_cast<int64_t>(r.prompt.size());
}

// Choices are sets with weights attached: only which experts, and each one's weight, must agree.
void CompareChoice(std::span<const int32_t> experts, std::span<const float> weights,
                   const backend::RouterTrace::Layer& layer, const char* stack, int number, int64_t position,
                   VerifyReport* report) {
  bool same = true;
  for (size_t i = 0; i < experts.size(); ++i) {
    const auto begin = layer.experts.begin() + position * layer.top_k;
    const auto found = std::find(begin, begin + layer.top_k, experts[i]);
    if (found == begin + layer.top_k) {
      same = false;
      continue;
    }
    const double error =
        std::abs(static_cast<double>(weights[i]) - layer.weights[found - layer.experts.begin()]);
    if (error > report->router_weights.error)
      report->router_weights = {error, stack, number, position, experts[i]};
  }
  ++report->router_choices;
  if (same) return;
  if (report->router_differences++ == 0) {
    report->first_difference_stack = stack;
    report->first_difference_layer = number;
    report->first_difference_position = position;
  }
}

// One of a model's stacks, for messages and in the reference's names.
struct NamedStack {
  const model::Stack* layers;
  const char *words, *prefix;
};

// `moe`: the number of the stack's first MoE layer in the trace; set to that of the next stack's.
Status CompareRouters(const formats::SafetensorsReader& file, const NamedStack& stack,
                      const backend::RouterTrace& trace, int64_t positions, int* moe, VerifyReport* report) {
  for (size_t l = 0; l < stack.layers->layers.size(); ++l) {
    const bool routed = std::ranges::any_of(stack.layers->layers[l], [](const model::Branch& b) {
      return std::holds_alternative<model::Moe>(b.op);
    });
    if (!routed) continue;
    const backend::RouterTrace::Layer& layer = trace.layers[(*moe)++];
    // References count layers of the stack.
    const std::string prefix = fmt::format("{}.{}", stack.prefix, l);
    if (!file.tensors().Find(prefix + ".experts")) continue;
    SLUICE_TRY(const auto experts, file.Ints(prefix + ".experts"));
    SLUICE_TRY(const auto weights, file.Floats(prefix + ".weights"));
    const size_t k = static_cast<size_t>(layer.top_k);
    if (experts.size() != static_cast<size_t>(positions) * k || weights.size() != experts.size())
      return Fail(ErrorCode::kBadFile, fmt::format("{} holds {} choices; {} tokens choose {} experts each",
                                                   prefix, experts.size(), positions, k));
    for (int64_t t = 0; t < positions; ++t)
      CompareChoice(std::span(experts).subspan(t * k, k), std::span(weights).subspan(t * k, k), layer,
                    stack.words, static_cast<int>(l), t, report);
  }
  return {};
}

Status CompareGreedy(Runner& runner, const model::Desc& desc, const Reference& r, VerifyReport* report) {
  report->greedy_tokens = static_cast<int64_t>(r.greedy.size());
  int last = static_cast<int>(r.prompt.size()) - 1;
  if (desc.encoder) {
    runner.Restart();
    SLUICE_CHECK_OK(runner.Append({{desc.start_token}}));
    last = 0;
  }
  int32_t next = ArgMax(runner.Logits(last));
  for (int32_t expected : r.greedy) {
    if (next != expected) break;
    ++report->greedy_equal;
    SLUICE_CHECK_OK(runner.Append({{next}}));
    next = ArgMax(runner.Logits(0));
  }
  return {};
}

Status CompareDecode(Runner& runner, const Reference& r, const std::vector<float>& prefill,
                     VerifyReport* report) {
  const size_t vocab = r.logits.size() / r.prompt.size();
  runner.Restart();
  for (size_t t = 0; t < r.prompt.size(); ++t) {
    SLUICE_CHECK_OK(runner.Append({{r.prompt[t]}}));
    ++report->decode_positions;
    report->decode_equal +=
        std::memcmp(prefill.data() + t * vocab, runner.Logits(0).data(), vocab * sizeof(float)) == 0;
  }
  return {};
}

}  // namespace

Result<VerifyReport> Verify(const model::Model& model, ThreadTeam& team, const std::string& reference,
                            const VerifyOptions& options) {
  SLUICE_TRY(const auto file, formats::SafetensorsReader::Open(reference));
  const model::Desc& desc = model.desc;
  SLUICE_TRY(const Reference r, LoadReference(file, desc));
  SLUICE_TRY(Runner runner, Runner::Create(model, team, options.isa, options.kv,
                                           static_cast<int64_t>(r.prompt.size() + r.greedy.size() + 1),
                                           static_cast<int64_t>(r.source.size())));
  VerifyReport report;
  SetTolerance(model, runner.plan(), r, options.tolerance, &report);

  backend::RouterTrace trace, source_trace;
  if (desc.encoder) SLUICE_CHECK_OK(runner.Encode(r.source, &source_trace));
  SLUICE_CHECK_OK(runner.Append(r.prompt, &trace));
  CompareLogits(runner, r, &report);
  int moe = 0;
  const NamedStack decoder{&desc.decoder, desc.encoder ? "decoder " : "",
                           desc.encoder ? "router.dec" : "router"};
  SLUICE_CHECK_OK(CompareRouters(file, decoder, trace, report.positions, &moe, &report));
  if (desc.encoder) {
    const NamedStack encoder{&*desc.encoder, "encoder ", "router.enc"};
    SLUICE_CHECK_OK(
        CompareRouters(file, encoder, source_trace, static_cast<int64_t>(r.source.size()), &moe, &report));
  }
  std::vector<float> prefill;
  for (size_t t = 0; t < r.prompt.size(); ++t) {
    const auto row = runner.Logits(static_cast<int>(t));
    prefill.insert(prefill.end(), row.begin(), row.end());
  }
  SLUICE_CHECK_OK(CompareGreedy(runner, desc, r, &report));
  SLUICE_CHECK_OK(CompareDecode(runner, r, prefill, &report));
  return report;
}

}  // namespace sluice::engine
