#include "chat/piece_writer.h"

#include <algorithm>

namespace sluice::chat {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
using Kind = AnswerPiece::Kind;

}  // namespace

void PieceWriter::Add(Kind kind, std::string_view text, int call) {
  last_ = kind;
  if (!pieces_.empty() && pieces_.back().kind == kind && pieces_.back().call == call &&
      kind != Kind::kCallName) {
    pieces_.back().text += text;
  } else {
    pieces_.push_back({kind, std::string(text), call});
  }
}

void PieceWriter::Text(Kind kind, std::string_view text) {
  reasoned_ = reasoned_ || kind == Kind::kReasoning;
  if (last_ != kind) {
    const bool first_content = kind == Kind::kContent && !last_ && !reasoned_;
    if (!first_content) held_space_.clear();
    const size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
    if (first_content) held_space_ += text.substr(0, begin);
    text.remove_prefix(begin);
  }
  const size_t end = text.find_last_not_of(kSpace) + 1;  // 0: nothing but space
  if (end > 0) {
    Add(kind, std::exchange(held_space_, {}) + std::string(text.substr(0, end)), -1);
  }
  held_space_ += text.substr(end);
}

void PieceWriter::BeginCall(std::string name) {
  held_space_.clear();
  Add(Kind::kCallName, name, calls_++);
}

void PieceWriter::Arguments(std::string_view text) {
  if (!text.empty()) Add(Kind::kCallArguments, text, calls_ - 1);
}

void PieceWriter::Finish() {
  const bool content_alone = last_.value_or(Kind::kContent) == Kind::kContent;
  if (content_alone && !held_space_.empty()) Add(Kind::kContent, held_space_, -1);
  held_space_.clear();
}

}  // namespace sluice::chat
