#include "perf/peer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "perf/child_process.h"

namespace sluice::perf {

namespace {

using Arguments = std::vector<std::string>;

Arguments OneSequence(const Work& work) {
  const bool prefill = work.kind == Work::Kind::kPrefill;
  const std::string tokens = std::to_string(work.tokens), none = "0";
  Arguments arguments = {"-p", prefill ? tokens : none, "-n", prefill ? none : tokens, "-r", "1", "-o", "json"};
  if (work.depth > 0) arguments.insert(arguments.end(), {"-d", std::to_string(work.depth)});
  return arguments;
}

// Each sequence begins with a prompt of one token, and has a cache of its own, of whole blocks.
Arguments SeveralSequences(const Work& work) {
  constexpr int64_t kPrompt = 1, kBlock = 256;
  const int64_t blocks = (kPrompt + work.tokens + kBlock - 1) / kBlock;
  return {"-npp", std::to_string(kPrompt),
          "-ntg", std::to_string(work.tokens),
          "-npl", std::to_string(work.sequences),
          "-c",   std::to_string(work.sequences * blocks * kBlock),
          "--output-format", "jsonl"};
}

}  // namespace

std::optional<PeerCommand> CommandFor(const Peer& peer, const Work& work) {
  const bool several = work.sequences > 1;
  const std::string& program = several ? peer.batched_program : peer.program;
  if (program.empty()) return std::nullopt;
  PeerCommand command{program, {"-m", peer.model_file, "-t", std::to_string(peer.threads)}};
  const Arguments rest = several ? SeveralSequences(work) : OneSequence(work);
  command.arguments.insert(command.arguments.end(), rest.begin(), rest.end());
  return command;
}

Result<double> ReadPeerOutput(const std::string& output) {
  const nlohmann::json json = nlohmann::json::parse(output, nullptr, /*allow_exceptions=*/false);
  const nlohmann::json& entry = json.is_array() && json.size() == 1 ? json[0] : json;
  for (const char* name : {"avg_ts", "speed_tg"}) {
    if (!entry.is_object() || !entry.contains(name) || !entry[name].is_number()) continue;
    if (const double rate = entry[name].get<double>(); rate > 0) return rate;
  }
  return Fail(
      ErrorCode::kBadFile,
      fmt::format("the peer printed no speed: {}", output.empty() ? "nothing" : output.substr(0, 200)),
      "docs/measuring.md says which programs can be compared");
}

Result<std::optional<double>> RunPeer(const Peer& peer, const Work& work) {
  const std::optional<PeerCommand> command = CommandFor(peer, work);
  if (!command) return std::nullopt;
  SLUICE_TRY(const std::string output, RunProgram(command->program, command->arguments));
  SLUICE_TRY(const double rate, ReadPeerOutput(output));
  return rate;
}

}  // namespace sluice::perf
