#include "chat/call_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "chat/json_scanner.h"

namespace sluice::chat {
namespace {

using Json = nlohmann::ordered_json;
using Progress = CallReader::Progress;

constexpr std::string_view kSpace = " \t\r\n";
constexpr size_t kLongestHeader = 1000;  // name and marks in front of the arguments
constexpr size_t kLongestName = 256;

// {"name": "f", "arguments": {...}} with other members anywhere between.
class JsonReader final : public CallReader {
 public:
  JsonReader(const Json& tools, bool known_only) : tools_(tools), known_only_(known_only) {}

  Progress Read(std::string& text, bool, PieceWriter& out) override {
    if (state_ == State::kHeader) {
      const Progress found = ReadHeader(text, out);
      if (found != Progress::kDone) return found;
    }
    for (;;) {
      if (state_ == State::kArguments) {
        const size_t taken = scanner_.Take(text);
        out.Arguments(std::string_view(text).substr(0, taken));
        text.erase(0, taken);
        if (!scanner_.done()) return Progress::kMore;
        state_ = State::kMembers;
      }
      const Progress member = ReadMember(text, out);
      if (member != Progress::kWrong) return member;
    }
  }

 private:
  enum class State { kHeader, kMembers, kArguments };
  const Json& tools_;
  const bool known_only_;
  State state_ = State::kHeader;
  JsonScanner scanner_;  // of the arguments
  bool has_arguments_ = false;

  static bool IsArguments(std::string_view key) { return key == "\"arguments\"" || key == "\"parameters\""; }

  // A member's key with its quotes and the place of its value; 0: it is not there yet.
  struct Member {
    std::string_view key;
    size_t value = 0;
    bool closed = false;  // the object ends here instead; `value` is behind it
    bool wrong = false;
  };
  static Member FindMember(std::string_view text, size_t at) {
    Member member;
    at = text.find_first_not_of(" \t\r\n,", at);
    if (at == std::string_view::npos) return member;
    if (text[at] == '}') {
      member.closed = true;
      member.value = at + 1;
      return member;
    }
    member.wrong = text[at] != '"';
    if (member.wrong) return member;
    const size_t end = JsonValueEnd(text, at);
    if (end == std::string_view::npos) return member;
    member.key = text.substr(at, end - at);
    const size_t colon = text.find_first_not_of(kSpace, end);
    if (colon == std::string_view::npos) return member;
    member.wrong = text[colon] != ':';
    const size_t value = text.find_first_not_of(kSpace, colon + 1);
    if (value != std::string_view::npos) member.value = value;
    return member;
  }

  // Looks for the name from the beginning each time; kDone once it was found.
  Progress ReadHeader(std::string& text, PieceWriter& out) {
    const size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string::npos) return Progress::kMore;
    if (text[begin] != '{') return Progress::kWrong;
    std::string early_arguments;  // that stand in front of the name
    for (size_t at = begin + 1;;) {
      const Member member = FindMember(text, at);
      if (member.wrong || member.closed) return Progress::kWrong;
      if (member.value == 0) return Progress::kMore;
      at = JsonValueEnd(text, member.value);
      if (at == std::string::npos) return Progress::kMore;
      const std::string value = text.substr(member.value, at - member.value);
      if (IsArguments(member.key)) early_arguments = value;
      if (member.key != "\"name\"") continue;
      const Json name = Json::parse(value, nullptr, false);
      if (!name.is_string() || !IsCallName(name.get_ref<const std::string&>())) return Progress::kWrong;
      if (known_only_ && FindTool(tools_, name.get_ref<const std::string&>()) == nullptr)
        return Progress::kWrong;
      out.BeginCall(name);
      text.erase(0, at);
      has_arguments_ = !early_arguments.empty();
      WriteArguments(early_arguments, out);
      state_ = State::kMembers;
      return Progress::kDone;
    }
  }

  // Arguments that are whole: some models write them as JSON within a string.
  static void WriteArguments(const std::string& value, PieceWriter& out) {
    const Json text = value.starts_with('"') ? Json::parse(value, nullptr, false) : Json();
    out.Arguments(text.is_string() ? text.get_ref<const std::string&>() : value);
  }

