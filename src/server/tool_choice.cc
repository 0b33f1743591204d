#include "server/tool_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "chat/call_reader.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

namespace {

constexpr size_t kMaxTools = 128, kMaxToolNameLength = 64;

bool IsToolName(const Json& name) {
  if (!name.is_string()) return false;
  const auto& text = name.get_ref<const std::string&>();
  return !text.empty() && text.size() <= kMaxToolNameLength &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                  c == '-' || c == '.';
         });
}

}  // namespace

Json ReadTools(Fields& fields) {
  const Json* tools = fields.Raw("tools");
  if (tools == nullptr) return {};
  const auto refuse = [&](std::string message) {
    fields.Refuse(BadParam("tools", std::move(message)));
    return Json();
  };
  if (!tools->is_array()) return refuse("'tools' must be a list");
  if (tools->size() > kMaxTools)
    return refuse(fmt::format("there are {} tools, and may be {}", tools->size(), kMaxTools));
  std::unordered_set<std::string> names;
  for (const Json& tool : *tools) {
    const Json function = tool.is_object() && tool.value("type", Json()) == "function"
                              ? tool.value("function", Json())
                              : Json();
    if (!function.is_object() || !IsToolName(function.value("name", Json())))
      return refuse("each tool must be a function with a name of letters, digits, '_', '-' or '.'");
    const std::string name = function["name"];
    if (!names.insert(name).second) return refuse(fmt::format("the tool '{}' appears twice", name));
  }
  return tools->empty() ? Json() : *tools;
}

ToolChoice ReadToolChoice(Fields& fields, const Json& tools) {
  const Json* choice = fields.Raw("tool_choice");
  if (choice == nullptr) return {};
  const auto refuse = [&](std::string message) {
    fields.Refuse(BadParam("tool_choice", std::move(message)));
    return ToolChoice{};
  };
  if (*choice == "none") return {.mode = ToolChoice::Mode::kNone};
  if (tools.is_null()) return refuse("'tool_choice' is only allowed with 'tools'");
  if (*choice == "auto") return {};
  if (*choice == "required") return {.mode = ToolChoice::Mode::kRequired};
  const Json function = choice->is_object() && choice->value("type", Json()) == "function"
                            ? choice->value("function", Json())
                            : Json();
  const Json name = function.is_object() ? function.value("name", Json()) : Json();
  if (!name.is_string())
    return refuse(
        R"('tool_choice' must be "auto", "none", "required" or {"type": "function", "function": {"name": ...}})");
  if (chat::FindTool(tools, name.get_ref<const std::string&>()) == nullptr)
    return refuse(
        fmt::format("there is no tool '{}' to choose", name.get_ref<const std::string&>().substr(0, 100)));
  return {.mode = ToolChoice::Mode::kNamed, .name = name};
}

}  // namespace sluice::server
