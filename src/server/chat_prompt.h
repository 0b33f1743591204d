// A conversation to token ids, by the model's own template or plainly.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "chat/chat_template.h"
#include "server/chat_messages.h"
#include "server/errors.h"
#include "tokenizer/tokenizer.h"

namespace sluice::server {

// Immutable; used by many threads.
class ChatPrompt {
 public:
  // Fails where the vocabulary's template cannot be compiled. Without a template, messages are joined by
  // blank lines.
  static Result<ChatPrompt> For(const tokenizer::Tokenizer& tokenizer);

  ApiResult<std::vector<int32_t>> Encode(const tokenizer::Tokenizer& tokenizer, const ChatInput& input) const;

 private:
  std::optional<chat::ChatTemplate> template_;
  chat::SpecialTokens special_tokens_;
  bool knows_developer_ = false;  // the template treats that role itself

  ApiResult<std::string> Render(const ChatInput& input) const;
};

}  // namespace sluice::server
