#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "server/json_input.h"
#include "server/responses.h"
#include "server/sse.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

namespace {

// An answer is a list of items: reasoning, a message, calls of functions. In a stream one is open at a time.
class Format final : public AnswerFormat {
 public:
  Format(AnswerId id, const Json& request) : id_(std::move(id)), request_(request) {}

  std::string Begin(size_t, const Usage&) override {
    const Json response = Response("in_progress", nullptr);
    std::string bytes = Event("response.created", {{"response", response}});
    return bytes += Event("response.in_progress", {{"response", response}});
  }

  std::string More(int, const ChoiceDelta& delta) override {
    std::string bytes;
    if (!delta.reasoning.empty()) {
      if (kind_ != Kind::kReasoning) bytes += Open(Kind::kReasoning, ReasoningItem(""));
      bytes += TextDelta("response.reasoning_text", delta.reasoning);
    }
    if (!delta.text.empty()) {
      if (kind_ != Kind::kMessage) bytes += Open(Kind::kMessage, MessageItem("", "in_progress"));
      bytes += TextDelta("response.output_text", delta.text);
    }
    for (const CallDelta& call : delta.calls) {
      if (!call.name.empty()) bytes += Open(Kind::kCall, CallItem(call, "in_progress"));
      if (call.arguments.empty()) continue;
      text_ += call.arguments;
      bytes += Event("response.function_call_arguments.delta", Place({{"delta", call.arguments}}));
    }
    if (delta.finish_reason) cut_off_ = delta.finish_reason == "length";
    return bytes;
  }

  std::string End(const Usage& usage) override {
    const std::string bytes = Close();
    const char* type = cut_off_ ? "response.incomplete" : "response.completed";
    return bytes +
           Event(type, {{"response", Response(cut_off_ ? "incomplete" : "completed", UsageJson(usage))}});
  }

  std::string Failure(const ApiError& error) override {
    const Json what = ToJson(error)["error"];
    Json response = Response("failed", nullptr);
    response["error"] = {{"code", "server_error"}, {"message", what["message"]}};
    std::string bytes =
        Event("error", {{"code", what["code"]}, {"message", what["message"]}, {"param", what["param"]}});
    return bytes += Event("response.failed", {{"response", std::move(response)}});
  }

  Json Whole(const std::vector<ChoiceDelta>& choices, const Usage& usage) override {
    const ChoiceDelta& choice = choices.front();
    cut_off_ = choice.finish_reason == "length";
    const char* status = cut_off_ ? "incomplete" : "completed";
    if (!choice.reasoning.empty()) output_.push_back(ReasoningItem(choice.reasoning));
    if (!choice.text.empty() || choice.calls.empty()) output_.push_back(MessageItem(choice.text, status));
    for (const CallDelta& call : choice.calls) output_.push_back(CallItem(call, status));
    return Response(status, UsageJson(usage));
  }

 private:
  enum class Kind { kNone, kReasoning, kMessage, kCall };

  AnswerId id_;
  Json request_;
  Json output_ = Json::array();
  int64_t sequence_ = 0;
  bool cut_off_ = false;
  Kind kind_ = Kind::kNone;  // of the item that is open
  Json item_;                // that item, as it was opened
  std::string text_;         // its text or arguments so far

  std::string NewId(const char* prefix) const {
    return fmt::format("{}_{}_{}", prefix, id_.id.substr(id_.id.find('_') + 1), output_.size());
  }

  static Json Part(const char* type, const std::string& text) {
    Json part = {{"type", type}, {"text", text}};
    if (std::string_view(type) == "output_text") {
      part["annotations"] = Json::array();
      part["logprobs"] = Json::array();
    }
    return part;
  }
  Json ReasoningItem(const std::string& text) const {
    return {{"id", NewId("rs")},
            {"type", "reasoning"},
            {"summary", Json::array()},
            {"content", Json::array({Part("reasoning_text", text)})}};
  }
  Json MessageItem(const std::string& text, const char* status) const {
    return {{"id", NewId("msg")},
            {"type", "message"},
            {"status", status},
            {"role", "assistant"},
            {"content", Json::array({Part("output_text", text)})}};
  }
  Json CallItem(const CallDelta& call, const char* status) const {
    return {{"id", NewId("fc")}, {"type", "function_call"},     {"call_id", call.id},
            {"name", call.name}, {"arguments", call.arguments}, {"status", status}};
  }

  static Json UsageJson(const Usage& usage) {
    return {{"input_tokens", usage.prompt_tokens},
            {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}, {"cache_write_tokens", 0}}},
            {"output_tokens", usage.completion_tokens},
            {"output_tokens_details", {{"reasoning_tokens", 0}}},
            {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
  }

