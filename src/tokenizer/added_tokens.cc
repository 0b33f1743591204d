#include "tokenizer/added_tokens.h"

#include <algorithm>

#include "tokenizer/unicode.h"

namespace sluice::tokenizer {
namespace {

bool WordEndsAt(std::string_view text, size_t position) {
  return position > 0 && IsWordCharacter(DecodeAt(text, PreviousStart(text, position)).value);
}

bool WordStartsAt(std::string_view text, size_t position) {
  return position < text.size() && IsWordCharacter(DecodeAt(text, position).value);
}

}  // namespace

void AddedTokens::Add(AddedToken token) {
  tokens_.push_back(std::move(token));
  SetPattern(tokens_.size() - 1, tokens_.back().content);
}

void AddedTokens::SetPattern(size_t index, std::string_view content) {
  ByteTrie& trie = tries_[tokens_[index].normalized];
  if (content != tokens_[index].content &&
      trie.Longest(tokens_[index].content, 0).value == static_cast<int32_t>(index))
    trie.Insert(tokens_[index].content, ByteTrie::kNoValue);
  trie.Insert(content, static_cast<int32_t>(index));
}

void AddedTokens::Split(std::string_view text, bool normalized, bool parse_special,
                        std::vector<Segment>& segments) const {
  segments.clear();
  const ByteTrie& trie = tries_[normalized];
  size_t text_start = 0;
  for (size_t i = 0; i < text.size() && !trie.empty();) {
    const ByteTrie::Found found = trie.Longest(text, i);
    if (found.length == 0) {
      ++i;
      continue;
    }
    size_t begin = i, end = i + found.length;
    i = end;
    const AddedToken& token = tokens_[static_cast<size_t>(found.value)];
    if (token.special && !parse_special) continue;
    if (token.single_word && (WordEndsAt(text, begin) || WordStartsAt(text, end))) continue;
    if (token.strip_left)
      while (begin > text_start) {
        const size_t previous = PreviousStart(text, begin);
        if (!IsWhiteSpace(DecodeAt(text, previous).value)) break;
        begin = previous;
      }
    if (token.strip_right)
      while (end < text.size()) {
        const Decoded c = DecodeAt(text, end);
        if (!IsWhiteSpace(c.value)) break;
        end += c.size;
      }
    if (text_start < begin) segments.push_back({text_start, begin, -1});
    segments.push_back({begin, end, token.id});
    text_start = end;
  }
  if (text_start < text.size()) segments.push_back({text_start, text.size(), -1});
}

}  // namespace sluice::tokenizer
