#include "server/openai_format.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "server/json_input.h"
#include "server/sse.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

Json ToJson(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
}

namespace {

// {"routing": [{"choice", "tokens": [{"position", "experts": [[...] per layer], "weights"}]}]}
Json OurOwn(const Usage& usage) {
  Json choices = Json::array();
  for (const auto& routed : usage.routing) {
    Json tokens = Json::array();
    for (const engine::TokenRouting& token : routed) {
      Json experts = Json::array(), weights = Json::array();
      for (const auto& layer : token.layers) {
        Json& chosen = experts.emplace_back(Json::array());
        Json& factors = weights.emplace_back(Json::array());
        for (const auto& [expert, weight] : layer) {
          chosen.push_back(expert);
          factors.push_back(std::round(static_cast<double>(weight) * 1e6) / 1e6);
        }
      }
      tokens.push_back(
          {{"position", token.position}, {"experts", std::move(experts)}, {"weights", std::move(weights)}});
    }
    choices.push_back({{"choice", choices.size()}, {"tokens", std::move(tokens)}});
  }
  return {{"routing", std::move(choices)}};
}

}  // namespace

Json OpenAiFormat::Envelope(const char* object) const {
  return {{"id", id_.id}, {"object", object}, {"created", id_.created}, {"model", id_.model}};
}

std::string OpenAiFormat::Chunk(Json choice) const {
  Json chunk = Envelope(chunk_object());
  chunk["choices"] = Json::array({std::move(choice)});
  if (include_usage_) chunk["usage"] = nullptr;
  return SseEvent(Dump(chunk));
}

std::string OpenAiFormat::Begin(size_t choices, const Usage&) {
  std::string bytes;
  for (size_t i = 0; i < choices; ++i) {
    Json first = FirstDelta(static_cast<int>(i));
    if (!first.is_null()) bytes += Chunk(std::move(first));
  }
  return bytes;
}

std::string OpenAiFormat::More(int index, const ChoiceDelta& delta) { return Chunk(Delta(index, delta)); }

std::string OpenAiFormat::End(const Usage& usage) {
  std::string bytes;
  if (include_usage_ || !usage.routing.empty()) {
    Json chunk = Envelope(chunk_object());
    chunk["choices"] = Json::array();
    chunk["usage"] = ToJson(usage);
    if (!usage.routing.empty()) chunk["sluice"] = OurOwn(usage);
    bytes = SseEvent(Dump(chunk));
  }
  return bytes.append(kSseDone);
}

std::string OpenAiFormat::Failure(const ApiError& error) { return SseEvent(Dump(ToJson(error))); }

Json OpenAiFormat::Whole(const std::vector<ChoiceDelta>& choices, const Usage& usage) {
  Json body = Envelope(object());
  Json& entries = body["choices"] = Json::array();
  for (const ChoiceDelta& choice : choices)
    entries.push_back(WholeChoice(static_cast<int>(entries.size()), choice));
  body["usage"] = ToJson(usage);
  if (!usage.routing.empty()) body["sluice"] = OurOwn(usage);
  return body;
}

}  // namespace sluice::server
