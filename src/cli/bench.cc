#include "perf/bench.h"
#include "perf/build_commit.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/bench_serving.h"
#include "cli/load.h"
#include "cli/number_list.h"
#include "cli/streams.h"
#include "cli/verb.h"
#include "machine/topology.h"
#include "perf/load_time.h"
#include "perf/report.h"

namespace sluice::cli {
namespace {

constexpr int64_t kMostTokens = 1 << 20, kMostSequences = 1024;

struct Options {
  std::string model, peer, peer_batched;
  std::string prefill = "512", depth = "0", batch = "8";
  int64_t tokens = 64, repeat = 5, batch_tokens = 512;
  ComputeFlags compute;
  bool profile = false, load = false, as_json = false;
  ServingFlags serving;
};

// Decoding goes first: it is what most readers look for.
Result<std::vector<perf::Work>> Works(const Options& options) {
  using Kind = perf::Work::Kind;
  SLUICE_TRY(const std::vector<int64_t> prefill, ParseNumbers("--prefill", options.prefill, 1, kMostTokens));
  SLUICE_TRY(const std::vector<int64_t> depth, ParseNumbers("--depth", options.depth, 0, kMostTokens));
  SLUICE_TRY(const std::vector<int64_t> batch, ParseNumbers("--batch", options.batch, 1, kMostSequences));
  std::vector<perf::Work> works;
  for (const int64_t n : prefill) works.push_back({.kind = Kind::kPrefill, .tokens = n});
  for (const int64_t n : depth)
    works.push_back({.kind = Kind::kDecode, .tokens = options.tokens, .depth = n});
  for (const int64_t n : batch)
    works.push_back(
        {.kind = Kind::kDecode, .tokens = std::max<int64_t>(1, options.tokens / n), .sequences = n});
  if (works.empty())
    return Fail(ErrorCode::kUsage, "nothing is asked for: --prefill, --depth and --batch are all empty",
                "sluice bench --help");
  return works;
}

// The peer's programs read the same file.
Result<std::optional<perf::Peer>> PeerOf(const Options& options, int threads) {
  if (options.peer.empty() && options.peer_batched.empty()) return std::nullopt;
  if (!options.model.ends_with(".gguf"))
    return Fail(ErrorCode::kUsage, "--peer compares on one GGUF file, and the model is none",
                "sluice bench MODEL.gguf --peer PROGRAM");
  return perf::Peer{options.peer, options.peer_batched, options.model, threads};
}

Result<int> BenchLoading(const Options& options) {
  SLUICE_TRY(const formats::Checkpoint checkpoint, OpenModel(options.model));
  SLUICE_TRY(const Compute compute, ChooseCompute(options.compute));
  const auto load = [&] {
    return model::LoadModel(checkpoint, *compute.team, {.exact = options.compute.exact});
  };
  size_t bytes = 0;
  for (const MappedFile& file : checkpoint.files) bytes += file.bytes().size();
  SLUICE_TRY(const perf::LoadTimes times,
             perf::MeasureLoading(load, static_cast<int64_t>(bytes), compute.team->size(), options.repeat));
  const perf::Origin origin{SLUICE_VERSION, machine::ReadTopology().model, ModelName(options.model)};
  Print(options.as_json ? perf::LoadJson(times, origin).dump(2) + "\n" : perf::LoadText(times, origin));
  return 0;
}

Result<int> Bench(const Options& options) {
  if (options.load) return BenchLoading(options);
  if (!options.serving.trace.empty())
    return BenchServing({options.model, options.peer, options.compute, options.repeat, options.as_json},
                        options.serving);
  SLUICE_TRY(std::vector<perf::Work> works, Works(options));
  SLUICE_TRY(const formats::Checkpoint checkpoint, OpenModel(options.model));
  SLUICE_TRY(LoadedModel loaded, LoadModel(checkpoint, options.compute));
  SLUICE_TRY(std::optional<perf::Peer> peer, PeerOf(options, loaded.team->size()));
  const perf::BenchOptions bench{.works = std::move(works),
                                 .rounds = options.repeat,
                                 .profile = options.profile,
                                 .work = {.isa = loaded.isa,
                                          .kv = options.compute.Kv(),
                                          .batch_tokens = static_cast<int>(options.batch_tokens)},
                                 .peer = std::move(peer)};
  const auto load = [&]() -> Result<std::unique_ptr<model::Model>> {
    if (loaded.model != nullptr) return std::move(loaded.model);
    return model::LoadModel(checkpoint, *loaded.team, {.exact = options.compute.exact});
  };
  SLUICE_TRY(const perf::BenchResult result, perf::RunBench(load, *loaded.team, bench));
  const perf::Origin origin{SLUICE_VERSION, perf::BuildCommit(), machine::ReadTopology().model,
                            ModelName(options.model)};
  if (options.as_json)
    Print(perf::BenchJson(result, origin).dump(2) + "\n");
  else
    Print(perf::BenchText(result, origin) + perf::ProfileText(result));
  return 0;
}

}  // namespace

void AddBench(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "bench", "Measure speed, and compare it with what this machine could do");
  verb.Argument("MODEL", &options->model, Verb::Need::kOptional,
                "A GGUF file or a Hugging Face folder; the embedded model if not given");
  verb.Text("--prefill", "N,...", &options->prefill, "Prompts of so many tokens [512]");
  verb.Integer("--tokens", &options->tokens, 1, kMostTokens, "Tokens to decode, over all sequences");
  verb.Text("--depth", "N,...", &options->depth, "Decode one sequence after so many tokens of context [0]");
  verb.Text("--batch", "N,...", &options->batch, "Decode so many sequences together [8]");
  verb.Integer("--repeat", &options->repeat, 1, 1000, "Rounds; each measures everything once");
  verb.Integer("--batch-tokens", &options->batch_tokens, 1, 1 << 16, "Tokens of a prompt computed at once");
  verb.Text("--peer", "PROGRAM", &options->peer,
            "Run a peer's bench program on the same file in turn, and compare");
  verb.Text("--peer-batched", "PROGRAM", &options->peer_batched,
            "The same for sequences decoded together: its batched bench program");
  verb.Flag("--load", &options->load, "Measure only how fast the model is loaded");
  options->serving.AddTo(verb);
  options->compute.AddTo(verb);
  verb.Flag("--profile", &options->profile, "Print where the time goes, by step of the plan");
  verb.Flag("--json", &options->as_json, "Print the result as JSON");
  verb.Exclude("--load", "--peer");
  verb.Exclude("--load", "--peer-batched");
  verb.Exclude("--load", "--profile");
  verb.Do([options] { return Bench(*options); });
}

}  // namespace sluice::cli
