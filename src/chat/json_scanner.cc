#include "chat/json_scanner.h"

namespace sluice::chat {

bool JsonScanner::Step(char c) {
  switch (state_) {
    case State::kEscape:
      state_ = State::kString;
      return true;
    case State::kString:
      if (c == '\\') state_ = State::kEscape;
      if (c == '"') state_ = depth_ == 0 ? State::kDone : State::kInside;
      return true;
    case State::kScalar:
      if (std::string_view(",}] \t\r\n").find(c) == std::string_view::npos) return true;
      state_ = State::kDone;
      return false;
    case State::kDone:
      return false;
    case State::kBegin:
    case State::kInside:
      break;
  }
  const bool first = state_ == State::kBegin;
  if (c == '"') {
    state_ = State::kString;
  } else if (c == '{' || c == '[') {
    ++depth_;
    state_ = State::kInside;
  } else if (first) {
    state_ = State::kScalar;
  } else if ((c == '}' || c == ']') && --depth_ == 0) {
    state_ = State::kDone;
  }
  return true;
}

size_t JsonScanner::Take(std::string_view text) {
  size_t taken = 0;
  while (taken < text.size() && !done() && Step(text[taken])) ++taken;
  return taken;
}

size_t JsonValueEnd(std::string_view text, size_t begin) {
  JsonScanner scanner;
  const size_t taken = scanner.Take(text.substr(begin));
  return scanner.done() ? begin + taken : std::string_view::npos;
}

}  // namespace sluice::chat
