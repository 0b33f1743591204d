#include "convert/synth.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "cli/progress.h"
#include "cli/streams.h"
#include "cli/verb.h"

namespace sluice::cli {
namespace {

constexpr int64_t kMostLayers = 100000;

struct Options {
  convert::SynthOptions synth;
  int64_t layers = 0, seed = 1;
};

Result<int> Synth(const Options& options) {
  convert::SynthOptions synth = options.synth;
  synth.layers = static_cast<int>(options.layers);
  synth.seed = static_cast<uint64_t>(options.seed);
  if (const auto show = ShowProgress("writing"))
    synth.progress = [show](uint64_t done, uint64_t total) {
      show(static_cast<int64_t>(done), static_cast<int64_t>(total));
    };
  SLUICE_TRY(const convert::SynthReport report, convert::Synthesize(synth));
  Print(fmt::format("{}: {} tensors, {:.2f} billion parameters, {}\n", synth.output, report.tensors,
                    static_cast<double>(report.parameters) / 1e9,
                    ByteCount(static_cast<double>(report.bytes))));
  return 0;
}

}  // namespace

void AddSynth(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "synth",
            "Write a model of random weights at a published shape, to measure speed with");
  const std::string shapes = fmt::format("{}, or a config.json", fmt::join(convert::ShapeNames(), ", "));
  verb.Argument("SHAPE", &options->synth.shape, Verb::Need::kRequired, shapes.c_str());
  verb.Argument("OUT", &options->synth.output, Verb::Need::kRequired, "The GGUF file to write");
  verb.Text("--type", "TYPE", &options->synth.types, "A mix such as Q4_K_M (default) or a block type");
  verb.Integer("--layers", &options->layers, 0, kMostLayers, "The first N layers only");
  verb.Integer("--seed", &options->seed, 0, INT64_MAX, "The same seed gives the same file");
  verb.Do([options] { return Synth(*options); });
}

}  // namespace sluice::cli
