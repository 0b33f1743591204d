// A model's chat template: a conversation to the text of a prompt.
#pragma once

#include <ctime>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "chat/jinja/template.h"

namespace sluice::chat {

// Names and texts a template may use: {"bos_token", "<s>"}, {"eos_token", "</s>"} ... Absent ones are
// undefined there.
using SpecialTokens = std::vector<std::pair<std::string, std::string>>;

using RenderResult = tl::expected<std::string, jinja::TemplateError>;

// The local time, for templates that print a date.
std::tm LocalNow();
// "2025-03-04 09:05:07" to a time with its day of the week and of the year.
Result<std::tm> ParseTime(const std::string& text);

// Immutable: render from any number of threads.
class ChatTemplate {
 public:
  static tl::expected<ChatTemplate, jinja::TemplateError> Compile(std::string_view source,
                                                                  jinja::Settings settings = {});

  // `messages` is an array of objects as a client sends them; `tools` an array or null; `kwargs` an object or
  // null: add_generation_prompt, documents, and whatever variables this template knows (enable_thinking ...).
  RenderResult Render(const nlohmann::ordered_json& messages, const nlohmann::ordered_json& tools,
                      const nlohmann::ordered_json& kwargs, const SpecialTokens& special_tokens,
                      const std::tm& now) const;

 private:
  explicit ChatTemplate(jinja::Template compiled) : template_(std::move(compiled)) {}
  jinja::Template template_;
};

// For models without a template: the text of every message, joined by blank lines, in the order given. Roles
// leave no trace. Text parts of a content list count as text; other parts are left out.
std::string RenderPlain(const nlohmann::ordered_json& messages);

}  // namespace sluice::chat
