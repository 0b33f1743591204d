#include "server/chat_prompt.h"

#include <fmt/format.h>

#include "server/json_input.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

Result<ChatPrompt> ChatPrompt::For(const tokenizer::Tokenizer& tokenizer) {
  ChatPrompt prompt;
  const std::string_view source = tokenizer.chat_template();
  if (source.empty()) return prompt;
  auto compiled = chat::ChatTemplate::Compile(source);
  if (!compiled) return Fail(chat::jinja::ToError(compiled.error()));
  prompt.template_ = std::move(*compiled);
  prompt.knows_developer_ = source.find("developer") != std::string_view::npos;
  if (const auto bos = tokenizer.bos())
    prompt.special_tokens_.emplace_back("bos_token", tokenizer.TokenSpelling(*bos));
  if (const auto eos = tokenizer.eos())
    prompt.special_tokens_.emplace_back("eos_token", tokenizer.TokenSpelling(*eos));
  return prompt;
}

ApiResult<std::string> ChatPrompt::Render(const ChatInput& input) const {
  if (!template_) return chat::RenderPlain(input.messages);
  Json messages = input.messages;
  if (!knows_developer_)
    for (Json& message : messages)
      if (message["role"] == "developer") message["role"] = "system";
  auto text = template_->Render(messages, input.tools, input.kwargs, special_tokens_, chat::LocalNow());
  if (text) return std::move(*text);
  const auto& error = text.error();
  if (error.raised())
    return tl::make_unexpected(BadParam("messages", error.message, "chat_template_refused"));
  return tl::make_unexpected(BadParam("messages",
                                      fmt::format("the model's chat template failed on these messages: {}",
                                                  chat::jinja::ToError(error).message),
                                      "chat_template_failed"));
}

ApiResult<std::vector<int32_t>> ChatPrompt::Encode(const tokenizer::Tokenizer& tokenizer,
                                                   const ChatInput& input) const {
  auto text = Render(input);
  if (!text) return tl::make_unexpected(std::move(text).error());
  // A template writes its own special tokens.
  auto ids = tokenizer.Encode(
      *text, {.add_special = !template_.has_value(), .parse_special = template_.has_value()});
  if (!ids) return tl::make_unexpected(BadParam("messages", ids.error().message));
  if (ids->empty()) return tl::make_unexpected(BadParam("messages", "the messages are empty"));
  return std::move(*ids);
}

}  // namespace sluice::server
