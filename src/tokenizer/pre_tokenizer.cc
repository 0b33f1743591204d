#include "tokenizer/pre_tokenizer.h"

#include <algorithm>

#include "tokenizer/byte_level.h"
#include "tokenizer/unicode.h"
#include "tokenizer/unicode_data.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 31;

struct Part {
  size_t begin, end;
  bool match;
};

// Applies one splitter to every piece. Buffers live as long as the run.
class Splitter {
 public:
  Splitter(RegexScratch& scratch, Pieces& pieces) : scratch_(scratch), pieces_(pieces) {}

  Status ByPattern(const Pattern& pattern, SplitBehavior behavior, bool invert) {
    return ByMatches([&](std::string_view text) { return pattern.FindAll(text, scratch_, matches_); },
                     behavior, invert);
  }
  Status ByRegex(const Regex& regex, SplitBehavior behavior) {
    return ByMatches([&](std::string_view text) { return regex.FindAll(text, scratch_, matches_); }, behavior,
                     false);
  }
  template <typename Predicate>
  Status ByChars(Predicate predicate, SplitBehavior behavior) {
    const auto find = [&](std::string_view text) -> Status {
      matches_.clear();
      for (size_t i = 0; i < text.size();) {
        const Decoded c = DecodeAt(text, i);
        if (predicate(c.value)) matches_.push_back({i, i + c.size});
        i += c.size;
      }
      return {};
    };
    return ByMatches(find, behavior, false);
  }

 private:
  template <typename Find>
  Status ByMatches(Find find, SplitBehavior behavior, bool invert) {
    std::vector<Pieces::Span> out;
    out.reserve(pieces_.spans.size());
    for (const Pieces::Span& span : pieces_.spans) {
      const auto text = std::string_view(pieces_.text).substr(span.begin, span.end - span.begin);
      SLUICE_CHECK_OK(find(text));
      parts_.clear();
      size_t previous = 0;
      for (const Regex::Match& match : matches_) {
        if (previous != match.begin) parts_.push_back({previous, match.begin, invert});
        parts_.push_back({match.begin, match.end, !invert});
        previous = match.end;
      }
      if (previous != text.size()) parts_.push_back({previous, text.size(), invert});
      Join(behavior);
      for (const Part& part : parts_)
        if (part.begin < part.end)
          out.push_back(
              {static_cast<uint32_t>(span.begin + part.begin), static_cast<uint32_t>(span.begin + part.end)});
    }
    pieces_.spans = std::move(out);
    return {};
  }

  void Join(SplitBehavior behavior) {
    switch (behavior) {
      case SplitBehavior::kIsolated:
        return;
      case SplitBehavior::kRemoved:
        std::erase_if(parts_, [](const Part& part) { return part.match; });
        return;
      case SplitBehavior::kContiguous:
        JoinNeighbours([](bool match, bool previous) { return match == previous; });
        return;
      case SplitBehavior::kMergedWithPrevious:
        JoinNeighbours([](bool match, bool previous) { return match && !previous; });
        return;
      case SplitBehavior::kMergedWithNext:
        std::reverse(parts_.begin(), parts_.end());
        JoinNeighbours([](bool match, bool previous) { return match && !previous; });
        std::reverse(parts_.begin(), parts_.end());
        return;
    }
  }
  template <typename Joins>
  void JoinNeighbours(Joins joins) {
    bool previous_match = false;
    size_t kept = 0;
    for (const Part& part : parts_) {
      if (kept > 0 && joins(part.match, previous_match)) {
        parts_[kept - 1].begin = std::min(parts_[kept - 1].begin, part.begin);
        parts_[kept - 1].end = std::max(parts_[kept - 1].end, part.end);
      } else {
        parts_[kept++] = part;
      }
      previous_match = part.match;
    }
    parts_.resize(kept);
  }

  RegexScratch& scratch_;
  Pieces& pieces_;
  std::vector<Regex::Match> matches_;
  std::vector<Part> parts_;
};

// Writes a new text piece by piece.
template <typename Append>
Status Rewrite(Pieces& pieces, size_t expected_bytes, Append append) {
  std::string text;
  text.reserve(expected_bytes);
  for (Pieces::Span& span : pieces.spans) {
    const auto old = std::string_view(pieces.text).substr(span.begin, span.end - span.begin);
    const bool first = pieces.at_start && span.begin == 0;
    span.begin = static_cast<uint32_t>(text.size());
    append(old, first, text);
    span.end = static_cast<uint32_t>(text.size());
    if (text.size() > kMaxBytes)
      return Fail(ErrorCode::kTryLater,
                  "the vocabulary's pre-tokenizer makes more than 2^31 bytes of the text",
                  "send a shorter text");
  }
  pieces.text = std::move(text);
  return {};
}

