#include <algorithm>

#include "tokenizer/models.h"
#include "tokenizer/unicode.h"

namespace sluice::tokenizer {

void WordPieceModel::Encode(std::string_view word, const Vocabulary& vocabulary, ModelScratch& scratch,
                            std::vector<TokenId>& ids) const {
  const size_t before = ids.size();
  const auto unknown = [&] {
    ids.resize(before);
    if (options_.unk != kNoToken) ids.push_back(options_.unk);
  };
  const auto chars = std::count_if(word.begin(), word.end(), [](char c) { return (c & 0xC0) != 0x80; });
  if (static_cast<size_t>(chars) > options_.max_word_chars) return unknown();
  for (size_t begin = 0; begin < word.size();) {
    const std::string& prefix = begin == 0 ? options_.first_prefix : options_.continuing_prefix;
    size_t end = std::min(word.size(), begin + vocabulary.longest());
    TokenId found = kNoToken;
    for (; end > begin; --end) {
      if (end < word.size() && (word[end] & 0xC0) == 0x80) continue;
      scratch.text.assign(prefix).append(word.substr(begin, end - begin));
      found = vocabulary.Find(scratch.text);
      if (found != kNoToken) break;
    }
    if (found == kNoToken) return unknown();
    ids.push_back(found);
    begin = end;
  }
}

void WordLevelModel::Encode(std::string_view word, const Vocabulary& vocabulary, ModelScratch&,
                            std::vector<TokenId>& ids) const {
  const TokenId found = vocabulary.Find(word);
  if (found != kNoToken) {
    ids.push_back(found);
  } else if (unk_ != kNoToken) {
    ids.push_back(unk_);
  }
}

}  // namespace sluice::tokenizer
