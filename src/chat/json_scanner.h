// Finds where a JSON value ends, in pieces of text, without judging what stands inside.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::chat {

class JsonScanner {
 public:
  // How many bytes at the front of `text` still belong to the value; the first is the value's first
  // character, without space before it. After done() nothing does.
  size_t Take(std::string_view text);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kBegin, kScalar, kInside, kString, kEscape, kDone };
  State state_ = State::kBegin;
  size_t depth_ = 0;

  // False: `c` does not belong to the value.
  bool Step(char c);
};

// The end of the value that begins at `begin`; npos if it goes on behind the text.
size_t JsonValueEnd(std::string_view text, size_t begin);

}  // namespace sluice::chat
