// One answer while it is written: tokens come in, text goes out that no later token can change or stop.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "tokenizer/tokenizer.h"

namespace sluice::server {

// One token as a client sees it, with its log probability.
struct TokenText {
  std::string text;   // valid UTF-8
  std::string bytes;  // what the token really stands for
  float logprob = 0;
};

struct TokenLogprobs {
  int64_t offset = 0;  // of the token in the answer's text, in characters
  TokenText token;
  std::vector<TokenText> top;  // best first
};

struct ChoiceDelta {
  std::string text;
  std::vector<TokenLogprobs> logprobs;
  std::optional<std::string> finish_reason;  // "stop", "length", "error"
};

// Not thread-safe.
class Choice {
 public:
  // `stop` and `tokenizer` must outlive the choice. `offset`: characters of the answer in front of the first
  // token.
  Choice(const tokenizer::Tokenizer& tokenizer, const std::vector<std::string>& stop, bool logprobs,
         int64_t offset);

  // The answer's text goes on from that of `prompt`. Before the first event.
  void ContinueFrom(std::span<const int32_t> prompt);

  // The text that became certain with this event. After a finish reason, later events are ignored.
  ChoiceDelta Take(const engine::Event& event);

  bool finished() const { return finished_; }
  // Finished here while the engine is still computing: a stop string came.
  bool stopped_by_text() const { return stopped_by_text_; }
  int64_t tokens() const { return tokens_; }

 private:
  const tokenizer::Tokenizer& tokenizer_;
  const std::vector<std::string>& stop_;
  bool logprobs_;
  tokenizer::StreamDecoder decoder_;
  std::string held_;  // decoded, but possibly the beginning of a stop string
  bool finished_ = false, stopped_by_text_ = false;
  int64_t tokens_ = 0;
  int64_t offset_;  // of the next token

  TokenLogprobs Describe(const engine::TokenOutput& token);
  // Moves from held_ what can be sent; true if a stop string was found, which ends the text.
  bool Release(bool last, std::string& out);
};

int64_t CountCharacters(std::string_view text);

// The text of one token alone. Text that is not UTF-8 is shown with U+FFFD.
TokenText DescribeToken(const tokenizer::Tokenizer& tokenizer, int32_t id, float logprob);

}  // namespace sluice::server