  // kWrong: the arguments begin now, or another member was skipped.
  Progress ReadMember(std::string& text, PieceWriter& out) {
    const Member member = FindMember(text, 0);
    if (member.closed || member.wrong) {  // what is no JSON ends the call: its name has gone out
      text.erase(0, member.closed ? member.value : text.size());
      if (!has_arguments_) out.Arguments("{}");
      return Progress::kDone;
    }
    if (member.value == 0) return Progress::kMore;
    const bool arguments = IsArguments(member.key) && !has_arguments_;
    if (arguments && text[member.value] != '"') {
      has_arguments_ = true;
      text.erase(0, member.value);
      state_ = State::kArguments;
      return Progress::kWrong;
    }
    const size_t end = JsonValueEnd(text, member.value);
    if (end == std::string::npos) return Progress::kMore;
    if (arguments) {
      has_arguments_ = true;
      WriteArguments(text.substr(member.value, end - member.value), out);
    }
    text.erase(0, end);
    return Progress::kWrong;
  }
};

// The name in what stands in front of the arguments: "f[CALL_ID]123[ARGS]", "function<sep>f\n```json\n",
// "functions.f:0<begin>".
std::string NameInHeader(std::string_view header) {
  constexpr std::string_view kMarks[] = {"[CALL_ID]", "[ARGS]", "<｜tool▁sep｜>",
                                         "<|tool_call_argument_begin|>", "```"};
  std::string text(header);
  for (const std::string_view mark : kMarks)
    for (size_t at; (at = text.find(mark)) != std::string::npos;) text.replace(at, mark.size(), 1, '\n');
  std::vector<std::string> words;
  for (size_t at = 0; (at = text.find_first_not_of(kSpace, at)) != std::string::npos;) {
    const size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  if (words.empty()) return {};
  std::string name = words.size() > 1 && words[0] == "function" ? words[1] : words[0];
  if (name.starts_with("functions.")) {
    name.erase(0, std::string_view("functions.").size());
    const size_t colon = name.rfind(':');
    if (colon != std::string::npos && name.find_first_not_of("0123456789", colon + 1) == std::string::npos)
      name.erase(colon);
  }
  return name;
}

class NamedReader final : public CallReader {
 public:
  explicit NamedReader(const CallFormat& format) : format_(format) {}

  Progress Read(std::string& text, bool, PieceWriter& out) override {
    if (!named_) {
      const size_t end = format_.end.empty() ? std::string::npos : text.find(format_.end);
      const size_t begin = std::min(text.find('{'), end);
      if (begin == std::string::npos && text.size() <= kLongestHeader) return Progress::kMore;
      const std::string name = NameInHeader(text.substr(0, begin));
      if (!IsCallName(name)) return Progress::kWrong;
      named_ = true;
      out.BeginCall(name);
      text.erase(0, begin);
      if (begin == end) {
        out.Arguments("{}");
        return Progress::kDone;
      }
    }
    const size_t taken = scanner_.Take(text);
    out.Arguments(std::string_view(text).substr(0, taken));
    text.erase(0, taken);
    return scanner_.done() ? Progress::kDone : Progress::kMore;
  }

 private:
  const CallFormat& format_;
  bool named_ = false;
  JsonScanner scanner_;
};

}  // namespace

bool IsCallName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' &&
           std::string_view("<>{}[]\"'`|").find(c) == std::string_view::npos;
  });
}

const Json* FindTool(const Json& tools, std::string_view name) {
  if (!tools.is_array()) return nullptr;
  for (const Json& tool : tools) {
    const auto function = tool.find("function");
    if (function != tool.end() && function->value("name", "") == name) return &*function;
  }
  return nullptr;
}

bool BeginsMark(std::string_view text, std::string_view mark) {
  return text.size() < mark.size() && mark.starts_with(text);
}

std::unique_ptr<CallReader> MakeCallReader(const CallFormat& format, const Json& tools, bool known_only) {
  switch (format.body) {
    case CallBody::kNamed:
      return std::make_unique<NamedReader>(format);
    case CallBody::kParameters:
      return MakeParameterReader(format, tools);
    case CallBody::kPython:
      return MakePythonReader(tools, known_only);
    default:
      return std::make_unique<JsonReader>(tools, known_only);
  }
}

}  // namespace sluice::chat