struct Runner {
  RegexScratch& scratch;
  Pieces& pieces;

  Status operator()(const ByteLevelPreTokenizer& p) {
    if (p.add_prefix_space)
      SLUICE_CHECK_OK(Rewrite(pieces, pieces.text.size() + pieces.spans.size(),
                              [](std::string_view old, bool, std::string& out) {
                                if (!old.starts_with(' ')) out += ' ';
                                out += old;
                              }));
    if (p.expression)
      SLUICE_CHECK_OK(Splitter(scratch, pieces).ByRegex(*p.expression, SplitBehavior::kIsolated));
    return Rewrite(pieces, pieces.text.size() + pieces.text.size() / 4,
                   [](std::string_view old, bool, std::string& out) { AppendSpelled(old, out); });
  }

  Status operator()(const MetaspacePreTokenizer& p) {
    const auto mark_spaces = [&](std::string_view old, bool first, std::string& out) {
      const bool wanted = p.prepend == MetaspacePreTokenizer::Prepend::kAlways ||
                          (p.prepend == MetaspacePreTokenizer::Prepend::kFirst && first);
      if (wanted && !old.starts_with(' ') && !old.starts_with(p.replacement)) out += p.replacement;
      for (const char c : old) c == ' ' ? void(out += p.replacement) : out.push_back(c);
    };
    SLUICE_CHECK_OK(Rewrite(pieces, pieces.text.size() * 3 / 2, mark_spaces));
    if (!p.split) return {};
    return Splitter(scratch, pieces).ByPattern(Pattern(p.replacement), SplitBehavior::kMergedWithNext, false);
  }

  Status operator()(const SplitPreTokenizer& p) {
    return Splitter(scratch, pieces).ByPattern(p.pattern, p.behavior, p.invert);
  }

  Status operator()(const CharSplitPreTokenizer& p) {
    using Class = CharSplitPreTokenizer::Class;
    Splitter splitter(scratch, pieces);
    switch (p.chars) {
      case Class::kPunctuation:
        return splitter.ByChars(IsPunctuation, p.behavior);
      case Class::kNumeric:
        return splitter.ByChars(IsNumeric, p.behavior);
      case Class::kWhiteSpace:
        return splitter.ByChars(IsWhiteSpace, p.behavior);
      case Class::kGiven:
        return splitter.ByChars([&](char32_t c) { return c == p.given; }, p.behavior);
    }
    return {};
  }

  // A piece per run of one script. Spaces and unassigned characters belong to what they follow; kana and the
  // long-vowel mark count as Han. What comes before the first letter of any script is dropped.
  Status operator()(const UnicodeScriptsPreTokenizer&) {
    std::vector<Pieces::Span> out;
    for (const Pieces::Span& span : pieces.spans) {
      const auto text = std::string_view(pieces.text).substr(0, span.end);
      std::string_view last_script;
      for (size_t i = span.begin; i < text.size();) {
        const Decoded c = DecodeAt(text, i);
        const std::string_view script = MergedScript(c.value);
        if (!script.empty() && script != last_script) {
          if (!last_script.empty()) out.back().end = static_cast<uint32_t>(i);
          out.push_back({static_cast<uint32_t>(i), span.end});
          last_script = script;
        }
        i += c.size;
      }
    }
    pieces.spans = std::move(out);
    return {};
  }

  // Empty: any script.
  static std::string_view MergedScript(char32_t c) {
    if (c == ' ') return {};
    if (c == 0x30FC) return "Han";
    const std::string_view script = kScriptNames[ScriptOf(c)];
    if (script == "Hiragana" || script == "Katakana") return "Han";
    return script == "Unknown" ? std::string_view() : script;
  }
};

}  // namespace

Status RunPreTokenizers(const std::vector<PreTokenizer>& pre_tokenizers, RegexScratch& scratch,
                        Pieces& pieces) {
  for (const PreTokenizer& pre_tokenizer : pre_tokenizers)
    SLUICE_CHECK_OK(std::visit(Runner{scratch, pieces}, pre_tokenizer));
  return {};
}

}  // namespace sluice::tokenizer
