#include "tokenizer/regex.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::tokenizer {
namespace {

// The matches of `pattern` in `text`, each in brackets.
std::string Find(std::string_view pattern, std::string_view text,
                 RegexDialect dialect = RegexDialect::kOniguruma) {
  const auto regex = Regex::Compile(pattern, dialect);
  if (!regex) return "refused: " + regex.error().message;
  RegexScratch scratch(text.size());
  std::vector<Regex::Match> matches;
  if (const Status found = regex->FindAll(text, scratch, matches); !found) return "gave up";
  std::string out;
  size_t copied = 0;
  for (const auto& [begin, end] : matches) {
    out.append(text.substr(copied, begin - copied))
        .append("[")
        .append(text.substr(begin, end - begin))
        .append("]");
    copied = end;
  }
  return out.append(text.substr(copied));
}

TEST(Regex, QuantifiersAreGreedyLazyOrPossessive) {
  EXPECT_EQ(Find("a+", "caaat"), "c[aaa]t");
  EXPECT_EQ(Find("a+?", "aaa"), "[a][a][a]");
  EXPECT_EQ(Find("a{2}", "aaaaa"), "[aa][aa]a");
  EXPECT_EQ(Find("a{1,3}b", "aaaab"), "a[aaab]");
  EXPECT_EQ(Find("a*+a", "aaa"), "aaa");
  EXPECT_EQ(Find("a*a", "aaa"), "[aaa]");
  EXPECT_EQ(Find("(?:ab|a)+?c", "ababac"), "[ababac]");
  EXPECT_EQ(Find("(?>a|ab)c", "abc ac"), "abc [ac]");
  EXPECT_EQ(Find("x{,2}y", "xxxy"), "x[xxy]");
  EXPECT_EQ(Find("a{x", "a{x"), "[a{x]");
}

TEST(Regex, DialectsDifferInAnchorsAndRepeatedIntervals) {
  EXPECT_EQ(Find("^a", "a\nab"), "[a]\n[a]b");
  EXPECT_EQ(Find("^a", "a\nab", RegexDialect::kRust), "[a]\nab");
  EXPECT_EQ(Find("b$", "b\nab"), "[b]\na[b]");
  EXPECT_EQ(Find("b$", "b\nab", RegexDialect::kRust), "b\na[b]");
  EXPECT_EQ(Find("\\d{1,2}+", "12345"), "[12345]");
  EXPECT_EQ(Find("\\d{1,2}+", "12345", RegexDialect::kRust), "[12][34][5]");
  EXPECT_EQ(Find("\\h+", "xCAFEx"), "x[CAFE]x");
}

TEST(Regex, EmptyMatchesDoNotFollowMatches) {
  EXPECT_EQ(Find("a*", "baac"), "[]b[aa]c[]");
  EXPECT_EQ(Find("(?<=[a-z])(?=[A-Z])", "camelCaseX"), "camel[]Case[]X");
  EXPECT_EQ(Find("(?:a*)*b", "aab"), "[aab]");
  EXPECT_EQ(Find("(?:|a)+b", "aab"), "[aab]");
}

TEST(Regex, LooksAroundWithoutTaking) {
  EXPECT_EQ(Find("\\s+(?!\\S)", "a   b  "), "a[  ] b[  ]");
  EXPECT_EQ(Find("(?<!x|yz)a", "xa yza ba"), "xa yza b[a]");
  EXPECT_EQ(Find("(?<=x|yz)a", "xa yza ba"), "x[a] yz[a] ba");
  EXPECT_EQ(Find("\\d(?=(?:\\d{3})+\\b)", "1234567"), "[1]23[4]567");
  EXPECT_EQ(Find("\\bfoo\\b", "foo foobar"), "[foo] foobar");
}

TEST(Regex, ClassesOfCharacters) {
  EXPECT_EQ(Find("[a-c&&[^b]]+", "abcab"), "[a]b[ca]b");
  EXPECT_EQ(Find("[^\\s\\p{L}]+", "ab 12!é"), "ab [12!]é");
  EXPECT_EQ(Find("\\p{Han}+", "日本go語"), "[日本]go[語]");
  EXPECT_EQ(Find("\\P{L}\\pL", "1a"), "[1a]");
  EXPECT_EQ(Find("[[:alpha:]_-]+", "a_b-c 1"),
            "refused: expression of 14 bytes, at byte 3: an unknown class in [: :]");
  EXPECT_EQ(Find("[[:alnum:]_-]+", "a_b-c !"), "[a_b-c] !");
  EXPECT_EQ(Find("[]a]+", "a]b"), "[a]]b");
  EXPECT_EQ(Find("\\x41\\u0042\\x{43}", "ABC"), "[ABC]");
}

TEST(Regex, FoldsCaseAsUnicodeDoes) {
  EXPECT_EQ(Find("(?i:'s)", "'s 'S 'ſ"), "['s] ['S] ['ſ]");
  EXPECT_EQ(Find("(?i)k[ä]", "kÄ\xE2\x84\xAAä"), "[kÄ][\xE2\x84\xAAä]");
  EXPECT_EQ(Find("(?i:a)b", "Ab AB"), "[Ab] AB");
}

// U+0085 is a space, U+180E, U+200B and U+001C are none; U+1C89 is a letter since Unicode 16.
TEST(Regex, KnowsUnicode16) {
  EXPECT_EQ(Find("\\s", "\xC2\x85|\xE1\xA0\x8E|\xE2\x80\x8B|\x1C"),
            "[\xC2\x85]|\xE1\xA0\x8E|\xE2\x80\x8B|\x1C");
  EXPECT_EQ(Find("\\p{L}", "\xE1\xB2\x89"), "[\xE1\xB2\x89]");
}

TEST(Regex, RefusesWhatIsWrongOrTooMuch) {
  for (const std::string& pattern :
       {std::string("("), std::string("a)"), std::string("*a"), std::string("[a"), std::string("a{3,2}"),
        std::string("\\1"), std::string("[b-a]"), std::string("\\p{Nope}"), std::string("(?<=a+)b"),
        std::string("a{1001}"), std::string("(?:(?:a{1000}){1000}b){1000}"),
        std::string("(?:(?:ab){1000}){1000}"), std::string(60000, '('),
        std::string(200, '(') + std::string(200, ')'), std::string("a") + std::string(50, '*'),
        std::string("\\"), std::string("\xFF")}) {
    const auto regex = Regex::Compile(pattern, RegexDialect::kOniguruma);
    ASSERT_FALSE(regex) << pattern.substr(0, 40);
    EXPECT_EQ(regex.error().code, ErrorCode::kBadFile);
  }
}

TEST(Regex, GivesUpOnCatastrophicExpressions) {
  const std::string text(40, 'a');
  EXPECT_EQ(Find("(?:a+)+b", text), "gave up");
  EXPECT_EQ(Find("(?:a|aa)+$x", text), "gave up");
  EXPECT_EQ(Find("a(?=(?:aaa)+b)", std::string(1 << 18, 'a')), "gave up");
}

// Each would be quadratic if a failure at one place were not remembered for the rest of the run.
TEST(Regex, LongRunsTakeFewSteps) {
  const std::string spaces(1 << 20, ' ');
  const std::string letters(1 << 20, 'A');
  EXPECT_EQ(Find("\\s+$", spaces + "x"), spaces + "x");
  EXPECT_EQ(Find("[A-Z]*[a-z]+|[A-Z]+", letters), fmt::format("[{}]", letters));
  EXPECT_EQ(Find("\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", spaces + "x"), fmt::format("[{}][ ]x", spaces.substr(1)));
}

}  // namespace
}  // namespace sluice::tokenizer
