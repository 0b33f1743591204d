#include "engine/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/load.h"
#include "cli/progress.h"
#include "cli/streams.h"
#include "cli/text_windows.h"
#include "cli/verb.h"
#include "tokenizer/tokenizer.h"

namespace sluice::cli {
namespace {

using engine::CompareReport;

constexpr int64_t kLongestWindow = 1 << 20;

struct Options {
  std::string model, reference, text;
  ComputeFlags compute;
  WindowOptions windows;
  bool as_json = false;
};

double Share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 1;
}

std::string AsText(const CompareReport& r) {
  std::string text = fmt::format("{} windows, {} tokens predicted\n", r.windows, r.tokens);
  text += fmt::format("perplexity   {:.4f}, reference {:.4f}: {:+.2f} % (standard error {:.2f} %)\n",
                      r.perplexity, r.reference_perplexity, 100 * r.perplexity_change,
                      100 * r.perplexity_change_error);
  text += fmt::format("divergence   {:.5f} nats a token; 99 % below {:.4f}, largest {:.3f}\n",
                      r.mean_divergence, r.p99_divergence, r.largest_divergence);
  text += fmt::format("likeliest    the same token {:.2f} % of the time\n",
                      100 * Share(r.same_top_token, r.tokens));
  if (r.router_choices == 0) return text;
  return text + fmt::format(
                    "router       the same set of experts in {:.2f} % of choices, in every layer for "
                    "{:.2f} % of tokens; {:.2f} % of experts\n",
                    100 * Share(r.same_expert_set, r.router_choices),
                    100 * Share(r.same_everywhere, r.routed_tokens),
                    100 * Share(r.experts_shared, r.experts_chosen));
}

std::string AsJson(const CompareReport& r) {
  const nlohmann::ordered_json json = {
      {"windows", r.windows},
      {"tokens", r.tokens},
      {"perplexity", r.perplexity},
      {"reference_perplexity", r.reference_perplexity},
      {"perplexity_change", r.perplexity_change},
      {"perplexity_change_error", r.perplexity_change_error},
      {"mean_divergence", r.mean_divergence},
      {"p99_divergence", r.p99_divergence},
      {"largest_divergence", r.largest_divergence},
      {"same_top_token", Share(r.same_top_token, r.tokens)},
      {"same_expert_set", Share(r.same_expert_set, r.router_choices)},
      {"same_expert_sets_in_every_layer", Share(r.same_everywhere, r.routed_tokens)},
      {"shared_experts", Share(r.experts_shared, r.experts_chosen)}};
  return json.dump(2) + "\n";
}

Result<int> RunCompare(const Options& options) {
  SLUICE_TRY(const formats::Checkpoint checkpoint, OpenModel(options.model));
  SLUICE_TRY(const formats::Checkpoint reference, OpenModel(options.reference));
  SLUICE_TRY(const auto tokenizer, tokenizer::LoadTokenizer(reference));
  SLUICE_TRY(LoadedModel loaded, LoadModel(checkpoint, options.compute));
  SLUICE_TRY(const std::unique_ptr<model::Model> other,
             model::LoadModel(reference, *loaded.team,
                              {.exact = options.compute.exact, .progress = ShowProgress("loading")}));
  WindowOptions wanted = options.windows;
  wanted.window = std::min<int64_t>(wanted.window, loaded.model->desc.max_ctx);
  SLUICE_TRY(const TextWindows text, ReadWindows(options.text, *tokenizer, wanted));
  const auto highest = [](const std::vector<int32_t>& w) { return *std::ranges::max_element(w); };
  for (const auto& window : text.windows)
    if (highest(window) >= loaded.model->desc.vocab)
      return Fail(ErrorCode::kUsage, fmt::format("token {} is outside the vocabulary of {}", highest(window),
                                                 loaded.model->desc.vocab));
  SLUICE_TRY(const CompareReport report, engine::Compare(*loaded.model, *other, *loaded.team, text.windows,
                                                         {.isa = loaded.isa,
                                                          .kv = options.compute.Kv(),
                                                          .unscored = 1,
                                                          .progress = ShowCount("comparing", "windows")}));
  Print(options.as_json ? AsJson(report) : AsText(report));
  return 0;
}

}  // namespace

void AddCompare(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "compare", "Say what a model loses against another version of itself on a text");
  verb.Argument("MODEL", &options->model, Verb::Need::kRequired, "A quantised or packed model");
  verb.Argument("REFERENCE", &options->reference, Verb::Need::kRequired, "What it was made from");
  verb.Text("--text", "FILE", &options->text, "Plain text that neither has been trained on");
  verb.Require("--text");
  verb.Integer("--window", &options->windows.window, 3, kLongestWindow, "Tokens read at once (default 512)");
  verb.Integer("--tokens", &options->windows.tokens, 0, INT64_MAX, "Of the text; 0 for all (default)");
  options->compute.AddTo(verb);
  verb.Flag("--json", &options->as_json, "Print the result as JSON");
  verb.Do([options] { return RunCompare(*options); });
}

}  // namespace sluice::cli
