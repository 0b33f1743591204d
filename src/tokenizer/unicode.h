// UTF-8 and the properties of code points, as the reference tokenizer libraries see them (Unicode 16).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::tokenizer {

// General category; the order is that of kCategoryRuns.
enum class Category : uint8_t {
  kCn,
  kLu,
  kLl,
  kLt,
  kLm,
  kLo,
  kMn,
  kMc,
  kMe,
  kNd,
  kNl,
  kNo,
  kPc,
  kPd,
  kPs,
  kPe,
  kPi,
  kPf,
  kPo,
  kSm,
  kSc,
  kSk,
  kSo,
  kZs,
  kZl,
  kZp,
  kCc,
  kCf,
  kCs,
  kCo
};

constexpr char32_t kMaxCodePoint = 0x10FFFF;
constexpr char32_t kReplacement = 0xFFFD;
constexpr std::string_view kReplacementUtf8 = "\xEF\xBF\xBD";
constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";  // U+2581, SentencePiece's visible space

struct Decoded {
  enum Status : uint8_t { kValid, kInvalid, kIncomplete };
  char32_t value;  // U+FFFD unless valid
  uint8_t size;    // bytes: of the character, or of the maximal ill-formed part
  Status status;   // kIncomplete: the text ends inside what could become a character
};

Decoded DecodeMultiByte(std::string_view text, size_t position);

// The character at `position` < text.size().
inline Decoded DecodeAt(std::string_view text, size_t position) {
  const auto lead = static_cast<uint8_t>(text[position]);
  if (lead < 0x80) return {lead, 1, Decoded::kValid};
  return DecodeMultiByte(text, position);
}
// Where the character that ends at `position` > 0 starts, in valid text.
inline size_t PreviousStart(std::string_view text, size_t position) {
  do {
    --position;
  } while (position > 0 && (static_cast<uint8_t>(text[position]) & 0xC0) == 0x80);
  return position;
}

void AppendUtf8(std::string& out, char32_t code_point);
std::string ToUtf8(char32_t code_point);
bool IsValidUtf8(std::string_view text);

enum class Replacing { kPerIllFormedPart, kPerByte };
std::string ReplaceInvalidUtf8(std::string_view text, Replacing how);

// Turns bytes that arrive in any portions into characters; holds the bytes of an unfinished one.
class Utf8Assembler {
 public:
  explicit Utf8Assembler(Replacing how) : how_(how) {}
  void Push(std::string_view bytes, std::string& out);
  void Finish(std::string& out);
  bool empty() const { return held_.empty(); }

 private:
  Replacing how_;
  std::string held_;
};

Category CategoryOf(char32_t c);
uint8_t ScriptOf(char32_t c);  // index into kScriptNames

bool IsWhiteSpace(char32_t c);     // White_Space
bool IsNumeric(char32_t c);        // Nd, Nl, No
bool IsMark(char32_t c);           // Mn, Mc, Me
bool IsPunctuation(char32_t c);    // P*, and ASCII symbols
bool IsWordCharacter(char32_t c);  // alphabetic, marks, decimal digits, connectors, joiners
bool IsOther(char32_t c);          // Cc, Cf, Cs, Co
bool IsCjkIdeograph(char32_t c);   // the blocks that BERT isolates

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
// `text` must be valid UTF-8. Time is linear but for sorting runs of combining marks.
std::string Normalize(std::string_view text, NormalForm form);
std::string Lowercase(std::string_view text);

// The end of the extended grapheme cluster that starts at `position`.
size_t GraphemeEnd(std::string_view text, size_t position);

}  // namespace sluice::tokenizer
