// A model that is ready to answer: checkpoint, tokenizer and engine.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_team.h"
#include "cli/load.h"
#include "cli/sampling_flags.h"
#include "engine/engine.h"
#include "tokenizer/tokenizer.h"

namespace sluice::cli {

struct Session {
  std::string name;
  kernels::Isa isa = kernels::Isa::kScalar;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer;
  std::unique_ptr<ThreadTeam> team;
  std::unique_ptr<engine::Engine> engine;
  std::shared_ptr<const model::Adapter> adapter;  // of new requests; null: none

  // An encoder-decoder model: what is asked is a source, and the answer a text of its own.
  bool ReadsSource() const { return engine->model().desc.encoder.has_value(); }
};

// `engine_options`: isa, threads and kv come from `flags`. An empty path opens the embedded model.
Result<Session> OpenSession(const std::string& path, const ComputeFlags& flags,
                            engine::EngineOptions engine_options);

// A request for what follows `prompt` or, where the model reads sources, for what answers it, which the
// model's end tokens end.
engine::Request NewRequest(const Session& session, std::vector<int32_t> prompt,
                           const SamplingFlags& sampling);

// One answer and what it took.
struct Generation {
  std::string text;
  std::vector<int32_t> ids;
  int64_t prompt_tokens = 0;
  engine::Finish finish = engine::Finish::kStop;
  double prompt_seconds = 0;  // until the first token
  double decode_seconds = 0;  // from the first token to the last

  double DecodeRate() const;  // tokens a second, 0 if fewer than two
};

enum class Answer : uint8_t {
  kReply,     // a text of its own
  kContinue,  // the prompt's text goes on: a space at the seam is kept
};

// Runs one request and hands out its text as it becomes certain. Ctrl-C ends the answer, not the program.
Result<Generation> Generate(Session& session, engine::Request request, Answer answer,
                            const std::function<void(std::string_view)>& on_text);

}  // namespace sluice::cli
