// Another engine's benchmark program, run on the same file for comparison.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "perf/workload.h"

namespace sluice::perf {

// Programs with the options and the JSON output of llama.cpp's.
struct Peer {
  std::string program;          // llama-bench: one sequence; empty: not compared
  std::string batched_program;  // llama-batched-bench: several decoded together; empty: not compared
  std::string model_file;
  int threads = 1;
};

struct PeerCommand {
  std::string program;
  std::vector<std::string> arguments;

  bool operator==(const PeerCommand&) const = default;
};

// What makes a peer do `work` once; nothing if no program for it is given.
std::optional<PeerCommand> CommandFor(const Peer& peer, const Work& work);

// Tokens a second from what either program printed. kBadFile: that is not its JSON.
Result<double> ReadPeerOutput(const std::string& output);

// Runs a program, loading included, and gives the tokens a second that it measured; nothing if none is given
// for that work.
Result<std::optional<double>> RunPeer(const Peer& peer, const Work& work);

}  // namespace sluice::perf
