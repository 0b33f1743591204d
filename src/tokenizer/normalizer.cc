#include "tokenizer/normalizer.h"

#include <fmt/format.h>

#include "tokenizer/byte_level.h"

namespace sluice::tokenizer {
namespace {

// Calls visit(character, its bytes) for each character.
template <typename Visit>
void ForEachChar(std::string_view text, Visit visit) {
  for (size_t i = 0; i < text.size();) {
    const Decoded c = DecodeAt(text, i);
    visit(c.value, text.substr(i, c.size));
    i += c.size;
  }
}

std::string StripAccents(std::string_view text, bool (*is_accent)(char32_t)) {
  std::string out;
  ForEachChar(text, [&](char32_t c, std::string_view bytes) {
    if (!is_accent(c)) out += bytes;
  });
  return out;
}

bool IsNonSpacingMark(char32_t c) { return CategoryOf(c) == Category::kMn; }

bool NmtDrops(char32_t c) {
  return (c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
}

bool NmtMakesSpace(char32_t c) {
  return c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
         c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == kReplacement;
}

std::string CleanForBert(std::string_view text) {
  std::string out;
  ForEachChar(text, [&](char32_t c, std::string_view bytes) {
    const bool plain_space = c == '\t' || c == '\n' || c == '\r';
    if (c == 0 || c == kReplacement || (!plain_space && IsOther(c))) return;
    out += IsWhiteSpace(c) ? " " : bytes;
  });
  return out;
}

std::string IsolateCjk(std::string_view text) {
  std::string out;
  ForEachChar(text, [&](char32_t c, std::string_view bytes) {
    if (IsCjkIdeograph(c)) {
      out += ' ';
      out += bytes;
      out += ' ';
    } else {
      out += bytes;
    }
  });
  return out;
}

std::string Strip(std::string_view text, bool left, bool right) {
  size_t begin = 0, end = text.size();
  while (left && begin < end) {
    const Decoded c = DecodeAt(text, begin);
    if (!IsWhiteSpace(c.value)) break;
    begin += c.size;
  }
  while (right && end > begin) {
    const size_t last = PreviousStart(text, end);
    if (!IsWhiteSpace(DecodeAt(text, last).value)) break;
    end = last;
  }
  return std::string(text.substr(begin, end - begin));
}

std::string RunPrecompiled(const Charsmap& charsmap, std::string_view text) {
  std::string out;
  const auto append = [&](std::string_view part) {
    const auto rule = charsmap.Shortest(part);
    if (rule) out += rule->replacement;
    return rule.has_value();
  };
  constexpr size_t kLongWhole = 6;  // graphemes from this many bytes on are looked up character by character
  for (size_t i = 0; i < text.size();) {
    const size_t end = GraphemeEnd(text, i);
    const std::string_view grapheme = text.substr(i, end - i);
    i = end;
    if (grapheme.size() < kLongWhole && append(grapheme)) continue;
    ForEachChar(grapheme, [&](char32_t, std::string_view bytes) {
      if (!append(bytes)) out += bytes;
    });
  }
  return out;
}

class SentencePieceRun {
 public:
  SentencePieceRun(const SentencePieceNormalizer& spec, std::string_view text) : spec_(spec), text_(text) {}

  std::string Run() {
    if (spec_.remove_extra_whitespaces)
      while (!text_.empty()) {
        const Prefix prefix = Next();
        if (prefix.text != " ") break;
        text_.remove_prefix(prefix.length);
      }
    if (text_.empty()) return {};
    if (spec_.add_dummy_prefix && !spec_.whitespace_as_suffix) AppendSpace();
    bool after_space = spec_.remove_extra_whitespaces;
    while (!text_.empty()) {
      Prefix prefix = Next();
      while (after_space && prefix.text.starts_with(' ')) prefix.text.remove_prefix(1);
      if (!prefix.text.empty()) {
        for (const char c : prefix.text) c == ' ' ? AppendSpace() : out_.push_back(c);
        after_space = prefix.text.ends_with(' ');
      }
      text_.remove_prefix(prefix.length);
      if (!spec_.remove_extra_whitespaces) after_space = false;
    }
    if (spec_.remove_extra_whitespaces)
      while (out_.ends_with(Space())) out_.erase(out_.size() - Space().size());
    if (spec_.add_dummy_prefix && spec_.whitespace_as_suffix) AppendSpace();
    return std::move(out_);
  }

 private:
  struct Prefix {
    std::string_view text;
    size_t length;
  };
  std::string_view Space() const { return spec_.escape_whitespaces ? kSpaceSymbol : " "; }
  void AppendSpace() { out_ += Space(); }
  Prefix Next() const {
    if (spec_.user_defined)
      if (const auto found = spec_.user_defined->Longest(text_, 0); found.length > 0)
        return {text_.substr(0, found.length), found.length};
    if (spec_.charsmap)
      if (const auto rule = spec_.charsmap->Longest(text_)) return {rule->replacement, rule->length};
    const size_t size = DecodeAt(text_, 0).size;
    return {text_.substr(0, size), size};
  }

  const SentencePieceNormalizer& spec_;
  std::string_view text_;
  std::string out_;
};

struct Runner {
  RegexScratch& scratch;
  std::string& text;

  Status operator()(const UnicodeNormalizer& n) { return Set(Normalize(text, n.form)); }
  Status operator()(const LowercaseNormalizer&) { return Set(Lowercase(text)); }
  Status operator()(const StripNormalizer& n) { return Set(Strip(text, n.left, n.right)); }
  Status operator()(const StripAccentsNormalizer&) { return Set(StripAccents(text, IsMark)); }
  Status operator()(const NmtNormalizer&) {
    std::string out;
    ForEachChar(text, [&](char32_t c, std::string_view bytes) {
      if (!NmtDrops(c)) out += NmtMakesSpace(c) ? " " : bytes;
    });
    return Set(std::move(out));
  }
  Status operator()(const PrependNormalizer& n) {
    if (!text.empty()) text.insert(0, n.text);
    return {};
  }
  Status operator()(const ReplaceNormalizer& n) {
    std::string out;
    SLUICE_CHECK_OK(n.pattern.Replace(text, n.content, scratch, out));
    return Set(std::move(out));
  }
  Status operator()(const BertNormalizer& n) {
    if (n.clean_text) text = CleanForBert(text);
    if (n.isolate_cjk) text = IsolateCjk(text);
    if (n.strip_accents) text = StripAccents(Normalize(text, NormalForm::kNfd), IsNonSpacingMark);
    if (n.lowercase) text = Lowercase(text);
    return {};
  }
  Status operator()(const PrecompiledNormalizer& n) { return Set(RunPrecompiled(n.charsmap, text)); }
  Status operator()(const ByteLevelNormalizer&) {
    std::string out;
    AppendSpelled(text, out);
    return Set(std::move(out));
  }
  Status operator()(const SentencePieceNormalizer& n) { return Set(SentencePieceRun(n, text).Run()); }

  Status Set(std::string out) {
    text = std::move(out);
    return {};
  }
};

}  // namespace

Status RunNormalizers(const std::vector<Normalizer>& normalizers, RegexScratch& scratch, std::string& text) {
  const size_t limit = (size_t{1} << 20) + 64 * text.size();
  for (const Normalizer& normalizer : normalizers) {
    SLUICE_CHECK_OK(std::visit(Runner{scratch, text}, normalizer));
    if (text.size() > limit)
      return Fail(ErrorCode::kTryLater,
                  fmt::format("the vocabulary's normaliser makes {} bytes of the text, the limit is {}",
                              text.size(), limit),
                  "send a shorter text");
  }
  return {};
}

}  // namespace sluice::tokenizer
