#include "engine/verify.h"

#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/load.h"
#include "cli/streams.h"
#include "cli/verb.h"

namespace sluice::cli {
namespace {

using engine::VerifyReport;
using nlohmann::json;

constexpr int kDisagrees = 1;

struct Options {
  std::string model, reference;
  ComputeFlags compute;
  double tolerance = 0;  // 0: by weight type
  bool as_json = false;
};

std::string Line(std::string_view what, bool agrees, std::string_view how) {
  return fmt::format("{:<8} {}  {}\n", what, agrees ? "agrees " : "DIFFERS", how);
}

std::string LogitText(const VerifyReport& r) {
  return fmt::format(
      "{} positions; largest error {:.2g} of the largest logit (tolerance {:.2g}: {})\n"
      "                  at position {}, token {}: {:.6g}, expected {:.6g}",
      r.positions, r.logits.error, r.tolerance, r.tolerance_basis, r.logits.position, r.logits.token,
      r.logits.actual, r.logits.expected);
}

std::string RouterText(const VerifyReport& r) {
  if (r.router_choices == 0) return "the reference has none";
  std::string text = fmt::format("{} of {} choices of experts equal", r.router_choices - r.router_differences,
                                 r.router_choices);
  if (r.router_differences > 0)
    text += fmt::format("; the first that differs is in {}layer {}, position {}", r.first_difference_stack,
                        r.first_difference_layer, r.first_difference_position);
  return text +
         fmt::format("\n                  largest weight error {:.2g}, in {}layer {}, position {}, expert {}",
                     r.router_weights.error, r.router_weights.stack, r.router_weights.layer,
                     r.router_weights.position, r.router_weights.expert);
}

std::string AsText(const VerifyReport& r) {
  return Line("logits", r.logits_agree(), LogitText(r)) +
         Line("router", r.router_differences == 0, RouterText(r)) +
         Line("greedy", r.greedy_equal == r.greedy_tokens,
              fmt::format("{} of {} tokens equal, from the first on", r.greedy_equal, r.greedy_tokens)) +
         Line("decode", r.decode_equal == r.decode_positions,
              fmt::format("token by token gives prefill's bits at {} of {} positions", r.decode_equal,
                          r.decode_positions)) +
         (r.ok() ? "The model agrees with the reference.\n"
                 : "The model does NOT agree with the reference.\n");
}

// JSON has no infinity.
json Number(double x) { return std::isfinite(x) ? json(x) : json(); }

// "encoder", "decoder", or null where a model has one stack.
json Stack(std::string_view words) {
  return words.empty() ? json() : json(words.substr(0, words.size() - 1));
}

std::string AsJson(const VerifyReport& r, const LoadedModel& loaded) {
  const json logits = {{"error", Number(r.logits.error)},
                       {"position", r.logits.position},
                       {"token", r.logits.token},
                       {"actual", Number(r.logits.actual)},
                       {"expected", Number(r.logits.expected)}};
  const json router = {{"choices", r.router_choices},
                       {"differences", r.router_differences},
                       {"first_difference",
                        {{"stack", Stack(r.first_difference_stack)},
                         {"layer", r.first_difference_layer},
                         {"position", r.first_difference_position}}},
                       {"weight_error", Number(r.router_weights.error)},
                       {"weight_error_at",
                        {{"stack", Stack(r.router_weights.stack)},
                         {"layer", r.router_weights.layer},
                         {"position", r.router_weights.position},
                         {"expert", r.router_weights.expert}}}};
  const json report = {{"ok", r.ok()},
                       {"isa", kernels::Name(loaded.isa)},
                       {"exact", loaded.model->exact},
                       {"tolerance", r.tolerance},
                       {"tolerance_basis", r.tolerance_basis},
                       {"positions", r.positions},
                       {"logits", logits},
                       {"router", router},
                       {"greedy", {{"tokens", r.greedy_tokens}, {"equal", r.greedy_equal}}},
                       {"decode", {{"positions", r.decode_positions}, {"same_bits", r.decode_equal}}}};
  return report.dump(2) + "\n";
}

Result<int> RunVerify(const Options& options) {
  SLUICE_TRY(const formats::Checkpoint checkpoint, OpenModel(options.model));
  SLUICE_TRY(const LoadedModel loaded, LoadModel(checkpoint, options.compute));
  engine::VerifyOptions verify{.isa = loaded.isa, .tolerance = options.tolerance};
  verify.kv = options.compute.Kv().value_or(verify.kv);
  SLUICE_TRY(const VerifyReport report,
             engine::Verify(*loaded.model, *loaded.team, options.reference, verify));
  Print(options.as_json ? AsJson(report, loaded) : AsText(report));
  return report.ok() ? 0 : kDisagrees;
}

}  // namespace

void AddVerify(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "verify",
            "Compare a model with a reference's logits, router choices and continuation");
  verb.Argument("MODEL", &options->model, Verb::Need::kRequired, "A GGUF file or a Hugging Face folder");
  verb.Text("--reference", "FILE", &options->reference,
            "What the reference answered (safetensors; see docs/cli.md)");
  verb.Require("--reference");
  verb.Real("--tolerance", &options->tolerance, 0, 1,
            "Of the largest logit; by default what the weight type allows");
  options->compute.AddTo(verb);
  verb.Flag("--json", &options->as_json, "Print the result as JSON");
  verb.Do([options] { return RunVerify(*options); });
}

}  // namespace sluice::cli
