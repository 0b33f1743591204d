// The parts of an answer, in the order in which they become certain.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::chat {

struct AnswerPiece {
  enum class Kind : uint8_t { kContent, kReasoning, kCallName, kCallArguments };

  Kind kind = Kind::kContent;
  std::string text;  // a whole name; otherwise what is added
  int call = -1;     // which call, counted from 0

  bool operator==(const AnswerPiece&) const = default;
};

// Collects pieces. Space around reasoning and around calls belongs to the marks: it is left out. Not
// thread-safe.
class PieceWriter {
 public:
  void Content(std::string_view text) { Text(AnswerPiece::Kind::kContent, text); }
  void Reasoning(std::string_view text) { Text(AnswerPiece::Kind::kReasoning, text); }
  void BeginCall(std::string name);
  void Arguments(std::string_view text);  // of the last call
  // The answer is over: space that was held back belongs to it if nothing but content came.
  void Finish();

  // Nothing but space has come so far.
  bool empty() const { return !last_; }
  int calls() const { return calls_; }
  std::vector<AnswerPiece> Take() { return std::exchange(pieces_, {}); }

 private:
  std::vector<AnswerPiece> pieces_;
  std::optional<AnswerPiece::Kind> last_;  // of the last piece that was not space
  bool reasoned_ = false;                  // the answer began with reasoning, be it empty
  std::string held_space_;
  int calls_ = 0;

  void Text(AnswerPiece::Kind kind, std::string_view text);
  void Add(AnswerPiece::Kind kind, std::string_view text, int call);
};

}  // namespace sluice::chat
