#include "perf/fit.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/load.h"
#include "cli/streams.h"
#include "cli/verb.h"
#include "convert/shapes.h"
#include "model/family.h"

namespace sluice::cli {
namespace {

constexpr int64_t kUsualContext = 4096;  // what run and serve take where nothing is asked for

struct Options {
  std::string model;
  int64_t context = 0;
  ComputeFlags compute;
  bool as_json = false;
};

// What is known of a model without reading its weights; without `weights`, only its configuration is there.
struct Header {
  model::Described described;
  std::optional<model::WeightMap> weights;
  formats::Checkpoint checkpoint;
};

bool HasWeights(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::filesystem::path extension = entry.path().extension();
    if (extension == ".gguf" || extension == ".safetensors") return true;
  }
  return false;
}

// A config.json, a folder with nothing else to read, or the name of a published shape.
bool IsConfigOnly(const std::string& model) {
  std::error_code error;
  if (std::filesystem::is_directory(model, error)) return !HasWeights(model);
  const auto shapes = convert::ShapeNames();
  return model.ends_with(".json") || std::ranges::find(shapes, model) != shapes.end();
}

Result<Header> ReadHeader(const std::string& model) {
  Header header;
  if (IsConfigOnly(model)) {
    SLUICE_TRY(const model::Config config, convert::ReadShape(model, 0));
    SLUICE_TRY(header.described, model::Describe(config));
    return header;
  }
  SLUICE_TRY(header.checkpoint, OpenModel(model));
  SLUICE_TRY(header.described, model::Describe(header.checkpoint));
  SLUICE_TRY(header.weights, model::ResolveWeights(header.checkpoint, header.described));
  return header;
}

Result<int> RunFit(const Options& options) {
  SLUICE_TRY(const Header header, ReadHeader(options.model));
  const model::Desc& desc = header.described.desc;
  SLUICE_TRY(const Compute compute, ChooseCompute(options.compute));
  std::vector<perf::Storage> storages = perf::Storages(desc, header.weights ? &*header.weights : nullptr);
  SLUICE_TRY(perf::FitMachine machine, perf::MeasureForFit(*compute.team, compute.isa, storages));
  const int64_t most = desc.max_ctx;
  const int64_t context = options.context > 0 ? options.context : std::min(most, kUsualContext);
  const perf::FitReport report =
      perf::MakeFitReport(ModelName(options.model), desc, std::move(storages), std::move(machine), context,
                          options.compute.Kv().value_or(kernels::KvType::kF16));
  Print(options.as_json ? perf::FitJson(report).dump(2) + "\n" : perf::FitText(report));
  return 0;
}

}  // namespace

void AddFit(CLI::App& program, Action& action) {
  constexpr int64_t kMostContext = int64_t{1} << 30;
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "fit",
            "Say what a model needs, and how fast it would be here, from its header alone");
  verb.Argument("MODEL", &options->model, Verb::Need::kOptional,
                "A GGUF file, a Hugging Face folder, a config.json, or a shape that synth knows");
  verb.Integer("--ctx", &options->context, 0, kMostContext,
               "Tokens of context; 0 for the model's own, at most 4096 (default)");
  options->compute.AddTo(verb);
  verb.Flag("--json", &options->as_json, "Print JSON");
  verb.Do([options] { return RunFit(*options); });
}

}  // namespace sluice::cli
