#include "tokenizer/unicode.h"

#include <gtest/gtest.h>

#include "tokenizer/char_set.h"
#include "tokenizer/unicode_data.h"

namespace sluice::tokenizer {
namespace {

TEST(Utf8, ReplacesEachIllFormedPartOnce) {
  EXPECT_EQ(ReplaceInvalidUtf8("a\xF0\x9F\x98z\xC0\xAF\xED\xA0\x80", Replacing::kPerIllFormedPart),
            "a\uFFFDz\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(ReplaceInvalidUtf8("a\xF0\x9F\x98z", Replacing::kPerByte), "a\uFFFD\uFFFD\uFFFDz");
  EXPECT_EQ(ReplaceInvalidUtf8("\xF4\x90\x80\x80", Replacing::kPerIllFormedPart), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_TRUE(IsValidUtf8("é漢😀\xF4\x8F\xBF\xBF"));
  EXPECT_FALSE(IsValidUtf8("\xE6\xBC"));
}

TEST(Utf8, AssemblesCharactersFromSingleBytes) {
  const std::string text = "aé漢😀z";
  Utf8Assembler assembler(Replacing::kPerIllFormedPart);
  std::string out;
  for (const char byte : text) {
    assembler.Push(std::string_view(&byte, 1), out);
    EXPECT_TRUE(IsValidUtf8(out));
  }
  assembler.Finish(out);
  EXPECT_EQ(out, text);
  assembler.Push("\xF0\x9F", out);
  EXPECT_FALSE(assembler.empty());
  assembler.Finish(out);
  EXPECT_EQ(out, text + "\uFFFD");
}

TEST(Unicode, Categories) {
  EXPECT_EQ(CategoryOf('A'), Category::kLu);
  EXPECT_EQ(CategoryOf(0x20AC), Category::kSc);
  EXPECT_EQ(CategoryOf(0x0378), Category::kCn);
  EXPECT_EQ(CategoryOf(kMaxCodePoint), Category::kCn);
  EXPECT_EQ(CategoryOf(0xE000), Category::kCo);
  EXPECT_EQ(kScriptNames[ScriptOf(0x6F22)], "Han");
  EXPECT_EQ(kScriptNames[ScriptOf('1')], "Common");
  EXPECT_TRUE(IsWordCharacter(0x0301) && IsWordCharacter('_') && IsWordCharacter(0x24B6) &&
              !IsWordCharacter('-'));
}

TEST(Unicode, Normalizes) {
  EXPECT_EQ(Normalize("e\u0301\u212B", NormalForm::kNfc), "\u00E9\u00C5");
  EXPECT_EQ(Normalize("\u00E9", NormalForm::kNfd), "e\u0301");
  EXPECT_EQ(Normalize("\uFB01\u2460", NormalForm::kNfkc), "fi1");
  EXPECT_EQ(Normalize("a\u0301\u0316", NormalForm::kNfd), "a\u0316\u0301");
  EXPECT_EQ(Normalize("\uD55C", NormalForm::kNfkd), "\u1112\u1161\u11AB");
  EXPECT_EQ(Normalize("plain", NormalForm::kNfkd), "plain");
  EXPECT_EQ(Lowercase("\u0130\u00C4X"), "i\u0307\u00E4x");
}

// Ordering the marks one by one would take 10^11 steps.
TEST(Unicode, ManyMarksAreOrderedInTime) {
  std::string text = "a", below, above;
  for (int i = 0; i < 250000; ++i) {
    text += "\u0301\u0316";
    below += "\u0316";
    above += "\u0301";
  }
  EXPECT_EQ(Normalize(text, NormalForm::kNfd), std::string("a").append(below).append(above));
}

TEST(Unicode, Graphemes) {
  const std::string text = "e\u0301\r\nx";
  EXPECT_EQ(GraphemeEnd(text, 0), 3u);
  EXPECT_EQ(GraphemeEnd(text, 3), 5u);
}

TEST(CharSet, Algebra) {
  CharSet set{{'a', 'c'}, {'e', 'g'}};
  set.Add('d', 'd');
  EXPECT_EQ(set, (CharSet{{'a', 'g'}}));
  EXPECT_EQ(set.Complement().Complement(), set);
  EXPECT_EQ(set.Intersection(CharSet{{'f', 'z'}}), (CharSet{{'f', 'g'}}));
  EXPECT_TRUE(CharSet::Of('k').CaseClosure().Contains(0x212A));
  CharSet all;
  EXPECT_TRUE(FindProperty("Any", all));
  EXPECT_TRUE(all.Complement().ranges().empty());
  EXPECT_TRUE(FindProperty("Lowercase_Letter", set) && set.Contains('x') && !set.Contains('X'));
  EXPECT_FALSE(FindProperty("Klingon", set));
}

TEST(CharSet, BitmapsHoldTheSame) {
  CharSet letters;
  ASSERT_TRUE(FindProperty("L", letters));
  const CharBitmap bitmap(letters);
  for (char32_t c = 0; c <= kMaxCodePoint; c += 7)
    ASSERT_EQ(bitmap.Contains(c), letters.Contains(c)) << static_cast<int>(c);
}

}  // namespace
}  // namespace sluice::tokenizer
