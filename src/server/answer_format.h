// How the pieces of an answer are written for one API.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "server/choice.h"
#include "server/errors.h"

namespace sluice::server {

constexpr int64_t kMostRouted = 1024;

struct Usage {
  int64_t prompt_tokens = 0, completion_tokens = 0;
  int64_t cached_tokens = 0;  // of the prompt, not computed anew
  // Of each choice, where the request asked for it: its first tokens, up to kMostRouted over all choices.
  std::vector<std::vector<engine::TokenRouting>> routing = {};
};

// {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"}
nlohmann::ordered_json ToJson(const Usage& usage);

// Identifies one answer: the same in each of its chunks.
struct AnswerId {
  std::string id;       // "chatcmpl-..."
  int64_t created = 0;  // Unix seconds
  std::string model;

  static AnswerId Make(const std::string& prefix, const std::string& model);
};

// Writes one answer; may keep what it has written so far.
class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;

  // Streaming: bytes of the event stream.
  virtual std::string Begin(size_t choices, const Usage& prompt) = 0;
  virtual std::string More(int index, const ChoiceDelta& delta) = 0;
  virtual std::string End(const Usage& usage) = 0;
  virtual std::string Failure(const ApiError& error) = 0;

  // Not streaming.
  virtual nlohmann::ordered_json Whole(const std::vector<ChoiceDelta>& choices, const Usage& usage) = 0;
};

}  // namespace sluice::server
