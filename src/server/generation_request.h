// What both APIs ask for: how to sample, when to stop, what to report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/request.h"
#include "server/answer_reading.h"
#include "server/backend.h"
#include "server/errors.h"
#include "server/fields.h"

namespace sluice::server {

struct GenerationRequest {
  std::vector<std::vector<int32_t>> prompts;  // one for chat
  std::vector<std::string> echoes;            // text in front of each prompt's answers; empty: none
  bool continues = false;                     // answers go on from their prompts: a space at the seam is kept
  int choices = 1;                            // answers computed per prompt
  int kept = 1;                               // answers given per prompt ("n"): the likeliest
  bool prompt_logprobs = false;               // as many as of the answer, for echoes
  std::optional<int64_t> max_tokens;
  engine::SamplingParams sampling;
  bool seeded = false;  // the client chose sampling.seed
  std::vector<std::string> stop;
  bool ignore_end = false;  // answers go on past the model's end tokens
  std::shared_ptr<const AnswerReading> reading;  // null: answers are text
  int top_logprobs = -1;                         // -1: no log probabilities
  bool stream = false, include_usage = false;
  std::vector<std::string> ignored_fields;
};

constexpr int kMaxChoices = 128;

// Reads temperature, top_p, top_k, min_p, penalties, seed, logit_bias, stop, n, stream, stream_options;
// refuses a model that is not served here.
void ReadGeneration(Fields& fields, const Backend& backend, GenerationRequest& request);

// A prompt of this length and answer must fit the context. Sets max_tokens to what is left where it was not
// given.
void CheckLengths(Fields& fields, const Backend& backend, const char* param, GenerationRequest& request);

}  // namespace sluice::server
