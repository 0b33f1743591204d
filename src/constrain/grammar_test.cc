// Expressions and grammars: what they accept, and what is refused.
#include <gtest/gtest.h>

#include "constrain/gbnf.h"
#include "constrain/json_schema.h"
#include "constrain/regex_grammar.h"
#include "constrain/toy_vocabulary.h"
#include "tokenizer/unicode.h"

namespace sluice::constrain {
namespace {

Result<Automaton> Made(const Result<Grammar>& grammar) {
  if (!grammar) return Fail(grammar.error());
  return Compile(*grammar);
}
Result<Automaton> Regex(std::string_view pattern) { return Made(RegexGrammar(pattern)); }
Result<Automaton> Gbnf(std::string_view text) {
  const ToyTokenizer toy;
  return Made(ParseGbnf(text, [&](std::string_view name) { return toy.FindToken(name); }, toy.vocab_size()));
}

struct Case {
  std::string source;
  std::vector<std::string> in, out;
};

void Check(const Case& c, const Result<Automaton>& automaton) {
  ASSERT_TRUE(automaton) << c.source << ": " << automaton.error().message;
  for (const std::string& text : c.in) EXPECT_TRUE(Accepts(*automaton, text)) << c.source << " on " << text;
  for (const std::string& text : c.out) EXPECT_FALSE(Accepts(*automaton, text)) << c.source << " on " << text;
}

TEST(Regex, AcceptsWhatItDescribes) {
  const Case cases[] = {
      {"abc", {"abc"}, {"", "ab", "abcd", "xabc"}},
      {"^a+$|b", {"a", "aaa", "b"}, {"", "ab"}},
      {"(a+)+$", {"a", "aaaaaaaaaaaaaaaaaaaaaaaaa"}, {"", "aaab"}},
      {"[^a-y]*", {"", "z", "é漢😀"}, {"a"}},
      {"a{2,4}", {"aa", "aaaa"}, {"a", "aaaaa"}},
      {"(?:a?){3}", {"", "a", "aaa"}, {"aaaa"}},
      {"(a?b?){2,900}c", {"c", "aabbc", "bac"}, {"", "abd"}},
      {"x{900}", {std::string(900, 'x')}, {std::string(899, 'x'), std::string(901, 'x')}},
      {"(?:(?:ab){30}c){30,40}", {}, {"ab"}},
      {"(?i)ab", {"AB", "aB"}, {"x"}},
      {"\\d{4}-\\w+", {"2026-ab_1"}, {"٢٠٢٦-a", "202-a"}},
      {".", {"a", "é", "😀"}, {"\n", "ab", "\xC3"}},
      {"(foo|foobar)(bar)?", {"foo", "foobar", "foobarbar"}, {"foob"}},
      {"[\\u4e00-\\u9fff]+", {"漢字"}, {"a", "漢\xE5"}},
  };
  for (const Case& c : cases) Check(c, Regex(c.source));
}

TEST(Regex, RefusesWhatCannotBeKept) {
  for (const char* pattern : {"^+a", "{2}x", "(?<=a)b", "(?=a)a", "a\\b", "(", "[", "a{3,2}", "x*+", "a^b",
                              "\\1", "(?>a)b", "[^\\x00-\\x{10FFFF}]"})
    EXPECT_FALSE(Regex(pattern)) << pattern;
}

TEST(Regex, HostileOnesAreRefusedOrQuick) {
  std::string nested;
  for (int i = 0; i < 60'000; ++i) nested += '(';
  EXPECT_FALSE(Regex(nested));
  // Deterministic, this needs 2^300 states.
  const auto wide = Regex("(a|b)*a(a|b){300}");
  if (wide) {
    EXPECT_TRUE(Accepts(*wide, "a" + std::string(300, 'b')));
  }
  const auto huge = Regex("((((x{1000}){1000}){1000}){1000}){1000}");
  if (huge) {
    EXPECT_FALSE(Accepts(*huge, std::string(5000, 'x')));
  }
}

TEST(Gbnf, AcceptsWhatItDescribes) {
  const Case cases[] = {
      {"root ::= \"a\" b* # comment\nb ::= [0-9] | \"x\\n\"\n", {"a", "a01", "ax\n"}, {"", "ab"}},
      {"root ::= expr\nexpr ::= term (\"+\" term)*\nterm ::= [0-9]+ | \"(\" expr \")\"",
       {"1+2", "(1+(2+33))", "((((1))))"},
       {"1+", "(1", ")"}},
      {"root ::= ( \"a\" |\n  \"b\" )\n", {"a", "b"}, {"ab"}},
      {"root ::= \"\\x41\\u00e9\\U0001F600\" .", {"Aé😀x"}, {"Aé😀"}},
      {"root ::= [^\"\\\\\\]a-c-]{2,}", {"xy", "漢字漢"}, {"x", "a]", "x-", "\"\""}},
      {"root ::= s\ns ::= \"a\" s \"b\" | \"\"", {"", "ab", "aaabbb"}, {"aab", "abb"}},
      {"root ::= e e e \"x\"\ne ::= \"a\"? \"b\"?", {"x", "abx", "bbax", "abababx"}, {"aaaax"}},
      {"root ::= list\nlist ::= \"i\" list | \"i\"", {"i", std::string(3000, 'i')}, {""}},
      {"root ::= \"ab\"{1,1000000}", {"ab", "abab"}, {"", "aba"}},
  };
  for (const Case& c : cases) Check(c, Gbnf(c.source));
}

TEST(Gbnf, RefusesWithTheReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "no rule 'root'"},
      {"a ::= \"x\"", "no rule 'root'"},
      {"root ::= b", "does not define"},
      {"root ::= root \"x\" | \"x\"", "begins with itself"},
      {"root ::= a? root \"x\" | \"y\"\na ::= \"a\"", "begins with itself"},
      {"root ::= a\na ::= b \"1\" | \"2\"\nb ::= a \"3\"", "begins with itself"},
      {"root ::= \"x\"{1,1000000000}", "over 1000000"},
      {"root ::= \"x\" root", "nothing can satisfy"},
      {"root ::= []", "nothing can satisfy"},
      {"root ::= \"x", "not closed"},
      {"root ::= [a", "line 1"},
      {"root ::= <nothing>", "no token"},
      {"root ::= <[99999]>", "no token"},
      {"root ::= \"a\" )", "goes on"},
      {"root ::= \"a\"\nroot ::= \"b\"", "twice"},
      {"root ::= \"\\q\"", "escape"},
  };
  for (const auto& [source, reason] : cases) {
    const auto automaton = Gbnf(source);
    ASSERT_FALSE(automaton) << source;
    EXPECT_NE(automaton.error().message.find(reason), std::string::npos)
        << source << ": " << automaton.error().message;
  }
}

TEST(Gbnf, HostileOnesAreRefusedOrQuick) {
  std::string nested = "root ::= ";
  for (int i = 0; i < 60'000; ++i) nested += '(';
  EXPECT_FALSE(Gbnf(nested));
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 5000; ++i) chain += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + "\n";
  const auto chained = Gbnf(chain + "r5000 ::= \"x\"\n");
  if (chained) {
    EXPECT_TRUE(Accepts(*chained, "x"));
  }
  std::string doubling = "root ::= r0\n";
  for (int i = 0; i < 40; ++i)
    doubling +=
        "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + " r" + std::to_string(i + 1) + "\n";
  std::string wide = "root ::= [";
  for (char32_t c = 0x10FFF0; c > 0xE000; c -= 16)
    for (char32_t one = c; one < c + 2; ++one) tokenizer::AppendUtf8(wide, one);
  const auto classes = Gbnf(wide + "]");
  if (classes) {
    EXPECT_TRUE(Accepts(*classes, tokenizer::ToUtf8(0x10FFF1)));
    EXPECT_FALSE(Accepts(*classes, tokenizer::ToUtf8(0x10FFF2)));
  }
  const auto doubled = Gbnf(doubling + "r40 ::= \"x\"\n");
  if (doubled) {
    EXPECT_FALSE(Accepts(*doubled, "xxx"));
  }
}

// More ways to read a text than are followed: the answer ends with an error, not with free text.
TEST(Matcher, EndsWhereAGrammarIsTooAmbiguous) {
  const ToyTokenizer toy;
  const auto grammar = ParseGbnf(
      "root ::= s\ns ::= \"a\" s \"x\" | \"a\" t \"y\" | \"a\"\nt ::= \"a\" s \"z\" | \"a\" t \"w\" | "
      "\"a\"\n",
      [](std::string_view) { return std::nullopt; }, toy.vocab_size());
  ASSERT_TRUE(grammar);
  auto compiled = CompiledGrammar::Create(*grammar, std::make_shared<TokenTrie>(toy));
  ASSERT_TRUE(compiled);
  Matcher matcher(*compiled);
  Status status;
  for (int i = 0; i < 40 && status; ++i) status = matcher.Accept('a');
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("too ambiguous"), std::string::npos);
}

}  // namespace
}  // namespace sluice::constrain
