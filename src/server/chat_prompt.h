// A conversation to token ids, by the model's own template or plainly.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "chat/chat_template.h"
#include "server/answer_reading.h"
#include "server/chat_messages.h"
#include "server/errors.h"
#include "tokenizer/tokenizer.h"

namespace sluice::server {

struct EncodedChat {
  std::vector<int32_t> ids;
  std::shared_ptr<const AnswerReading> reading;  // null: the answer is text
};

// Immutable; used by many threads.
class ChatPrompt {
 public:
  // Fails where the vocabulary's template cannot be compiled. Without a template, messages are joined by
  // blank lines.
  static Result<ChatPrompt> For(const tokenizer::Tokenizer& tokenizer);

  bool has_template() const { return template_.has_value(); }
  ApiResult<EncodedChat> Encode(const tokenizer::Tokenizer& tokenizer, const ChatInput& input) const;
  ApiResult<std::string> Render(const ChatInput& input) const;

 private:
  std::optional<chat::ChatTemplate> template_;
  chat::SpecialTokens special_tokens_;
  bool knows_developer_ = false;   // the template treats that role itself
  bool object_arguments_ = false;  // it takes the arguments of past calls as objects, not as JSON in a string
  chat::AnswerSyntax syntax_;

  void FindArgumentForm();
  nlohmann::ordered_json Adapt(const nlohmann::ordered_json& messages) const;
};

}  // namespace sluice::server
