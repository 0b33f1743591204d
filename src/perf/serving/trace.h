// Recorded requests: when each came, how long its prompt and its answer were.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::perf {

struct TracedRequest {
  double arrival = 0;  // seconds since the first
  int64_t prompt_tokens = 1, answer_tokens = 1;
  std::vector<int64_t>
      blocks;  // names of the prompt's blocks: equal names, equal tokens; empty: no two are alike
};

struct Trace {
  std::vector<TracedRequest> requests;  // by time of arrival
  int64_t block_tokens = 0;             // tokens of a block

  // Positions that the longest request fills.
  int64_t LongestRequest() const;
};

// Two published forms. CSV: TIMESTAMP,ContextTokens,GeneratedTokens (Azure LLM inference traces, arXiv
// 2311.18677). JSON lines: timestamp in ms, input_length, output_length, hash_ids of blocks of 512 tokens
// (Mooncake, arXiv 2407.00079). kBadFile names the line.
Result<Trace> ReadTrace(const std::string& path);

// How a trace is made to fit a machine.
struct TraceScale {
  int64_t requests = 100;                          // the first ones; 0: all
  double speed = 1;                                // arrivals come so many times faster
  double length = 1;                               // prompts, answers and blocks are so many times longer
  int64_t longest_prompt = 0, longest_answer = 0;  // tokens; longer ones are cut; 0: no limit
};
Trace Scale(Trace trace, const TraceScale& scale);

// The prompt of request i: tokens of `vocabulary`, drawn by the names of its blocks, or by i where it has
// none.
std::vector<int32_t> PromptOf(const Trace& trace, size_t i, std::span<const int32_t> vocabulary);

}  // namespace sluice::perf
