// One answer while it is written: tokens come in, text goes out that no later token can change or stop.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/answer_parser.h"
#include "engine/request.h"
#include "server/answer_reading.h"
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
  bool first = false;          // of the prompt: it has no probability, for nothing stands before it
};

// More of one call of a tool.
struct CallDelta {
  int index = 0;
  std::string id, name;   // with the first delta of a call alone
  std::string arguments;  // JSON, or a piece of it
};

struct ChoiceDelta {
  std::string text, reasoning;
  std::vector<CallDelta> calls;
  std::vector<TokenLogprobs> logprobs;
  std::optional<std::string> stop_string;    // the one that ended the answer
  std::optional<std::string> finish_reason;  // "stop", "length", "tool_calls", "error"

  bool empty() const {
    return text.empty() && reasoning.empty() && calls.empty() && logprobs.empty() && !finish_reason;
  }
  void Append(ChoiceDelta more);
};

// Not thread-safe.
class Choice {
 public:
  // The references and `reading` (may be null: everything is text) must outlive the choice. `offset`:
  // characters of the answer in front of the first token. `show_special`: special tokens are part of the
  // text.
  Choice(const tokenizer::Tokenizer& tokenizer, const std::vector<std::string>& stop,
         const AnswerReading* reading, bool logprobs, int64_t offset, bool show_special = false);

  // The log probabilities of `prompt` are wanted with the first event. Before it.
  void DescribePrompt(std::span<const int32_t> prompt) { described_prompt_ = prompt; }

  // The answer's text goes on from that of `prompt`. Before the first event.
  void ContinueFrom(std::span<const int32_t> prompt);

  // The text that became certain with this event. After a finish reason, later events are ignored.
  ChoiceDelta Take(const engine::Event& event);

  bool finished() const { return finished_; }
  // Finished here while the engine is still computing: a stop string came.
  bool stopped_by_text() const { return stopped_by_text_; }
  int64_t tokens() const { return tokens_; }
  // Mean over the tokens, if the engine was asked for log probabilities.
  double mean_logprob() const { return tokens_ == 0 ? 0 : logprob_sum_ / static_cast<double>(tokens_); }

 private:
  const tokenizer::Tokenizer& tokenizer_;
  const std::vector<std::string>& stop_;
  const AnswerReading* reading_;
  bool logprobs_;
  std::unique_ptr<chat::AnswerParser> parser_;  // with `reading_`
  bool called_ = false;                         // a tool
  tokenizer::StreamDecoder decoder_;
  std::string held_;  // decoded, but possibly the beginning of a stop string
  bool finished_ = false, stopped_by_text_ = false;
  int64_t tokens_ = 0;
  double logprob_sum_ = 0;
  std::span<const int32_t> described_prompt_;
  int64_t offset_;  // of the next token

  TokenLogprobs Describe(const engine::TokenOutput& token);
  void AddPrompt(const std::vector<engine::TokenOutput>& described, ChoiceDelta& delta);
  void Decode(int32_t id);
  // Takes the text of `delta` apart.
  void Parse(ChoiceDelta& delta);
  void AddCallPiece(const chat::AnswerPiece& piece, ChoiceDelta& delta) const;
  ChoiceDelta TakeText(const engine::Event& event);
  // Moves from held_ what can be sent; gives the stop string that was found, which ends the text, or null.
  const std::string* Release(bool last, std::string& out);
};

int64_t CountCharacters(std::string_view text);

// The text of one token alone. Text that is not UTF-8 is shown with U+FFFD.
TokenText DescribeToken(const tokenizer::Tokenizer& tokenizer, int32_t id, float logprob);

}  // namespace sluice::server
