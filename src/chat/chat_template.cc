#include "chat/chat_template.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

namespace sluice::chat {

using Json = nlohmann::ordered_json;

std::tm LocalNow() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

Result<std::tm> ParseTime(const std::string& text) {
  std::tm time{};
  const int fields = std::sscanf(text.c_str(), "%4d-%2d-%2d %2d:%2d:%2d", &time.tm_year, &time.tm_mon,
                                 &time.tm_mday, &time.tm_hour, &time.tm_min, &time.tm_sec);
  if (fields != 6)
    return Fail(ErrorCode::kUsage, fmt::format("'{}' is not a time", text),
                "write it as 2025-03-04 09:05:07");
  time.tm_year -= 1900;
  time.tm_mon -= 1;
  timegm(&time);  // fills in the day of the week and of the year
  return time;
}

namespace {

bool Has(const Json& message, const char* key) { return message.contains(key) && !message[key].is_null(); }

// A message as templates see it: keys with null are dropped, and reasoning stands under both of its names.
Json Prepare(const Json& message) {
  if (!message.is_object()) return message;
  Json prepared = Json::object();
  const char* source = nullptr;
  for (const char* key : {"reasoning_content", "thinking", "reasoning"})
    if (source == nullptr && Has(message, key)) source = key;
  if (source != nullptr && !Has(message, "thinking")) prepared["thinking"] = message[source];
  for (const auto& [key, value] : message.items())
    if (!value.is_null()) prepared[key] = value;
  if (source != nullptr) prepared["reasoning_content"] = message[source];
  return prepared;
}

}  // namespace

tl::expected<ChatTemplate, jinja::TemplateError> ChatTemplate::Compile(std::string_view source,
                                                                       jinja::Settings settings) {
  return jinja::Template::Compile(source, settings).map([](jinja::Template&& compiled) {
    return ChatTemplate(std::move(compiled));
  });
}

RenderResult ChatTemplate::Render(const Json& messages, const Json& tools, const Json& kwargs,
                                  const SpecialTokens& special_tokens, const std::tm& now) const {
  Json variables = Json::object();
  Json& prepared = variables["messages"] = Json::array();
  for (const Json& message : messages) prepared.push_back(Prepare(message));
  variables["tools"] = tools;
  variables["documents"] = nullptr;
  variables["add_generation_prompt"] = false;
  for (const auto& [name, text] : special_tokens) variables[name] = text;
  if (kwargs.is_object())
    for (const auto& [name, value] : kwargs.items()) variables[name] = value;
  return template_.Render(variables, now);
}

std::string RenderPlain(const Json& messages) {
  std::string out;
  const auto add = [&out](const Json& text) {
    if (!out.empty()) out += "\n\n";
    out += text.get_ref<const std::string&>();
  };
  for (const Json& message : messages) {
    const Json content = message.is_object() ? message.value("content", Json()) : Json();
    if (content.is_string()) add(content);
    if (!content.is_array()) continue;
    for (const Json& part : content)
      if (part.is_object() && part.contains("text") && part["text"].is_string()) add(part["text"]);
  }
  return out;
}

}  // namespace sluice::chat
