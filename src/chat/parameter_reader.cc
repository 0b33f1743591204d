// Calls whose parameters stand between marks of their own, as text: <parameter=city>Paris</parameter>.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "chat/call_reader.h"

namespace sluice::chat {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSpace = " \t\r\n";

// What the tool's schema says about one parameter; null if it says nothing.
Json Schema(const Json* tool, const std::string& parameter) {
  if (tool == nullptr) return {};
  const Json parameters = tool->value("parameters", Json());
  const Json properties = parameters.is_object() ? parameters.value("properties", Json()) : Json();
  return properties.is_object() ? properties.value(parameter, Json()) : Json();
}

bool TakesTextOnly(const Json& schema) {
  if (!schema.is_object()) return false;
  if (schema.contains("enum") && schema["enum"].is_array())
    return std::all_of(schema["enum"].begin(), schema["enum"].end(),
                       [](const Json& v) { return v.is_string(); });
  return schema.value("type", Json()) == "string";
}

bool TakesText(const Json& schema) {
  const Json type = schema.is_object() ? schema.value("type", Json()) : Json();
  return type.is_array() && std::find(type.begin(), type.end(), "string") != type.end();
}

// Models write booleans also as Python does.
Json ParseValue(const std::string& text) {
  if (text == "True") return true;
  if (text == "False") return false;
  if (text == "None") return nullptr;
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

class ParameterReader final : public CallReader {
 public:
  ParameterReader(const CallFormat& format, const Json& tools) : format_(format), tools_(tools) {}

  Progress Read(std::string& text, bool last, PieceWriter& out) override {
    if (state_ == State::kName) {
      const Progress named = ReadName(text, last, out);
      if (named != Progress::kDone) return named;
    }
    while (state_ == State::kKey || state_ == State::kValue)
      if (!(state_ == State::kKey ? ReadKey(text, last, out) : ReadValue(text, out))) return Progress::kMore;
    return Progress::kDone;
  }

 private:
  enum class State { kName, kKey, kValue, kDone };

  const CallFormat& format_;
  const Json& tools_;
  State state_ = State::kName;
  const Json* tool_ = nullptr;
  std::string key_;
  bool flagged_text_ = false;  // the mark said that the value is text
  bool any_ = false;

  const ParameterMarks& marks() const { return format_.marks; }

  Progress ReadName(std::string& text, bool last, PieceWriter& out) {
    size_t end, behind;
    if (!marks().name_close.empty()) {
      end = text.find(marks().name_close);
      behind = end + marks().name_close.size();
    } else {
      const size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
      end = behind = text.find_first_of("\n<", begin);
    }
    if (end == std::string::npos) return last || text.size() > 1000 ? Progress::kWrong : Progress::kMore;
    std::string name = text.substr(0, end);
    name.erase(0, name.find_first_not_of(kSpace));
    name.erase(name.find_last_not_of(kSpace) + 1);
    if (!IsCallName(name)) return Progress::kWrong;
    tool_ = FindTool(tools_, name);
    out.BeginCall(std::move(name));
    text.erase(0, behind);
    state_ = State::kKey;
    return Progress::kDone;
  }

  // False: more text is needed.
  bool ReadKey(std::string& text, bool last, PieceWriter& out) {
    const size_t key = text.find(marks().key_open), end = text.find(format_.end);
    if (key == std::string::npos && end == std::string::npos && !last) return false;
    if (key > end || key == std::string::npos) {
      if (end == std::string::npos) return false;  // the answer was cut off
      text.erase(0, end + format_.end.size());
      out.Arguments(any_ ? "}" : "{}");
      state_ = State::kDone;
      return true;
    }
    const size_t begin = key + marks().key_open.size();
    const size_t close = text.find(marks().key_close, begin);
    if (close == std::string::npos) return false;
    const size_t value = close + marks().key_close.size();
    const size_t open = marks().value_open.empty() ? value : text.find(marks().value_open, value);
    if (open == std::string::npos) return false;
    key_ = text.substr(begin, close - begin);
    flagged_text_ = false;
    if (!marks().string_flag.empty()) {
      flagged_text_ = key_.find(marks().string_flag) != std::string::npos;
      key_.erase(std::min(key_.find('"'), key_.size()));
    }
    text.erase(0, open + marks().value_open.size());
    state_ = State::kValue;
    return true;
  }

  bool ReadValue(std::string& text, PieceWriter& out) {
    const size_t end = text.find(marks().value_close);
    if (end == std::string::npos) return false;
    std::string value = text.substr(0, end);
    text.erase(0, end + marks().value_close.size());
    if (marks().value_open.empty() && marks().string_flag.empty()) {  // such marks have lines of their own
      if (value.starts_with('\n')) value.erase(0, 1);
      if (value.ends_with('\n')) value.pop_back();
    }
    out.Arguments((any_ ? ", " : "{") + Json(key_).dump(-1, ' ', false, Json::error_handler_t::replace) +
                  ": " + Value(value).dump(-1, ' ', false, Json::error_handler_t::replace));
    any_ = true;
    state_ = State::kKey;
    return true;
  }

  Json Value(const std::string& text) const {
    const Json schema = Schema(tool_, key_);
    if (flagged_text_ || (marks().string_flag.empty() && TakesTextOnly(schema))) return text;
    Json value = ParseValue(text);
    const bool text_wanted = value.is_discarded() || (TakesText(schema) && value.is_structured());
    return text_wanted ? Json(text) : value;
  }
};

}  // namespace

std::unique_ptr<CallReader> MakeParameterReader(const CallFormat& format, const Json& tools) {
  return std::make_unique<ParameterReader>(format, tools);
}

}  // namespace sluice::chat
