// The first stage: text -> text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "tokenizer/byte_trie.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/pattern.h"
#include "tokenizer/unicode.h"

namespace sluice::tokenizer {

struct UnicodeNormalizer {
  NormalForm form;
};
struct LowercaseNormalizer {};
struct StripNormalizer {
  bool left, right;
};
struct StripAccentsNormalizer {};
struct NmtNormalizer {};  // control characters go, unusual spaces become plain ones
struct PrependNormalizer {
  std::string text;  // nothing is put before an empty text
};
struct ReplaceNormalizer {
  Pattern pattern;
  std::string content;
};
struct BertNormalizer {
  bool clean_text, isolate_cjk, strip_accents, lowercase;
};
struct PrecompiledNormalizer {  // as tokenizers does it: grapheme by grapheme
  Charsmap charsmap;
};
struct ByteLevelNormalizer {};
struct SentencePieceNormalizer {
  std::optional<Charsmap> charsmap;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  bool whitespace_as_suffix = false;             // the dummy goes to the end
  std::shared_ptr<const ByteTrie> user_defined;  // never changed by rules; may be null
};

using Normalizer =
    std::variant<UnicodeNormalizer, LowercaseNormalizer, StripNormalizer, StripAccentsNormalizer,
                 NmtNormalizer, PrependNormalizer, ReplaceNormalizer, BertNormalizer, PrecompiledNormalizer,
                 ByteLevelNormalizer, SentencePieceNormalizer>;

// Runs all in order. `text` is valid UTF-8 and stays so. Fails where an expression takes too many steps or
// the text grows out of proportion.
Status RunNormalizers(const std::vector<Normalizer>& normalizers, RegexScratch& scratch, std::string& text);

}  // namespace sluice::tokenizer
