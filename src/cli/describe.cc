#include "model/describe.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/load.h"
#include "cli/plan_text.h"
#include "cli/streams.h"
#include "cli/verb.h"
#include "machine/bandwidth.h"

namespace sluice::cli {
namespace {

struct Options {
  std::string model, other;
  bool as_json = false, plan = false;
};

// A model that is opened and understood, its weights found but not read.
struct Known {
  formats::Checkpoint checkpoint;
  model::Described described;
  model::WeightMap weights;
};

Result<Known> Understand(const std::string& path) {
  Known known;
  SLUICE_TRY(known.checkpoint, OpenModel(path));
  SLUICE_TRY(known.described, model::Describe(known.checkpoint));
  SLUICE_TRY(known.weights, model::ResolveWeights(known.checkpoint, known.described));
  return known;
}

// The steps are those of loaded weights: their types decide them.
Result<std::string> PlanOf(const formats::Checkpoint& checkpoint) {
  SLUICE_TRY(const LoadedModel loaded, LoadModel(checkpoint, {}));
  SLUICE_TRY(const machine::Rate bandwidth, machine::ReadBandwidth(*loaded.team));
  return PlanText(model::Compile(*loaded.model), bandwidth.median);
}

Result<int> Describe(const Options& options) {
  SLUICE_TRY(const Known known, Understand(options.model));
  if (!options.other.empty()) {
    SLUICE_TRY(const Known other, Understand(options.other));
    const std::string difference = model::DiffText(known.described, other.described);
    Print(difference.empty() ? "no difference\n" : difference);
  } else if (options.plan) {
    SLUICE_TRY(const std::string text, PlanOf(known.checkpoint));
    Print(text);
  } else if (options.as_json) {
    Print(model::DescribeJson(known.described, &known.weights).dump(2) + "\n");
  } else {
    Print(model::DescribeText(known.described, &known.weights));
  }
  return 0;
}

}  // namespace

void AddDescribe(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "describe",
            "Say what a model is: layers, parameters, bytes and FLOPs per token");
  verb.Argument("MODEL", &options->model, Verb::Need::kOptional,
                "A GGUF file or a Hugging Face folder; the embedded model if not given");
  verb.Flag("--json", &options->as_json, "Print JSON");
  verb.Flag("--plan", &options->plan,
            "List the steps that compute it, with what each reads and the time that takes");
  verb.Text("--diff", "OTHER", &options->other, "Print only what differs in another model");
  verb.Exclude("--json", "--plan");
  verb.Exclude("--diff", "--plan");
  verb.Exclude("--diff", "--json");
  verb.Do([options] { return Describe(*options); });
}

}  // namespace sluice::cli
