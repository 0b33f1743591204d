#include <nlohmann/json.hpp>

#include "server/anthropic.h"
#include "server/json_input.h"
#include "server/sse.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

namespace {

const char* StopReason(const ChoiceDelta& delta) {
  if (delta.stop_string) return "stop_sequence";
  if (delta.finish_reason == "length") return "max_tokens";
  return delta.finish_reason == "tool_calls" ? "tool_use" : "end_turn";
}

Json StopSequence(const ChoiceDelta& delta) { return delta.stop_string ? Json(*delta.stop_string) : Json(); }

Json UsageJson(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens}};
}

// An answer is a list of blocks: thinking, text, uses of tools. In a stream one is open at a time.
class Format final : public AnswerFormat {
 public:
  explicit Format(AnswerId id) : id_(std::move(id)) {}

  std::string Begin(size_t, const Usage& prompt) override {
    Json message = Message(Json::array(), prompt);
    return Event("message_start", {{"message", std::move(message)}});
  }

  std::string More(int, const ChoiceDelta& delta) override {
    std::string bytes;
    if (!delta.reasoning.empty()) {
      bytes += Open("thinking", -1, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}});
      bytes += Delta({{"type", "thinking_delta"}, {"thinking", delta.reasoning}});
    }
    if (!delta.text.empty()) {
      bytes += Open("text", -1, {{"type", "text"}, {"text", ""}});
      bytes += Delta({{"type", "text_delta"}, {"text", delta.text}});
    }
    for (const CallDelta& call : delta.calls) {
      if (!call.name.empty())
        bytes +=
            Open("tool_use", call.index,
                 {{"type", "tool_use"}, {"id", call.id}, {"name", call.name}, {"input", Json::object()}});
      if (!call.arguments.empty())
        bytes += Delta({{"type", "input_json_delta"}, {"partial_json", call.arguments}});
    }
    if (delta.finish_reason) {
      stop_reason_ = StopReason(delta);
      stop_sequence_ = StopSequence(delta);
    }
    return bytes;
  }

  std::string End(const Usage& usage) override {
    return Close() +
           Event("message_delta",
                 {{"delta", {{"stop_reason", stop_reason_}, {"stop_sequence", stop_sequence_}}},
                  {"usage", UsageJson(usage)}}) +
           Event("message_stop", Json::object());
  }

  std::string Failure(const ApiError& error) override { return SseEvent(Dump(ToJson(error)), "error"); }

  Json Whole(const std::vector<ChoiceDelta>& choices, const Usage& usage) override {
    const ChoiceDelta& choice = choices.front();
    Json content = Json::array();
    if (!choice.reasoning.empty())
      content.push_back({{"type", "thinking"}, {"thinking", choice.reasoning}, {"signature", ""}});
    if (!choice.text.empty() || choice.calls.empty())
      content.push_back({{"type", "text"}, {"text", choice.text}});
    for (const CallDelta& call : choice.calls) {
      const Json input = Json::parse(call.arguments, nullptr, /*allow_exceptions=*/false);
      content.push_back({{"type", "tool_use"},
                         {"id", call.id},
                         {"name", call.name},
                         {"input", input.is_object() ? input : Json::object()}});
    }
    Json message = Message(std::move(content), usage);
    message["stop_reason"] = StopReason(choice);
    message["stop_sequence"] = StopSequence(choice);
    return message;
  }

 private:
  AnswerId id_;
  int block_ = -1;    // the one that is open, or was last
  std::string open_;  // its type; empty: none is open
  int open_call_ = -1;
  const char* stop_reason_ = "end_turn";
  Json stop_sequence_;

  Json Message(Json content, const Usage& usage) const {
    return {{"id", id_.id},
            {"type", "message"},
            {"role", "assistant"},
            {"model", id_.model},
            {"content", std::move(content)},
            {"stop_reason", nullptr},
            {"stop_sequence", nullptr},
            {"usage", UsageJson(usage)}};
  }

  static std::string Event(const char* type, const Json& members) {
    Json event = {{"type", type}};
    event.update(members);
    return SseEvent(Dump(event), type);
  }

  std::string Open(const char* type, int call, const Json& block) {
    if (open_ == type && open_call_ == call) return {};
    std::string bytes = Close();
    open_ = type;
    open_call_ = call;
    return bytes + Event("content_block_start", {{"index", ++block_}, {"content_block", block}});
  }

  std::string Delta(const Json& delta) const {
    return Event("content_block_delta", {{"index", block_}, {"delta", delta}});
  }

  std::string Close() {
    if (open_.empty()) return {};
    open_.clear();
    return Event("content_block_stop", {{"index", block_}});
  }
};

}  // namespace

std::unique_ptr<AnswerFormat> MessagesFormat(AnswerId id) { return std::make_unique<Format>(std::move(id)); }

}  // namespace sluice::server
