#include "server/tokenizer_routes.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace sluice::server {

using Json = nlohmann::ordered_json;

namespace {

ApiResult<std::vector<int32_t>> EncodeBody(Fields& fields, const Backend& backend,
                                           const ChatPrompt& chat_prompt) {
  if (fields.Raw("messages") != nullptr) {
    const ChatInput input = ReadChatInput(fields);
    if (!fields.ok()) return tl::make_unexpected(fields.error());
    return chat_prompt.Encode(backend.tokenizer(), input).map([](EncodedChat&& chat) {
      return std::move(chat.ids);
    });
  }
  const auto prompt = fields.Text("prompt");
  const bool add_special = fields.Bool("add_special_tokens").value_or(true);
  if (!prompt) fields.Refuse(BadParam("prompt", "give a 'prompt' or 'messages'"));
  if (!fields.ok()) return tl::make_unexpected(fields.error());
  auto ids = backend.tokenizer().Encode(*prompt, {.add_special = add_special});
  if (!ids) return tl::make_unexpected(BadParam("prompt", ids.error().message));
  return std::move(*ids);
}

}  // namespace

ApiResult<Json> Tokenize(const Json& body, const Backend& backend, const ChatPrompt& chat_prompt) {
  Fields fields(body);
  const auto ids = EncodeBody(fields, backend, chat_prompt);
  if (!ids) return tl::make_unexpected(ids.error());
  Json answer = {{"tokens", *ids}, {"count", ids->size()}, {"max_model_len", backend.context()}};
  if (fields.Bool("return_token_strs").value_or(false)) {
    Json& spellings = answer["token_strs"] = Json::array();
    for (const int32_t id : *ids) spellings.push_back(backend.tokenizer().TokenSpelling(id));
  }
  if (!fields.ok()) return tl::make_unexpected(fields.error());
  return answer;
}

ApiResult<Json> Detokenize(const Json& body, const Backend& backend) {
  Fields fields(body);
  const Json* tokens = fields.Raw("tokens");
  if (tokens == nullptr || !tokens->is_array())
    fields.Refuse(BadParam("tokens", "'tokens' must be a list of ids"));
  if (!fields.ok()) return tl::make_unexpected(fields.error());
  std::vector<int32_t> ids;
  const int32_t vocabulary = backend.tokenizer().vocab_size();
  for (const Json& id : *tokens) {
    if (!id.is_number_integer() || id < 0 || id >= vocabulary)
      return tl::make_unexpected(BadParam("tokens", fmt::format("{} is no token id; the vocabulary has {}",
                                                                id.dump().substr(0, 40), vocabulary)));
    ids.push_back(id);
  }
  return Json{{"prompt", backend.tokenizer().Decode(ids)}};
}

ApiResult<Json> ApplyTemplate(const Json& body, const ChatPrompt& chat_prompt) {
  Fields fields(body);
  const ChatInput input = ReadChatInput(fields);
  if (!fields.ok()) return tl::make_unexpected(fields.error());
  return chat_prompt.Render(input).map([](std::string&& text) { return Json{{"prompt", std::move(text)}}; });
}

Json TokenizerInfo(const Backend& backend) {
  const tokenizer::Tokenizer& tokenizer = backend.tokenizer();
  const auto spelling = [&](std::optional<int32_t> id) {
    return id ? Json(tokenizer.TokenSpelling(*id)) : Json();
  };
  Json info = {{"model", backend.model_name()},          {"vocab_size", tokenizer.vocab_size()},
               {"model_max_length", backend.context()},  {"bos_token", spelling(tokenizer.bos())},
               {"eos_token", spelling(tokenizer.eos())}, {"chat_template", nullptr}};
  if (!tokenizer.chat_template().empty()) info["chat_template"] = std::string(tokenizer.chat_template());
  return info;
}

}  // namespace sluice::server
