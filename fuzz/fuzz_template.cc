// Any text as a chat template: refused, or rendered within its limits.
// Input: what the user says, a NUL, the template.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "chat/chat_template.h"
#include "require.h"

namespace {

using Json = nlohmann::ordered_json;
using namespace sluice::chat;

constexpr jinja::Limits kLimits{
    .max_steps = 100'000, .max_depth = 200, .max_output_bytes = 1 << 20, .max_heap_bytes = 16 << 20};

Json Conversation(std::string_view content) {
  const Json call = {
      {"id", "c1"}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", {{"a", 1}}}}}};
  return Json::array({{{"role", "system"}, {"content", "Be brief."}},
                      {{"role", "user"}, {"content", std::string(content)}},
                      {{"role", "assistant"}, {"content", nullptr}, {"tool_calls", {call}}},
                      {{"role", "tool"}, {"tool_call_id", "c1"}, {"content", "7"}}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t split = std::min(input.find('\0'), size);
  const auto compiled = ChatTemplate::Compile(input.substr(std::min(split + 1, size)), {.limits = kLimits});
  if (!compiled) {
    FUZZ_REQUIRE(!compiled.error().message.empty());
    return 0;
  }
  const Json tools = Json::array(
      {{{"type", "function"}, {"function", {{"name", "f"}, {"parameters", {{"type", "object"}}}}}}});
  const auto text =
      compiled->Render(Conversation(input.substr(0, split)), tools, {{"add_generation_prompt", true}},
                       {{"bos_token", "<s>"}, {"eos_token", "</s>"}}, std::tm{});
  if (text) FUZZ_REQUIRE(text->size() <= kLimits.max_output_bytes);
  return 0;
}
