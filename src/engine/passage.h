// A window of text as a model reads it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "model/desc.h"

namespace sluice::engine {

struct Passage {
  std::vector<int32_t> source;  // of an encoder-decoder model; else empty
  std::vector<int32_t> tokens;  // that the decoder reads, each but the last followed by what it shall predict
};

// Of an encoder-decoder model the first half of the window is the source, and the second half its answer.
inline Passage PassageOf(const model::Desc& desc, const std::vector<int32_t>& window) {
  if (!desc.encoder) return {{}, window};
  const auto half = window.begin() + static_cast<int64_t>((window.size() + 1) / 2);
  Passage passage{{window.begin(), half}, {desc.start_token}};
  passage.tokens.insert(passage.tokens.end(), half, window.end());
  return passage;
}

// The most tokens of a source and of what a decoder reads, over all windows.
struct LongestPassage {
  int64_t source = 0, tokens = 1;
};
inline LongestPassage LongestOf(const model::Desc& desc, const std::vector<std::vector<int32_t>>& windows) {
  LongestPassage longest;
  for (const auto& window : windows) {
    const Passage passage = PassageOf(desc, window);
    longest.source = std::max(longest.source, static_cast<int64_t>(passage.source.size()));
    longest.tokens = std::max(longest.tokens, static_cast<int64_t>(passage.tokens.size()));
  }
  return longest;
}

}  // namespace sluice::engine