  Json Asked(const char* name, Json otherwise) const {
    const auto found = request_.find(name);
    return found == request_.end() || found->is_null() ? otherwise : *found;
  }

  Json AskedText() const {
    Json text = Asked("text", Json::object());
    if (!text.is_object()) text = Json::object();
    if (text.value("format", Json()).is_null()) text["format"] = {{"type", "text"}};
    return text;
  }

  // With the members that may be left out of a request.
  Json AskedTools() const {
    Json tools = Asked("tools", Json::array());
    for (Json& tool : tools)
      for (const char* name : {"parameters", "strict"})
        if (!tool.contains(name)) tool[name] = nullptr;
    return tools;
  }

  Json Response(const char* status, Json usage) const {
    return {{"id", id_.id},
            {"object", "response"},
            {"created_at", id_.created},
            {"status", status},
            {"error", nullptr},
            {"incomplete_details", cut_off_ ? Json{{"reason", "max_output_tokens"}} : Json()},
            {"instructions", Asked("instructions", nullptr)},
            {"max_output_tokens", Asked("max_output_tokens", nullptr)},
            {"metadata", Asked("metadata", Json::object())},
            {"model", id_.model},
            {"output", output_},
            {"parallel_tool_calls", Asked("parallel_tool_calls", true)},
            {"previous_response_id", nullptr},
            {"reasoning", Asked("reasoning", Json::object())},
            {"store", false},
            {"temperature", Asked("temperature", 1.0)},
            {"text", AskedText()},
            {"tool_choice", Asked("tool_choice", "auto")},
            {"tools", AskedTools()},
            {"top_p", Asked("top_p", 1.0)},
            {"truncation", "disabled"},
            {"usage", std::move(usage)}};
  }

  std::string Event(const char* type, const Json& members) {
    Json event = {{"type", type}, {"sequence_number", sequence_++}};
    event.update(members);
    return SseEvent(Dump(event), type);
  }

  // `members` with where the open item stands.
  Json Place(const Json& members) const {
    Json placed = {{"item_id", item_["id"]}, {"output_index", output_.size()}};
    placed.update(members);
    return placed;
  }

  std::string TextDelta(const std::string& event, const std::string& text) {
    text_ += text;
    Json members = {{"content_index", 0}, {"delta", text}};
    if (kind_ == Kind::kMessage) members["logprobs"] = Json::array();
    return Event((event + ".delta").c_str(), Place(members));
  }

  std::string Open(Kind kind, Json item) {
    std::string bytes = Close();
    item["id"] = NewId(kind == Kind::kReasoning ? "rs" : kind == Kind::kMessage ? "msg" : "fc");
    kind_ = kind;
    item_ = std::move(item);
    text_.clear();
    Json opened = item_;
    if (kind == Kind::kCall)
      item_["arguments"] = opened["arguments"] = "";
    else
      opened["content"] = Json::array();
    bytes +=
        Event("response.output_item.added", {{"output_index", output_.size()}, {"item", std::move(opened)}});
    if (kind != Kind::kCall)
      bytes +=
          Event("response.content_part.added", Place({{"content_index", 0}, {"part", item_["content"][0]}}));
    return bytes;
  }

  std::string Close() {
    if (kind_ == Kind::kNone) return {};
    std::string bytes;
    if (kind_ == Kind::kCall) {
      item_["arguments"] = text_;
      bytes += Event("response.function_call_arguments.done",
                     Place({{"name", item_["name"]}, {"arguments", text_}}));
    } else {
      const bool message = kind_ == Kind::kMessage;
      item_["content"][0]["text"] = text_;
      Json done = {{"content_index", 0}, {"text", text_}};
      if (message) done["logprobs"] = Json::array();
      bytes += Event(message ? "response.output_text.done" : "response.reasoning_text.done", Place(done));
      bytes +=
          Event("response.content_part.done", Place({{"content_index", 0}, {"part", item_["content"][0]}}));
    }
    if (item_.contains("status")) item_["status"] = cut_off_ ? "incomplete" : "completed";
    bytes += Event("response.output_item.done", {{"output_index", output_.size()}, {"item", item_}});
    output_.push_back(std::move(item_));
    kind_ = Kind::kNone;
    return bytes;
  }
};

}  // namespace

std::unique_ptr<AnswerFormat> ResponseFormat(AnswerId id, const Json& body) {
  return std::make_unique<Format>(std::move(id), body);
}

}  // namespace sluice::server
