#include "server/chat_prompt.h"

#include <fmt/format.h>

#include "server/json_input.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

namespace {

// For one conversation. Several are rendered at a time, and a body has 16 MiB at most.
constexpr size_t kMostHeapBytes = size_t{128} << 20;

}  // namespace

Result<ChatPrompt> ChatPrompt::For(const tokenizer::Tokenizer& tokenizer) {
  ChatPrompt prompt;
  const std::string_view source = tokenizer.chat_template();
  if (source.empty()) return prompt;
  chat::jinja::Settings settings;
  settings.limits.max_heap_bytes = kMostHeapBytes;
  auto compiled = chat::ChatTemplate::Compile(source, settings);
  if (!compiled) return Fail(chat::jinja::ToError(compiled.error()));
  prompt.template_ = std::move(*compiled);
  prompt.knows_developer_ = source.find("developer") != std::string_view::npos;
  if (const auto bos = tokenizer.bos())
    prompt.special_tokens_.emplace_back("bos_token", tokenizer.TokenSpelling(*bos));
  if (const auto eos = tokenizer.eos())
    prompt.special_tokens_.emplace_back("eos_token", tokenizer.TokenSpelling(*eos));
  prompt.syntax_ = chat::DetectSyntax(source);
  prompt.FindArgumentForm();
  return prompt;
}

// Clients send the arguments of past calls as JSON in a string; some templates want the object. Tells by what
// a template makes of one.
void ChatPrompt::FindArgumentForm() {
  const Json call = {{"id", "call00001"},
                     {"type", "function"},
                     {"function", {{"name", "probe"}, {"arguments", {{"probe_key", "probe_value"}}}}}};
  const Json messages = Json::array({{{"role", "user"}, {"content", "Hi"}},
                                     {{"role", "assistant"}, {"content", ""}, {"tool_calls", {call}}}});
  const auto text = template_->Render(messages, nullptr, nullptr, special_tokens_, chat::LocalNow());
  object_arguments_ =
      text && text->find("probe_key") != std::string::npos && text->find("'probe_key'") == std::string::npos;
}

Json ChatPrompt::Adapt(const Json& messages) const {
  Json adapted = messages;
  for (Json& message : adapted) {
    if (!knows_developer_ && message["role"] == "developer") message["role"] = "system";
    if (!object_arguments_ || !message.contains("tool_calls") || !message["tool_calls"].is_array()) continue;
    for (Json& call : message["tool_calls"]) {
      Json& arguments = call["function"]["arguments"];
      if (!arguments.is_string()) continue;
      const auto parsed = ParseJson(arguments.get_ref<const std::string&>());
      if (parsed && parsed->is_object()) arguments = *parsed;
    }
  }
  return adapted;
}

ApiResult<std::string> ChatPrompt::Render(const ChatInput& input) const {
  if (!template_) return chat::RenderPlain(input.messages);
  auto text =
      template_->Render(Adapt(input.messages), input.tools, input.kwargs, special_tokens_, chat::LocalNow());
  if (text) return std::move(*text);
  const auto& error = text.error();
  if (error.raised())
    return tl::make_unexpected(BadParam("messages", error.message, "chat_template_refused"));
  return tl::make_unexpected(BadParam("messages",
                                      fmt::format("the model's chat template failed on these messages: {}",
                                                  chat::jinja::ToError(error).message),
                                      "template_error"));
}

ApiResult<EncodedChat> ChatPrompt::Encode(const tokenizer::Tokenizer& tokenizer,
                                          const ChatInput& input) const {
  auto text = Render(input);
  if (!text) return tl::make_unexpected(std::move(text).error());
  // A template writes its own special tokens.
  auto ids = tokenizer.Encode(
      *text, {.add_special = !template_.has_value(), .parse_special = template_.has_value()});
  if (!ids) return tl::make_unexpected(BadParam("messages", ids.error().message));
  if (ids->empty()) return tl::make_unexpected(BadParam("messages", "the messages are empty"));
  EncodedChat encoded{std::move(*ids), nullptr};
  if (auto reading = MakeAnswerReading(syntax_, tokenizer)) {
    reading->tools = input.tools;
    reading->in_reasoning = chat::EndsInReasoning(syntax_, *text);
    const size_t last = text->find_last_not_of(" \n");
    const bool ended = last != std::string::npos && !syntax_.think_end.empty() &&
                       std::string_view(*text).substr(0, last + 1).ends_with(syntax_.think_end);
    reading->may_reason = !syntax_.think_end.empty() && !reading->in_reasoning && !ended;
    reading->parallel_calls = input.parallel_calls;
    reading->include_reasoning = input.include_reasoning;
    encoded.reading = std::move(reading);
  }
  return encoded;
}

}  // namespace sluice::server
