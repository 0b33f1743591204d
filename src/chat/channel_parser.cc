// Answers in channels, each message with a header of its own:
// <|channel|>analysis<|message|>...<|end|><|start|>assistant<|channel|>commentary to=functions.f
// <|constrain|>json
// <|message|>{...}<|call|>
#include <algorithm>

#include "chat/answer_parser.h"
#include "chat/call_reader.h"

namespace sluice::chat {
namespace {

constexpr std::string_view kMessage = "<|message|>", kChannel = "<|channel|>";
constexpr size_t kLongestHeader = 1000;

class ChannelParser final : public AnswerParser {
 public:
  std::vector<AnswerPiece> Push(std::string_view text) override {
    buffer_ += text;
    Run(false);
    return out_.Take();
  }
  std::vector<AnswerPiece> Finish() override {
    Run(true);
    EndMessage();
    out_.Finish();
    return out_.Take();
  }

 private:
  enum class Part { kStart, kHeader, kContent, kReasoning, kArguments };

  Part part_ = Part::kStart;
  std::string buffer_;
  bool has_arguments_ = false;
  PieceWriter out_;

  static const std::vector<std::string>& EndMarks() {
    static const std::vector<std::string> kMarks = {"<|end|>", "<|call|>", "<|return|>", "<|start|>",
                                                    "<|channel|>"};
    return kMarks;
  }

  void Run(bool last) {
    while (part_ == Part::kStart ? Start(last) : part_ == Part::kHeader ? Header(last) : Body(last)) {
    }
  }

  // An answer without a header is content.
  bool Start(bool last) {
    if (buffer_.empty()) return false;
    for (const std::string_view mark : {kChannel, std::string_view("<|start|>")})
      if (buffer_.starts_with(mark) || (!last && BeginsMark(buffer_, mark))) {
        if (!buffer_.starts_with(mark)) return false;
        part_ = Part::kHeader;
        return true;
      }
    part_ = buffer_.starts_with(" to=") || BeginsMark(buffer_, " to=") ? Part::kHeader : Part::kContent;
    return true;
  }

  bool Header(bool last) {
    const size_t end = buffer_.find(kMessage);
    if (end == std::string::npos) {
      if (buffer_.size() > kLongestHeader) out_.Content(buffer_);  // no header at all
      if (last || buffer_.size() > kLongestHeader) buffer_.clear();
      return false;
    }
    ReadHeader(std::string_view(buffer_).substr(0, end));
    buffer_.erase(0, end + kMessage.size());
    return true;
  }

  static std::string Word(std::string_view header, std::string_view behind) {
    const size_t at = header.find(behind);
    if (at == std::string_view::npos) return {};
    header.remove_prefix(at + behind.size());
    return std::string(header.substr(0, std::min(header.find_first_of(" <\n"), header.size())));
  }

  void ReadHeader(std::string_view header) {
    constexpr std::string_view kFunctions = "functions.";
    const std::string recipient = Word(header, "to="), channel = Word(header, kChannel);
    if (recipient.starts_with(kFunctions) && IsCallName(recipient.substr(kFunctions.size()))) {
      out_.BeginCall(recipient.substr(kFunctions.size()));
      part_ = Part::kArguments;
      has_arguments_ = false;
    } else {
      part_ = channel == "analysis" || !recipient.empty() ? Part::kReasoning : Part::kContent;
    }
  }

  bool Body(bool last) {
    size_t end = std::string::npos;
    for (const std::string& mark : EndMarks()) end = std::min(end, buffer_.find(mark));
    const bool whole = end != std::string::npos;
    if (!whole) end = buffer_.size() - (last ? 0 : PossibleMarkStart(buffer_, EndMarks()));
    Give(std::string_view(buffer_).substr(0, end));
    buffer_.erase(0, end);
    if (!whole) return false;
    EndMessage();
    // Whatever stands between this message and the next header's end is header.
    part_ = Part::kHeader;
    for (const std::string_view mark : {"<|end|>", "<|call|>", "<|return|>"})
      if (buffer_.starts_with(mark)) buffer_.erase(0, mark.size());
    return true;
  }

  void Give(std::string_view text) {
    if (part_ == Part::kContent) out_.Content(text);
    if (part_ == Part::kReasoning) out_.Reasoning(text);
    if (part_ != Part::kArguments) return;
    has_arguments_ = has_arguments_ || !text.empty();
    out_.Arguments(text);
  }

  void EndMessage() {
    if (part_ == Part::kArguments && !has_arguments_) out_.Arguments("{}");
    has_arguments_ = true;
  }
};

}  // namespace

std::unique_ptr<AnswerParser> MakeChannelParser() { return std::make_unique<ChannelParser>(); }

}  // namespace sluice::chat
