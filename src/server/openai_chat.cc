#include "server/openai_chat.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "server/chat_messages.h"
#include "server/openai_format.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

namespace {

Json BytesOf(const std::string& text) {
  Json bytes = Json::array();
  for (const char byte : text) bytes.push_back(static_cast<unsigned char>(byte));
  return bytes;
}

Json TokenEntry(const TokenText& token) {
  return {{"token", token.text}, {"logprob", token.logprob}, {"bytes", BytesOf(token.bytes)}};
}

Json Logprobs(const ChoiceDelta& delta) {
  if (delta.logprobs.empty()) return nullptr;
  Json content = Json::array();
  for (const TokenLogprobs& token : delta.logprobs) {
    Json entry = TokenEntry(token.token);
    Json& top = entry["top_logprobs"] = Json::array();
    for (const TokenText& other : token.top) top.push_back(TokenEntry(other));
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

Json FinishReason(const ChoiceDelta& delta) {
  return delta.finish_reason ? Json(*delta.finish_reason) : Json();
}

// A stream numbers its calls, and names each only once.
Json CallEntry(const CallDelta& call, bool streamed) {
  Json entry = Json::object();
  if (streamed) entry["index"] = call.index;
  Json function = Json::object();
  if (!call.name.empty()) {
    entry["id"] = call.id;
    entry["type"] = "function";
    function["name"] = call.name;
  }
  function["arguments"] = call.arguments;
  entry["function"] = std::move(function);
  return entry;
}

class Format final : public OpenAiFormat {
 public:
  using OpenAiFormat::OpenAiFormat;

 private:
  Json FirstDelta(int index) const override {
    return {{"index", index},
            {"delta", {{"role", "assistant"}, {"content", ""}}},
            {"logprobs", nullptr},
            {"finish_reason", nullptr}};
  }
  Json Delta(int index, const ChoiceDelta& delta) const override {
    Json added = Json::object();
    if (!delta.reasoning.empty()) added["reasoning_content"] = delta.reasoning;
    if (!delta.text.empty()) added["content"] = delta.text;
    for (const CallDelta& call : delta.calls)
      added["tool_calls"].push_back(CallEntry(call, /*streamed=*/true));
    return {{"index", index},
            {"delta", std::move(added)},
            {"logprobs", Logprobs(delta)},
            {"finish_reason", FinishReason(delta)}};
  }
  const char* chunk_object() const override { return "chat.completion.chunk"; }
  Json WholeChoice(int index, const ChoiceDelta& whole) const override {
    Json message = {{"role", "assistant"}, {"content", whole.text}, {"refusal", nullptr}};
    if (!whole.reasoning.empty()) message["reasoning_content"] = whole.reasoning;
    for (const CallDelta& call : whole.calls)
      message["tool_calls"].push_back(CallEntry(call, /*streamed=*/false));
    if (whole.text.empty() && !whole.calls.empty()) message["content"] = nullptr;
    return {{"index", index},
            {"message", std::move(message)},
            {"logprobs", Logprobs(whole)},
            {"finish_reason", FinishReason(whole)}};
  }
  const char* object() const override { return "chat.completion"; }
};

void ReadMaxTokens(Fields& fields, GenerationRequest& request) {
  const auto old_name = fields.Integer("max_tokens", 1, INT32_MAX);
  const auto new_name = fields.Integer("max_completion_tokens", 1, INT32_MAX);
  if (old_name && new_name)
    fields.Refuse(BadParam("max_tokens", "give 'max_completion_tokens' or 'max_tokens', not both"));
  request.max_tokens = new_name ? new_name : old_name;
}

void ReadLogprobs(Fields& fields, GenerationRequest& request) {
  const bool wanted = fields.Bool("logprobs").value_or(false);
  const auto top = fields.Integer("top_logprobs", 0, 20);
  if (top && !wanted)
    fields.Refuse(BadParam("top_logprobs", "'top_logprobs' is only allowed when 'logprobs' is true"));
  if (wanted) request.top_logprobs = static_cast<int>(top.value_or(0));
}

void RefuseUnsupported(Fields& fields) {
  if (const Json* modalities = fields.Raw("modalities"))
    if (*modalities != Json::array({"text"}))
      fields.Refuse(BadParam("modalities", "only text is supported here", "unsupported_value"));
  if (fields.Raw("audio") != nullptr)
    fields.Refuse(BadParam("audio", "audio is not supported here", "unsupported_value"));
}

}  // namespace

ApiResult<GenerationRequest> ReadChatRequest(const Json& body, const Backend& backend,
                                             const ChatPrompt& chat_prompt, AnswerGrammars& grammars) {
  Fields fields(body);
  GenerationRequest request;
  if (backend.reads_source() && !chat_prompt.has_template())
    fields.Refuse(
        BadParam("messages",
                 "this model answers a source text and has no chat template; send the text as the 'prompt' "
                 "of /v1/completions",
                 "unsupported_value"));
  ReadGeneration(fields, backend, request);
  ReadMaxTokens(fields, request);
  ReadLogprobs(fields, request);
  RefuseUnsupported(fields);
  const AnswerForm form = ReadAnswerForm(fields);
  const ChatInput input = ReadChatInput(fields);
  request.ignored_fields = fields.Unknown();
  if (!fields.ok()) return tl::make_unexpected(fields.error());
  auto prompt = chat_prompt.Encode(backend.tokenizer(), input);
  if (!prompt) return tl::make_unexpected(std::move(prompt).error());
  request.prompts.push_back(std::move(prompt->ids));
  request.reading = std::move(prompt->reading);
  auto grammar = grammars.For({form, request.reading.get(), input.tool_choice});
  if (!grammar) return tl::make_unexpected(std::move(grammar).error());
  request.grammar = std::move(*grammar);
  CheckLengths(fields, backend, "messages", request);
  if (!fields.ok()) return tl::make_unexpected(fields.error());
  return request;
}

std::unique_ptr<AnswerFormat> ChatFormat(AnswerId id, bool include_usage) {
  return std::make_unique<Format>(std::move(id), include_usage);
}

}  // namespace sluice::server
