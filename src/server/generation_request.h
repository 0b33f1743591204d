// What both APIs ask for: how to sample, when to stop, what to report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "constrain/matcher.h"
#include "engine/request.h"
#include "server/answer_reading.h"
#include "server/backend.h"
#include "server/errors.h"
#include "server/fields.h"
#include "server/http_message.h"

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
  bool ignore_end = false;                              // answers go on past the model's end tokens
  std::shared_ptr<const AnswerReading> reading;         // null: answers are text
  std::shared_ptr<constrain::CompiledGrammar> grammar;  // null: answers are free
  int priority = 0;                                     // lower comes first
  double seconds = 0;                                   // that each answer may take; 0: any time
  int top_logprobs = -1;                                // -1: no log probabilities
  bool stream = false, include_usage = false;
  bool return_routing = false;  // the experts that each token chose
  std::vector<std::string> ignored_fields;
};

constexpr int kMaxChoices = 128;

// Reads temperature, top_p, top_k, min_p, penalties, seed, logit_bias, stop, n, priority, timeout,
// stream, stream_options;
// refuses a model that is not served here.
void ReadGeneration(Fields& fields, const Backend& backend, GenerationRequest& request);

// The field "model", if it is there, names what is served here.
void ReadModel(Fields& fields, const Backend& backend);
// The field "timeout", in seconds; 0 if it is not there.
double ReadTimeout(Fields& fields);
int ReadPriority(Fields& fields);
// A list of token ids, as `param` holds it.
ApiResult<std::vector<int32_t>> ReadIds(const nlohmann::ordered_json& ids, const Backend& backend,
                                        const char* param);

// "x-request-timeout: SECONDS", which has the same meaning as the field "timeout" and goes before it.
// Changes *seconds if the header is there.
ApiResult<void> ReadTimeoutHeader(const HttpRequest& http, double* seconds);

// A prompt of this length and answer must fit the context. Sets max_tokens to what is left where it was not
// given.
void CheckLengths(Fields& fields, const Backend& backend, const char* param, GenerationRequest& request);

}  // namespace sluice::server
