// How the pieces of an answer are written for one API.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "server/choice.h"

namespace sluice::server {

struct Usage {
  int64_t prompt_tokens = 0, completion_tokens = 0;
  int64_t cached_tokens = 0;  // of the prompt, not computed anew
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

class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;

  // Streaming. Each gives complete "choices" entries; Chunk puts them into an envelope.
  virtual nlohmann::ordered_json FirstDelta(int index) const = 0;  // null: nothing comes before the text
  virtual nlohmann::ordered_json Delta(int index, const ChoiceDelta& delta) const = 0;
  virtual const char* chunk_object() const = 0;

  // Not streaming: one entry for a whole answer.
  virtual nlohmann::ordered_json Whole(int index, const ChoiceDelta& whole) const = 0;
  virtual const char* object() const = 0;
};

}  // namespace sluice::server
