// Another engine's benchmark program, run on the same file for comparison.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "perf/workload.h"

namespace sluice::perf {

// A program with the options and the JSON output of llama.cpp's llama-bench.
struct Peer {
  std::string program, model_file;
  int threads = 1;
};

// The arguments that make it do `work` once; nothing if it cannot (several sequences at once).
std::optional<std::vector<std::string>> PeerArguments(const Peer& peer, const Work& work);

// Tokens a second from what it printed. kBadFile: that is not its JSON.
Result<double> ReadPeerOutput(const std::string& output);

// Runs it, loading included, and gives the tokens a second that it measured; nothing if it cannot do that
// work.
Result<std::optional<double>> RunPeer(const Peer& peer, const Work& work);

}  // namespace sluice::perf
