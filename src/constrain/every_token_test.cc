// Masks against a reader that knows nothing but the automaton, in states at random of many grammars.
#include <gtest/gtest.h>

#include <algorithm>

#include "constrain/naive_reader.h"
#include "constrain/regex_grammar.h"
#include "constrain/toy_vocabulary.h"
#include "constrain/written_grammars.h"

namespace sluice::constrain {
namespace {

// Words, numbers, signs, white space, characters whole and broken, short ones and long ones: more than are
// kept as a list.
std::vector<std::string> ManyPieces() {
  std::vector<std::string> pieces = ToyPieces(11);
  const std::vector<std::string> parts = {
      "a", "b", "c",    "e",    "f", "x",  "z",  "A",  "F",    "Q",    "Z",        "0",        "1",   "7",
      " ", "_", "-",    ".",    ",", ":",  "\"", "\\", "\n",   "\t",   "{",        "}",        "[",   "]",
      "<", "/", "\x01", "\x7F", "é", "漢", "字", "😀", "\xC3", "\xA9", "\xE6\xBC", "\xF0\x9F", "the", "ing"};
  std::mt19937 random(12);
  for (int i = 0; i < 3000; ++i) {
    // Most pieces keep to a few neighbours in the list, as words and runs of signs do.
    const size_t from = random() % parts.size(), width = i % 4 == 0 ? parts.size() : 1 + random() % 4;
    const uint32_t most = i % 16 == 0 ? 30 : 5;
    std::string piece;
    for (uint32_t n = 1 + random() % most; n > 0; --n)
      piece += parts[(from + random() % width) % parts.size()];
    pieces.push_back(piece);
  }
  return pieces;
}

std::string RandomExpression(std::mt19937& random, int depth) {
  static const std::vector<std::string> atoms = {
      "a",   "b",        "e", "the",     "[a-z]",  "[A-Z]", "[0-9]", "[^\"\\\\]",   "[^\\n]",    ".", "\\w",
      "\\s", "[a-f0-9]", "é", "[一-龥]", "[^a-z]", "\"",    " ",     "(?:[ -~]|é)", "[a-yA-Z_ ]"};
  const std::vector<std::string> repeats = {"*",      "+",       "?",        "{2,5}", "{3,}",
                                            "{5,40}", "{0,300}", "{20,700}", "{12}"};
  if (depth == 0) return atoms[random() % atoms.size()];
  const auto inner = [&] { return RandomExpression(random, depth - 1); };
  switch (random() % 4) {
    case 0:
      return inner() + inner();
    case 1:
      return "(?:" + inner() + "|" + inner() + ")";
    default:
      return "(?:" + inner() + ")" + repeats[random() % repeats.size()];
  }
}

class EveryToken : public testing::Test {
 protected:
  EveryToken() : toy_(ManyPieces()), trie_(std::make_shared<TokenTrie>(toy_)) {
    for (int32_t id = 0; id < toy_.mark(); ++id) sorted_.emplace_back(toy_.TokenBytes(id), id);
    std::ranges::sort(sorted_);
  }

  // Answers of up to `steps` tokens; before each, every token is tried.
  void Follow(const std::string& name, const Grammar& grammar, int walks, int steps) {
    const auto compiled = CompiledGrammar::Create(grammar, trie_);
    const auto automaton = Compile(grammar);
    ASSERT_TRUE(compiled && automaton) << name;
    const NaiveReader reader(*automaton);
    for (int walk = 0; walk < walks; ++walk) {
      Matcher matcher(*compiled);
      NaiveReader::Stacks now = reader.Start();
      for (int step = 0; step < steps; ++step) {
        const auto set = matcher.Allowed();
        ASSERT_TRUE(set) << name;
        const std::vector<int32_t> allowed = Ids(**set, toy_.mark());
        ASSERT_EQ(allowed, Readable(reader, now)) << name << " at step " << step;
        checked_ += (*set)->bits.empty() ? 1 : 0;
        checked_as_bits_ += (*set)->bits.empty() ? 0 : 1;
        if (allowed.empty()) break;
        const int32_t id = allowed[random_() % allowed.size()];
        ASSERT_TRUE(matcher.Accept(id)) << name;
        now = reader.Read(now, toy_.TokenBytes(id));
        ASSERT_EQ(matcher.CanEnd(), now.contains({})) << name;
      }
    }
  }

  const ToyTokenizer toy_;
  const std::shared_ptr<const TokenTrie> trie_;
  std::mt19937 random_{13};
  int checked_ = 0, checked_as_bits_ = 0;

 private:
  // Tokens that begin alike are read together.
  std::vector<int32_t> Readable(const NaiveReader& reader, const NaiveReader::Stacks& now) const {
    std::vector<NaiveReader::Stacks> read = {now};  // by length, of the token before
    std::vector<int32_t> ids;
    std::string before;
    for (const auto& [bytes, id] : sorted_) {
      const auto common = static_cast<size_t>(std::ranges::mismatch(before, bytes).in1 - before.begin());
      read.resize(std::min(read.size(), common + 1));
      while (read.size() <= bytes.size() && !read.back().empty())
        read.push_back(reader.Read(read.back(), bytes.substr(read.size() - 1, 1)));
      if (read.size() == bytes.size() + 1 && !read.back().empty()) ids.push_back(id);
      before = bytes;
    }
    std::ranges::sort(ids);
    return ids;
  }

  std::vector<std::pair<std::string, int32_t>> sorted_;
};

TEST_F(EveryToken, IsAllowedWhereItCanBeRead) {
  const auto grammars = WrittenGrammars();
  ASSERT_TRUE(grammars) << grammars.error().message;
  for (const auto& [name, grammar] : *grammars) Follow(name, grammar, 3, 25);
  EXPECT_GT(checked_, 200);
  EXPECT_GT(checked_as_bits_, 50);
}

TEST_F(EveryToken, IsAllowedWhereItCanBeReadByRandomExpressions) {
  std::mt19937 random(14);
  int followed = 0;
  for (int i = 0; i < 30; ++i) {
    const std::string source = RandomExpression(random, 1 + i % 3);
    const auto grammar = RegexGrammar(source);
    ASSERT_TRUE(grammar) << source << ": " << grammar.error().message;
    if (!Compile(*grammar)) continue;  // too large
    Follow(source, *grammar, 1, 8);
    ++followed;
  }
  EXPECT_GT(followed, 20);
  EXPECT_GT(checked_as_bits_, 20);
}

}  // namespace
}  // namespace sluice::constrain
