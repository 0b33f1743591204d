#include "server/openai_completions.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <span>

#include "server/openai_format.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

namespace {

constexpr int64_t kDefaultMaxTokens = 16;
constexpr size_t kMaxAnswers = 256;  // prompts times choices

class Format final : public OpenAiFormat {
 public:
  using OpenAiFormat::OpenAiFormat;

 private:
  Json FirstDelta(int) const override { return nullptr; }
  Json Delta(int index, const ChoiceDelta& delta) const override { return Entry(index, delta); }
  const char* chunk_object() const override { return "text_completion"; }
  Json WholeChoice(int index, const ChoiceDelta& whole) const override { return Entry(index, whole); }
  const char* object() const override { return "text_completion"; }

  static Json Entry(int index, const ChoiceDelta& delta) {
    return {{"index", index},
            {"text", delta.text},
            {"logprobs", Logprobs(delta)},
            {"finish_reason", delta.finish_reason ? Json(*delta.finish_reason) : Json()}};
  }

  static Json Logprobs(const ChoiceDelta& delta) {
    if (delta.logprobs.empty()) return nullptr;
    Json tokens = Json::array(), token_logprobs = Json::array(), top_logprobs = Json::array(),
         offsets = Json::array();
    for (const TokenLogprobs& entry : delta.logprobs) {
      tokens.push_back(entry.token.text);
      offsets.push_back(entry.offset);
      token_logprobs.push_back(entry.first ? Json() : Json(entry.token.logprob));
      Json top = Json::object();
      for (const TokenText& other : entry.top)
        if (!top.contains(other.text)) top[other.text] = other.logprob;
      top_logprobs.push_back(entry.first ? Json() : std::move(top));
    }
    return {{"tokens", std::move(tokens)},
            {"token_logprobs", std::move(token_logprobs)},
            {"top_logprobs", std::move(top_logprobs)},
            {"text_offset", std::move(offsets)}};
  }
};

class PromptReader {
 public:
  PromptReader(Fields& fields, const Backend& backend, GenerationRequest& request)
      : fields_(fields), backend_(backend), request_(request) {}

  void Read() {
    const Json* prompt = fields_.Raw("prompt");
    if (prompt == nullptr)
      return Refuse("'prompt' is missing: a string, a list of strings, token ids, or lists of token ids");
    if (prompt->is_string()) return AddText(*prompt);
    if (!prompt->is_array() || prompt->empty())
      return Refuse("'prompt' must be a string or a list that is not empty");
    if (prompt->front().is_number()) return AddIds(*prompt);
    if (prompt->size() * static_cast<size_t>(request_.choices) > kMaxAnswers)
      return Refuse(fmt::format("{} prompts times {} answers are more than {}", prompt->size(),
                                request_.choices, kMaxAnswers));
    for (const Json& one : *prompt) {
      if (one.is_string())
        AddText(one);
      else if (one.is_array())
        AddIds(one);
      else
        Refuse("the prompts must all be strings or lists of token ids");
    }
  }

 private:
  Fields& fields_;
  const Backend& backend_;
  GenerationRequest& request_;

  void Refuse(std::string message) { fields_.Refuse(BadParam("prompt", std::move(message))); }

  void AddText(const std::string& text) {
    if (text.empty()) return Refuse("the prompt is empty");
    auto ids = backend_.tokenizer().Encode(text);
    if (!ids) return Refuse(ids.error().message);
    if (ids->empty()) return Refuse("the prompt has no tokens");
    request_.prompts.push_back(std::move(*ids));
    request_.echoes.push_back(text);
  }

  void AddIds(const Json& ids) {
    auto prompt = ReadIds(ids, backend_, "prompt");
    if (!prompt) return fields_.Refuse(prompt.error());
    request_.echoes.push_back(backend_.tokenizer().Decode(*prompt));
    request_.prompts.push_back(std::move(*prompt));
  }
};

void ReadBestOf(Fields& fields, GenerationRequest& request) {
  if (const auto best_of = fields.Integer("best_of", 1, kMaxChoices)) {
    if (*best_of < request.kept)
      fields.Refuse(BadParam("best_of", fmt::format("'best_of' is {}, less than the {} answers of 'n'",
                                                    *best_of, request.kept)));
    if (*best_of > request.kept && request.stream)
      fields.Refuse(BadParam("best_of", "'best_of' above 'n' is not allowed when 'stream' is true"));
    request.choices = static_cast<int>(*best_of);
  }
  if (const auto suffix = fields.Text("suffix"); suffix && !suffix->empty())
    fields.Refuse(BadParam("suffix", "'suffix' is not supported here", "unsupported_value"));
}

}  // namespace

ApiResult<GenerationRequest> ReadCompletionRequest(const Json& body, const Backend& backend,
                                                   AnswerGrammars& grammars) {
  Fields fields(body);
  GenerationRequest request;
  request.continues = !backend.reads_source();
  ReadGeneration(fields, backend, request);
  request.max_tokens = fields.Integer("max_tokens", 0, INT32_MAX).value_or(kDefaultMaxTokens);
  if (const auto logprobs = fields.Integer("logprobs", 0, 5))
    request.top_logprobs = static_cast<int>(*logprobs);
  const bool echo = fields.Bool("echo").value_or(false);
  if (request.max_tokens == 0 && !echo)
    fields.Refuse(BadParam("max_tokens", "'max_tokens' may be 0 only with 'echo'"));
  request.prompt_logprobs = echo && request.top_logprobs >= 0;
  if (request.prompt_logprobs && backend.reads_source())
    fields.Refuse(BadParam("echo", "this model answers a source text, which has no log probabilities",
                           "unsupported_value"));
  ReadBestOf(fields, request);
  const AnswerForm form = ReadAnswerForm(fields);
  if (fields.ok()) PromptReader(fields, backend, request).Read();
  if (!echo) request.echoes.clear();
  request.ignored_fields = fields.Unknown();
  CheckLengths(fields, backend, "prompt", request);
  if (!fields.ok()) return tl::make_unexpected(fields.error());
  auto grammar = grammars.For({.form = form, .continues = request.continues});
  if (!grammar) return tl::make_unexpected(std::move(grammar).error());
  request.grammar = std::move(*grammar);
  return request;
}

std::unique_ptr<AnswerFormat> CompletionFormat(AnswerId id, bool include_usage) {
  return std::make_unique<Format>(std::move(id), include_usage);
}

}  // namespace sluice::server
