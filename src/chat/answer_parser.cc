#include "chat/answer_parser.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "chat/call_reader.h"

namespace sluice::chat {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSpace = " \t\r\n";

class MarkParser final : public AnswerParser {
 public:
  MarkParser(const AnswerSyntax& syntax, const Json& tools, bool in_reasoning)
      : syntax_(syntax), tools_(tools), calls_(tools.is_array() && syntax.calls.body != CallBody::kNone) {
    if (in_reasoning) state_ = State::kReasoning;
    may_reason_ = !syntax.think_end.empty();
  }

  std::vector<AnswerPiece> Push(std::string_view text) override {
    buffer_ += text;
    Run(false);
    return out_.Take();
  }

  std::vector<AnswerPiece> Finish() override {
    Run(true);
    if (state_ == State::kCall && !begun_) {  // a call that was cut off before its name
      ShowRaw();
      Run(true);
    }
    out_.Finish();
    return out_.Take();
  }

 private:
  enum class State {
    kContent,
    kReasoning,
    kBetween,  // in a section, or behind a call
    kCall
  };

  const AnswerSyntax& syntax_;
  const Json& tools_;
  const bool calls_;
  bool may_reason_ = false;  // nothing but space has come
  State state_ = State::kContent;
  std::string buffer_;          // not understood yet
  std::string raw_;             // taken since the last content, while no call has begun
  bool begun_ = false;          // a call of this section has
  bool bare_ = false;           // the section began without a mark
  bool content_begun_ = false;  // more than space
  std::unique_ptr<CallReader> reader_;
  PieceWriter out_;

  const CallFormat& format() const { return syntax_.calls; }

  void Run(bool last) {
    while (Step(last)) {
    }
  }

  // False: nothing can be done before more text comes.
  bool Step(bool last) {
    switch (state_) {
      case State::kReasoning:
        return Reasoning(last);
      case State::kBetween:
        return Between(last);
      case State::kCall:
        return Call(last);
      default:
        return Content(last);
    }
  }

  bool Reasoning(bool last) {
    may_reason_ = false;
    const size_t end = buffer_.find(syntax_.think_end);
    if (end != std::string::npos) {
      out_.Reasoning(std::string_view(buffer_).substr(0, end));
      buffer_.erase(0, end + syntax_.think_end.size());
      state_ = State::kContent;
      return true;
    }
    const size_t keep = last ? 0 : PossibleMarkStart(buffer_, {syntax_.think_end});
    out_.Reasoning(std::string_view(buffer_).substr(0, buffer_.size() - keep));
    buffer_.erase(0, buffer_.size() - keep);
    return false;
  }

  // What may begin something else where content stands.
  std::vector<std::string> ContentMarks() const {
    std::vector<std::string> marks;
    if (may_reason_) marks.push_back(syntax_.think_begin);
    if (calls_)
      for (const std::string& mark : {format().section, format().begin})
        if (!mark.empty()) marks.push_back(mark);
    return marks;
  }

  bool Content(bool last) {
    const size_t begin = buffer_.find_first_not_of(kSpace);
    if (may_reason_ && begin != std::string::npos) {
      if (std::string_view(buffer_).substr(begin).starts_with(syntax_.think_begin)) {
        buffer_.erase(0, begin + syntax_.think_begin.size());
        state_ = State::kReasoning;
        return true;
      }
      if (!BeginsMark(std::string_view(buffer_).substr(begin), syntax_.think_begin)) may_reason_ = false;
    }
    if (BareCallBegins(begin)) return true;
    size_t first = std::string::npos;
    if (calls_)
      for (const std::string& mark : {format().section, format().begin})
        if (!mark.empty()) first = std::min(first, buffer_.find(mark));
    if (first != std::string::npos) {
      GiveContent(first);
      EnterCalls(false);
      return true;
    }
    GiveContent(buffer_.size() - (last ? 0 : PossibleMarkStart(buffer_, ContentMarks())));
    return false;
  }

  void GiveContent(size_t count) {
    const std::string_view text = std::string_view(buffer_).substr(0, count);
    if (text.find_first_not_of(kSpace) != std::string::npos) content_begun_ = true;
    out_.Content(text);
    buffer_.erase(0, count);
  }

  bool BareCallBegins(size_t begin) {
    const bool possible = calls_ && format().bare && begin != std::string::npos && !content_begun_;
    if (!possible || buffer_[begin] != (format().body == CallBody::kPython ? '[' : '{')) return false;
    EnterCalls(true);
    return true;
  }

  void EnterCalls(bool bare) {
    state_ = State::kBetween;
    begun_ = false;
    bare_ = bare;
    raw_.clear();
  }

  void Drop(size_t count) {
    if (!begun_) raw_ += buffer_.substr(0, count);
    buffer_.erase(0, count);
  }

  bool Between(bool last) {
    Drop(std::min(buffer_.find_first_not_of(kSpace), buffer_.size()));
    if (buffer_.empty()) {
      if (last && !begun_) ShowRaw();
      return last && state_ == State::kContent;
    }
    for (const std::string* mark : {&format().section, &format().end, &format().section_end}) {
      if (mark->empty() || *mark == format().begin || !buffer_.starts_with(*mark)) continue;
      Drop(mark->size());
      return true;
    }
    const bool body_first = format().begin.empty();
    if (body_first ? BodyBegins() : buffer_.starts_with(format().begin)) {
      Drop(format().begin.size());
      reader_ = MakeCallReader(format(), tools_, bare_);
      state_ = State::kCall;
      return true;
    }
    if (!last)
      for (const std::string* mark :
           {&format().section, &format().end, &format().section_end, &format().begin})
        if (BeginsMark(buffer_, *mark)) return false;
    if (format().body != CallBody::kParameters &&
        std::string_view(",;[]`").find(buffer_.front()) != std::string_view::npos)
      Drop(1);  // what separates calls in lists
    else if (begun_)
      state_ = State::kContent;
    else
      ShowRaw();
    return true;
  }

  bool BodyBegins() const {
    if (format().body != CallBody::kPython) return buffer_.front() == '{';
    return std::isalpha(static_cast<unsigned char>(buffer_.front())) || buffer_.front() == '_';
  }

  // What looked like a call was none.
  void ShowRaw() {
    out_.Content(raw_);
    content_begun_ = true;
    raw_.clear();
    reader_.reset();
    state_ = State::kContent;
  }

  bool Call(bool last) {
    const int before = out_.calls();
    const CallReader::Progress progress = reader_->Read(buffer_, last, out_);
    if (out_.calls() > before) {
      begun_ = true;
      raw_.clear();
    }
    switch (progress) {
      case CallReader::Progress::kMore:
        return false;
      case CallReader::Progress::kDone:
        state_ = State::kBetween;
        return true;
      default:
        ShowRaw();
        return true;
    }
  }
};

}  // namespace

size_t PossibleMarkStart(std::string_view text, const std::vector<std::string>& marks) {
  size_t longest = 0;
  for (const std::string& mark : marks) {
    for (size_t length = std::min(mark.size() - 1, text.size()); length > longest; --length) {
      if (!text.ends_with(std::string_view(mark).substr(0, length))) continue;
      longest = length;
      break;
    }
  }
  return longest;
}

std::unique_ptr<AnswerParser> MakeAnswerParser(const AnswerSyntax& syntax, const Json& tools,
                                               bool in_reasoning) {
  if (syntax.channels) return MakeChannelParser();
  return std::make_unique<MarkParser>(syntax, tools, in_reasoning);
}

}  // namespace sluice::chat
