#include "convert/pack.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <csignal>
#include <memory>
#include <optional>

#include "cli/interrupt.h"
#include "cli/load.h"
#include "cli/progress.h"
#include "cli/streams.h"
#include "cli/text_windows.h"
#include "cli/verb.h"
#include "convert/to_gguf.h"
#include "engine/collect_inputs.h"
#include "tokenizer/tokenizer.h"

namespace sluice::cli {
namespace {

constexpr int kInterrupted = 130;

struct Options {
  std::string input, output;
  std::string recipe = "keep";
  std::string container = "packed";
  std::string text, importance;
  int64_t threads = 0, tokens = 1 << 16;
};

// What the model reads while it runs over the text.
Result<convert::Importance> Calibrate(const Options& options, const formats::Checkpoint& checkpoint) {
  SLUICE_TRY(const auto tokenizer, tokenizer::LoadTokenizer(checkpoint));
  SLUICE_TRY(const TextWindows text, ReadWindows(options.text, *tokenizer, {.tokens = options.tokens}));
  ComputeFlags flags;
  flags.threads = options.threads;
  SLUICE_TRY(const LoadedModel loaded, LoadModel(checkpoint, flags, /*names=*/true));
  SLUICE_TRY(std::vector<engine::MatrixInputs> inputs,
             engine::CollectInputs(*loaded.model, *loaded.team, loaded.isa, text.windows,
                                   ShowCount("calibrating", "windows")));
  convert::Importance importance;
  for (engine::MatrixInputs& i : inputs)
    importance.Add(i.name.canonical, i.name.layer, i.name.expert, {std::move(i.squares), i.tokens});
  importance.Finish();
  if (!options.importance.empty()) SLUICE_CHECK_OK(importance.Save(options.importance));
  return importance;
}

Result<std::optional<convert::Importance>> FindImportance(const Options& options,
                                                          const formats::Checkpoint& checkpoint) {
  if (options.text.empty() && options.importance.empty()) return std::nullopt;
  if (options.text.empty()) {
    SLUICE_TRY(convert::Importance known, convert::Importance::Load(options.importance));
    return known;
  }
  SLUICE_TRY(convert::Importance collected, Calibrate(options, checkpoint));
  return collected;
}

std::string Summary(const Options& options, const convert::PackReport& report,
                    const std::optional<convert::Importance>& importance) {
  std::string text;
  for (const auto& share : report.shares)
    text += fmt::format("  {:<10} {:>8.1f} million parameters, {:>6.3f} bits each, {}\n",
                        convert::Name(share.weights), static_cast<double>(share.parameters) / 1e6,
                        share.bits(), ByteCount(static_cast<double>(share.bytes)));
  if (importance)
    text += fmt::format("  the text woke {} of {} experts; the others take the mean of their layer\n",
                        importance->experts() - importance->experts_never_woken(), importance->experts());
  return text + fmt::format("{}: {} tensors, {:.3f} bits per weight, {}\n", options.output, report.tensors,
                            report.total().bits(), ByteCount(static_cast<double>(report.file_bytes)));
}

Result<int> Pack(const Options& options) {
  if (options.container != "packed" && options.container != "gguf")
    return Fail(ErrorCode::kUsage, fmt::format("--to {}: is no container", options.container),
                "packed (default) starts at once; gguf is read by other programs too");
  // A file-size limit shall be an error, not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  SLUICE_TRY(const convert::Recipe recipe, convert::ReadRecipe(options.recipe));
  SLUICE_TRY(const formats::Checkpoint checkpoint, OpenModel(options.input));
  SLUICE_TRY(const std::optional<convert::Importance> importance, FindImportance(options, checkpoint));
  const InterruptScope interrupt({SIGINT, SIGTERM, SIGHUP});
  convert::PackOptions pack{.output = options.output,
                            .recipe = recipe,
                            .importance = importance ? &*importance : nullptr,
                            .threads = static_cast<int>(options.threads),
                            .progress = {},
                            .interrupted = [&interrupt] { return interrupt.Asked(); }};
  if (const auto show = ShowProgress("packing"))
    pack.progress = [show](uint64_t done, uint64_t total) {
      show(static_cast<int64_t>(done), static_cast<int64_t>(total));
    };
  SLUICE_TRY(const convert::PackReport report, options.container == "gguf"
                                                   ? convert::PackToGguf(checkpoint, pack)
                                                   : convert::PackModel(checkpoint, pack));
  if (report.interrupted) {
    fmt::print(stderr, "\nsluice: interrupted; {} was not written\n", options.output);
    return kInterrupted;
  }
  Print(Summary(options, report, importance));
  return 0;
}

}  // namespace

void AddPack(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "pack", "Write a model as one file that starts at once, quantising on the way");
  const std::string recipes = fmt::format("{}, or a file", fmt::join(convert::RecipeNames(), ", "));
  verb.Argument("IN", &options->input, Verb::Need::kRequired, "A GGUF file or a Hugging Face folder");
  verb.Argument("OUT", &options->output, Verb::Need::kRequired, "The file to write");
  verb.Text("--recipe", "RECIPE", &options->recipe, recipes.c_str());
  verb.Text("--to", "CONTAINER", &options->container, "packed (default), or gguf for other programs");
  verb.Text("--calibrate", "TEXT", &options->text,
            "Run the model over this file first and quantise best what it reads most");
  verb.Integer("--tokens", &options->tokens, 1, INT64_MAX, "Of the text to calibrate with (default 65536)");
  verb.Text("--imatrix", "FILE", &options->importance,
            "An importance matrix: read, or written if --calibrate makes one");
  verb.Integer("--threads", &options->threads, 0, 1024, "Threads; 0 for one per core (default)");
  verb.Do([options] { return Pack(*options); });
}

}  // namespace sluice::cli
