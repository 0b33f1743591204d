#include "perf/peer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "perf/child_process.h"

namespace sluice::perf {

std::optional<std::vector<std::string>> PeerArguments(const Peer& peer, const Work& work) {
  if (work.sequences > 1) return std::nullopt;
  const bool prefill = work.kind == Work::Kind::kPrefill;
  const std::string tokens = std::to_string(work.tokens), none = "0";
  std::vector<std::string> arguments = {"-m", peer.model_file,
                                        "-t", std::to_string(peer.threads),
                                        "-p", prefill ? tokens : none,
                                        "-n", prefill ? none : tokens,
                                        "-r", "1",
                                        "-o", "json"};
  if (work.depth > 0) arguments.insert(arguments.end(), {"-d", std::to_string(work.depth)});
  return arguments;
}

Result<double> ReadPeerOutput(const std::string& output) {
  const nlohmann::json json = nlohmann::json::parse(output, nullptr, /*allow_exceptions=*/false);
  const bool one = json.is_array() && json.size() == 1 && json[0].is_object();
  const auto rate = one ? json[0].find("avg_ts") : json.end();
  if (!one || rate == json[0].end() || !rate->is_number() || rate->get<double>() <= 0)
    return Fail(
        ErrorCode::kBadFile,
        fmt::format("the peer printed no speed: {}", output.empty() ? "nothing" : output.substr(0, 200)),
        "docs/measuring.md says which programs can be compared");
  return rate->get<double>();
}

Result<std::optional<double>> RunPeer(const Peer& peer, const Work& work) {
  const std::optional<std::vector<std::string>> arguments = PeerArguments(peer, work);
  if (!arguments) return std::nullopt;
  SLUICE_TRY(const std::string output, RunProgram(peer.program, *arguments));
  SLUICE_TRY(const double rate, ReadPeerOutput(output));
  return rate;
}

}  // namespace sluice::perf
