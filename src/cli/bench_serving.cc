#include "cli/bench_serving.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/streams.h"
#include "machine/topology.h"
#include "perf/serving/contest.h"
#include "perf/serving/served_program.h"
#include "tokenizer/tokenizer.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

// Every token that is text.
Result<std::vector<int32_t>> OrdinaryTokens(const std::string& model) {
  SLUICE_TRY(const formats::Checkpoint checkpoint, OpenModel(model));
  SLUICE_TRY(const auto tokenizer, tokenizer::LoadTokenizer(checkpoint));
  std::vector<int32_t> ids;
  for (int32_t id = 0; id < tokenizer->vocab_size(); ++id)
    if (!tokenizer->IsSpecial(id) && !tokenizer->TokenSpelling(id).empty()) ids.push_back(id);
  if (ids.empty())
    return Fail(ErrorCode::kBadFile,
                fmt::format("{}: the vocabulary has no ordinary token", ModelName(model)));
  return ids;
}

Result<perf::Endpoint> NewEndpoint() {
  SLUICE_TRY(const uint16_t port, perf::FreePort());
  const char* key = std::getenv("SLUICE_API_KEY");
  return perf::Endpoint{.port = port, .api_key = key == nullptr ? "" : key};
}

Result<perf::Contestant> Ourselves(const ServingBench& bench, int64_t context, int64_t together,
                                   int threads) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return Fail(ErrorCode::kOs, fmt::format("our own program is not known: {}", error.message()));
  SLUICE_TRY(perf::Endpoint endpoint, NewEndpoint());
  std::vector<std::string> arguments = {"serve"};
  if (!bench.model.empty()) arguments.push_back(bench.model);
  for (const std::string& argument :
       {std::string("--host"), endpoint.host, std::string("--port"), std::to_string(endpoint.port),
        std::string("--threads"), std::to_string(threads), std::string("--ctx"), std::to_string(context),
        std::string("--kv-tokens"), std::to_string(context * together)})
    arguments.push_back(argument);
  if (!bench.compute.isa.empty()) arguments.insert(arguments.end(), {"--isa", bench.compute.isa});
  if (bench.compute.exact) arguments.push_back("--exact");
  arguments.insert(arguments.end(), {"--kv-type", bench.compute.kv_type});
  return perf::Contestant{"sluice", program.string(), std::move(arguments), std::move(endpoint)};
}

// With the options of llama.cpp's llama-server: as many slots as we hold requests, each with the whole
// context.
Result<perf::Contestant> PeerServer(const ServingBench& bench, const ServingFlags& flags, int64_t context,
                                    int threads) {
  if (!bench.model.ends_with(".gguf"))
    return Fail(ErrorCode::kUsage, "--peer compares on one GGUF file, and the model is none",
                "sluice bench MODEL.gguf --serve TRACE --peer PROGRAM");
  SLUICE_TRY(perf::Endpoint endpoint, NewEndpoint());
  std::vector<std::string> arguments = {"-m",     bench.model,
                                        "--host", endpoint.host,
                                        "--port", std::to_string(endpoint.port),
                                        "-t",     std::to_string(threads),
                                        "-tb",    std::to_string(threads),
                                        "-c",     std::to_string(context * flags.together),
                                        "-np",    std::to_string(flags.together)};
  std::istringstream more(flags.peer_arguments);
  for (std::string argument; more >> argument;) arguments.push_back(argument);
  return perf::Contestant{fs::path(bench.peer).filename().string(), bench.peer, std::move(arguments),
                          std::move(endpoint)};
}

}  // namespace

void ServingFlags::AddTo(Verb& verb) {
  constexpr int64_t kMost = 1 << 20;
  verb.Text("--serve", "TRACE", &trace,
            "Replay recorded requests against `sluice serve` instead; with --peer, against that server too");
  verb.Integer("--requests", &scale.requests, 0, kMost, "Of the trace, the first so many; 0: all");
  verb.Real("--speed", &scale.speed, 1e-6, 1e6, "They come so many times faster than recorded");
  verb.Real("--length", &scale.length, 1e-6, 1e3, "Prompts and answers are so many times as long");
  verb.Integer("--longest-prompt", &scale.longest_prompt, 0, kMost, "Cut longer ones, in tokens; 0: do not");
  verb.Integer("--longest-answer", &scale.longest_answer, 0, kMost, "The same of answers");
  verb.Integer("--together", &together, 1, 4096, "The cache holds so many requests of the longest kind");
  verb.Real("--good-first", &level.first_token, 0, 1e6, "A good answer begins within so many seconds");
  verb.Real("--good-next", &level.next_token, 0, 1e6, "And takes no more for each further token");
  verb.Text("--peer-arguments", "TEXT", &peer_arguments, "Further arguments of the peer's server");
}

Result<int> BenchServing(const ServingBench& bench, const ServingFlags& flags) {
  SLUICE_TRY(perf::Trace trace, perf::ReadTrace(flags.trace));
  trace = perf::Scale(std::move(trace), flags.scale);
  SLUICE_TRY(const std::vector<int32_t> vocabulary, OrdinaryTokens(bench.model));
  std::vector<perf::TimedRequest> requests;
  for (size_t i = 0; i < trace.requests.size(); ++i)
    requests.push_back(
        {trace.requests[i].arrival, perf::PromptOf(trace, i, vocabulary), trace.requests[i].answer_tokens});
  const int threads = ThreadCount(bench.compute);
  constexpr int64_t kPage = 32;  // whole pages, for both
  const int64_t context = (trace.LongestRequest() / kPage + 1) * kPage;
  std::vector<perf::Contestant> contestants;
  SLUICE_TRY(perf::Contestant ours, Ourselves(bench, context, flags.together, threads));
  contestants.push_back(std::move(ours));
  if (!bench.peer.empty()) {
    SLUICE_TRY(perf::Contestant peer, PeerServer(bench, flags, context, threads));
    contestants.push_back(std::move(peer));
  }
  SLUICE_TRY(const auto rounds, perf::RunContest(contestants, requests, bench.rounds, flags.level));
  const perf::ContestOrigin origin{SLUICE_VERSION, machine::ReadTopology().model, ModelName(bench.model),
                                   fs::path(flags.trace).filename().string(), flags.level};
  Print(bench.as_json ? perf::ContestJson(contestants, rounds, origin).dump(2) + "\n"
                      : perf::ContestText(contestants, rounds, origin));
  return 0;
}

}  // namespace sluice::cli
