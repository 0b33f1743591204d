// A text as windows of tokens, to measure a model on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "tokenizer/tokenizer.h"

namespace sluice::cli {

struct WindowOptions {
  int64_t window = 512;  // tokens, the first special one included
  int64_t tokens = 0;    // of the text, from its beginning; 0: all
};

struct TextWindows {
  std::vector<std::vector<int32_t>> windows;
  bool begins = false;  // each with the token that begins a text
};

// The last window may be shorter. A text without two tokens is refused.
Result<TextWindows> ReadWindows(const std::string& path, const tokenizer::Tokenizer& tokenizer,
                                const WindowOptions& options);

}  // namespace sluice::cli
