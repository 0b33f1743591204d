// Calls written as Python: f(city="Paris", days=[1, 2]).
#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "chat/call_reader.h"

namespace sluice::chat {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSpace = " \t\r\n";
constexpr int kDeepest = 64;

// A literal of Python as JSON. Each method leaves the text behind what it took; nothing where it is no such
// literal.
class Literals {
 public:
  explicit Literals(std::string_view text) : text_(text) {}

  // a=1, b="x"
  std::optional<Json> Arguments() {
    Json arguments = Json::object();
    while (Skip(), !text_.empty()) {
      const std::string_view name = Word();
      if (name.empty() || !Eat('=')) return {};
      auto value = Value(0);
      if (!value) return {};
      arguments[std::string(name)] = std::move(*value);
      Skip();
      if (!text_.empty() && !Eat(',')) return {};
    }
    return arguments;
  }

 private:
  std::string_view text_;

  void Skip() { text_.remove_prefix(std::min(text_.find_first_not_of(kSpace), text_.size())); }
  bool Eat(char c) {
    Skip();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string_view Word() {
    Skip();
    const auto part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
    const auto end = std::find_if_not(text_.begin(), text_.end(), part);
    const std::string_view word = text_.substr(0, static_cast<size_t>(end - text_.begin()));
    text_.remove_prefix(word.size());
    return word;
  }

  std::optional<Json> Value(int depth) {
    Skip();
    if (text_.empty() || depth > kDeepest) return {};
    const char c = text_.front();
    if (c == '"' || c == '\'') return String();
    if (c == '[' || c == '(') return List(c == '[' ? ']' : ')', depth);
    if (c == '{') return Dictionary(depth);
    if (c == '-' || (c >= '0' && c <= '9')) return Number();
    const std::string_view word = Word();
    if (word == "True" || word == "true") return Json(true);
    if (word == "False" || word == "false") return Json(false);
    if (word == "None" || word == "null") return Json(nullptr);
    return {};
  }

  std::optional<Json> Number() {
    const size_t end = std::min(text_.find_first_not_of("+-.0123456789eE_"), text_.size());
    std::string digits(text_.substr(0, end));
    std::erase(digits, '_');
    text_.remove_prefix(end);
    Json number = Json::parse(digits, nullptr, false);
    if (number.is_discarded()) return {};
    return number;
  }

  std::optional<Json> String() {
    const char quote = text_.front();
    std::string value;
    for (size_t i = 1; i < text_.size(); ++i) {
      if (text_[i] == quote) {
        text_.remove_prefix(i + 1);
        return Json(std::move(value));
      }
      if (text_[i] != '\\' || i + 1 == text_.size()) {
        value += text_[i];
        continue;
      }
      const char escaped = text_[++i];
      const size_t known = std::string_view("ntr\\'\"0").find(escaped);
      if (known == std::string_view::npos) value += '\\';
      value += known == std::string_view::npos ? escaped : "\n\t\r\\'\"\0"[known];
    }
    return {};
  }

  std::optional<Json> List(char close, int depth) {
    Json list = Json::array();
    for (text_.remove_prefix(1); !Eat(close);) {
      auto value = Value(depth + 1);
      if (!value) return {};
      list.push_back(std::move(*value));
      Skip();
      if (!text_.starts_with(close) && !Eat(',')) return {};
    }
    return list;
  }

  std::optional<Json> Dictionary(int depth) {
    Json dictionary = Json::object();
    for (text_.remove_prefix(1); !Eat('}');) {
      const auto key = Value(depth + 1);
      if (!key || !key->is_string() || !Eat(':')) return {};
      auto value = Value(depth + 1);
      if (!value) return {};
      dictionary[key->get<std::string>()] = std::move(*value);
      Skip();
      if (!text_.starts_with('}') && !Eat(',')) return {};
    }
    return dictionary;
  }
};

class PythonReader final : public CallReader {
 public:
  PythonReader(const Json& tools, bool known_only) : tools_(tools), known_only_(known_only) {}

  Progress Read(std::string& text, bool last, PieceWriter& out) override {
    if (scanned_ == 0) {
      const size_t open = text.find('(');
      const std::string_view name = std::string_view(text).substr(0, open);
      const auto part = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
      };
      if (!std::all_of(name.begin(), name.end(), part) || name.size() > 256) return Progress::kWrong;
      if (open == std::string::npos) return last ? Progress::kWrong : Progress::kMore;
      if (name.empty() || (known_only_ && FindTool(tools_, name) == nullptr)) return Progress::kWrong;
      scanned_ = open;
    }
    // The name waits for its arguments: until they can be read, this may be an ordinary list.
    const size_t end = Close(text);
    if (end == std::string::npos) return last ? Progress::kWrong : Progress::kMore;
    const size_t open = text.find('(');
    const auto arguments = Literals(std::string_view(text).substr(open + 1, end - open - 1)).Arguments();
    if (!arguments) return Progress::kWrong;
    out.BeginCall(text.substr(0, open));
    out.Arguments(arguments->dump(-1, ' ', false, Json::error_handler_t::replace));
    text.erase(0, end + 1);
    return Progress::kDone;
  }

 private:
  const Json& tools_;
  const bool known_only_;
  size_t scanned_ = 0;  // bytes of the text that Close has seen; 0: no parenthesis yet
  int depth_ = 0;
  char quote_ = 0;
  bool escaped_ = false;

  // The parenthesis that closes the call; npos if it has not come.
  size_t Close(std::string_view text) {
    for (; scanned_ < text.size(); ++scanned_) {
      const char c = text[scanned_];
      if (escaped_) {
        escaped_ = false;
      } else if (quote_ != 0) {
        escaped_ = c == '\\';
        if (c == quote_) quote_ = 0;
      } else if (c == '"' || c == '\'') {
        quote_ = c;
      } else if (c == '(' || c == '[' || c == '{') {
        ++depth_;
      } else if ((c == ')' || c == ']' || c == '}') && --depth_ == 0) {
        return scanned_;
      }
    }
    return std::string::npos;
  }
};

}  // namespace

std::unique_ptr<CallReader> MakePythonReader(const Json& tools, bool known_only) {
  return std::make_unique<PythonReader>(tools, known_only);
}

}  // namespace sluice::chat
