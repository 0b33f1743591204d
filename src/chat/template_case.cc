#include "chat/template_case.h"

#include <nlohmann/json.hpp>

namespace sluice::chat {

using Json = nlohmann::ordered_json;

Json ErrorCase(const jinja::TemplateError& error) {
  return {{"error", error.message}, {"error_type", jinja::Name(error.kind)}};
}

Json RenderCase(const ChatTemplate& chat_template, const Json& input) {
  if (!input.is_object() || !input.contains("messages") || !input["messages"].is_array())
    return {{"error", "a case needs a list of messages"}, {"error_type", "ValueError"}};
  SpecialTokens special_tokens;
  for (const auto& [name, value] : input.items())
    if (name.ends_with("_token") && value.is_string())
      special_tokens.emplace_back(name, value.get<std::string>());
  std::tm now = LocalNow();
  if (const Json time = input.value("now", Json()); time.is_string()) {
    const auto parsed = ParseTime(time.get<std::string>());
    if (!parsed) return {{"error", parsed.error().message}, {"error_type", "ValueError"}};
    now = *parsed;
  }
  const auto result = chat_template.Render(input["messages"], input.value("tools", Json()),
                                           input.value("kwargs", Json()), special_tokens, now);
  if (!result) return ErrorCase(result.error());
  return {{"rendered", *result}};
}

}  // namespace sluice::chat
