// What has been said, as a prompt for the model: a chat where the model has a template, one growing text
// where not, and each text on its own where the model reads sources.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/session.h"
#include "tokenizer/tokenizer.h"

namespace sluice::cli {

class Conversation {
 public:
  virtual ~Conversation() = default;

  virtual Answer answer() const = 0;
  bool IsChat() const { return answer() == Answer::kReply; }
  // In a sentence about a model without a chat template; empty for a chat.
  virtual std::string Habit() const { return {}; }
  // The prompt after the user has said `text`, of at most `room` tokens: what is oldest is forgotten first.
  virtual Result<std::vector<int32_t>> Say(const std::string& text, int64_t room) = 0;
  // What the model answered to that.
  virtual void Answered(const std::string& text, const std::vector<int32_t>& ids) = 0;
  virtual void Reset() = 0;
};

// `tokenizer` must outlive the conversation.
Result<std::unique_ptr<Conversation>> StartConversation(const tokenizer::Tokenizer& tokenizer,
                                                        bool reads_source = false);

}  // namespace sluice::cli
