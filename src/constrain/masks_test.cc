// Masks against the acceptance of each token, and walks through them against what they promise.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "constrain/gbnf.h"
#include "constrain/json_schema.h"
#include "constrain/prepare_masks.h"
#include "constrain/regex_grammar.h"
#include "constrain/toy_vocabulary.h"

namespace sluice::constrain {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Grammar FromGbnf(const char* text) {
  const ToyTokenizer toy;
  return *ParseGbnf(text, [&](std::string_view name) { return toy.FindToken(name); }, 1 << 20);
}

std::vector<std::pair<std::string, Grammar>> Grammars() {
  std::vector<std::pair<std::string, Grammar>> out;
  out.emplace_back("object", JsonObjectGrammar());
  out.emplace_back("regex", *RegexGrammar("(ab|a|[xyz\"]{2,5}|[01]+){3,60}"));
  out.emplace_back("counted", *RegexGrammar("(?:[a-c\"]|12|xyz){5,600}"));
  out.emplace_back(
      "gbnf", FromGbnf("root ::= v\nv ::= \"[\" (v (\",\" v)*)? \"]\" | \"{\" v \"}\" | [ab01]+ | \"\""));
  out.emplace_back("schema", *JsonSchemaGrammar(Json::parse(R"({
    "type": "object", "required": ["name", "tags"], "additionalProperties": false,
    "properties": {"name": {"type": "string", "maxLength": 300}, "x": {"enum": ["a", "ab", 12, null]},
      "tags": {"type": "array", "items": {"$ref": "#/$defs/t"}, "minItems": 1, "maxItems": 5}},
    "$defs": {"t": {"anyOf": [{"type": "integer", "minimum": -5, "maximum": 120}, {"type": "object",
      "properties": {"t": {"$ref": "#/$defs/t"}}, "required": ["t"], "additionalProperties": false}]}}})")));
  return out;
}

// A token at random; small ones rarely, so that walks come to an end.
int32_t Choose(const std::vector<int32_t>& allowed, std::mt19937& random) {
  return allowed[random() % allowed.size()];
}

TEST(Masks, SayWhatEachTokenSays) {
  const ToyTokenizer toy(ToyPieces(7));
  const auto trie = std::make_shared<TokenTrie>(toy);
  for (const auto& [name, grammar] : Grammars()) {
    const auto compiled = CompiledGrammar::Create(grammar, trie);
    ASSERT_TRUE(compiled) << name << ": " << compiled.error().message;
    std::mt19937 random(3);
    for (int walk = 0; walk < 6; ++walk) {
      Matcher matcher(*compiled);
      for (int step = 0; step < 40; ++step) {
        const auto set = matcher.Allowed();
        ASSERT_TRUE(set) << name;
        const std::vector<int32_t> allowed = Ids(**set, toy.vocab_size());
        std::vector<int32_t> accepted;
        for (int32_t id = 0; id < toy.vocab_size(); ++id)
          if (Matcher copy = matcher; copy.Accept(id)) accepted.push_back(id);
        ASSERT_EQ(allowed, accepted) << name << " at step " << step;
        if (allowed.empty()) break;
        const int32_t id = Choose(allowed, random);
        ASSERT_TRUE(matcher.Accept(id));
      }
    }
  }
}

// Whatever is chosen, the answer can end, and then satisfies the grammar byte for byte.
TEST(Masks, WalksEndInWhatTheGrammarAccepts) {
  const ToyTokenizer toy(ToyPieces(8));
  const auto trie = std::make_shared<TokenTrie>(toy);
  for (const auto& [name, grammar] : Grammars()) {
    const auto compiled = CompiledGrammar::Create(grammar, trie);
    ASSERT_TRUE(compiled);
    const auto automaton = Compile(grammar);
    std::mt19937 random(5);
    int ended = 0;
    for (int walk = 0; walk < 30; ++walk) {
      Matcher matcher(*compiled);
      std::string text;
      for (int step = 0; step < 300; ++step) {
        const auto allowed = Ids(**matcher.Allowed(), toy.vocab_size());
        ASSERT_FALSE(allowed.empty()) << name << ": " << text;
        const int32_t id = Choose(allowed, random);
        ASSERT_TRUE(matcher.Accept(id)) << name;
        if (id == toy.end_tokens()[0]) {
          ++ended;
          EXPECT_TRUE(Accepts(*automaton, text)) << name << ": " << text;
          EXPECT_TRUE((*matcher.Allowed())->empty());
          break;
        }
        text += toy.TokenBytes(id);
      }
    }
    EXPECT_TRUE(ended > 0 || name == "counted") << name;
  }
}

TEST(Masks, SpecialTokensAreNoText) {
  const ToyTokenizer toy;
  const auto trie = std::make_shared<TokenTrie>(toy);
  const auto text = CompiledGrammar::Create(*RegexGrammar("<mark>"), trie);
  EXPECT_FALSE((*Matcher(*text).Allowed())->contains(toy.mark()));
  const auto token = CompiledGrammar::Create(FromGbnf("root ::= <mark> \"x\""), trie);
  Matcher matcher(*token);
  EXPECT_EQ(Ids(**matcher.Allowed(), toy.vocab_size()), std::vector<int32_t>{toy.mark()});
  ASSERT_TRUE(matcher.Accept(toy.mark()));
  EXPECT_FALSE(matcher.Accept(toy.mark()));
  ASSERT_TRUE(matcher.Accept('x'));
  EXPECT_TRUE(matcher.CanEnd());
  EXPECT_EQ(Ids(**matcher.Allowed(), toy.vocab_size()), std::vector<int32_t>{toy.mark() + 1});
}

TEST(Masks, ArePreparedWhereAnswersBeginAndWhereTextStands) {
  const ToyTokenizer toy(ToyPieces(10));
  const TokenTrie trie(toy);
  const auto grammar = JsonSchemaGrammar(Json::parse(R"({"type": "object", "additionalProperties": false,
    "required": ["title"], "properties": {"title": {"type": "string"}}})"));
  ASSERT_TRUE(grammar);
  const auto automaton = Compile(*grammar);
  Masks fresh(*automaton, trie, {}), prepared(*automaton, trie, {});
  PrepareMasks(prepared);
  const size_t bytes = prepared.bytes();
  EXPECT_LT(bytes, size_t{1} << 20);
  ASSERT_NE(prepared.Allowed(prepared.stacks().Start()), nullptr);
  EXPECT_EQ(prepared.bytes(), bytes) << "the start had been looked at";
  const auto has_to_be_prepared = [](Masks& masks) {
    ConfigId config = masks.stacks().Start();
    for (const char c : std::string_view(R"({"title":"a)"))
      config = masks.stacks().Step(config, static_cast<uint8_t>(c));
    const auto own = masks.stacks().stacks(config);
    return std::ranges::any_of(std::vector<StackId>(own.begin(), own.end()),
                               [&](StackId stack) { return masks.Prepare(stack); });
  };
  EXPECT_TRUE(has_to_be_prepared(fresh));
  EXPECT_FALSE(has_to_be_prepared(prepared));
}

// Ways to read that multiply from byte to byte are left to those who go there.
TEST(Masks, ArePreparedInBoundedTime) {
  const ToyTokenizer toy(ToyPieces(10));
  const auto trie = std::make_shared<TokenTrie>(toy);
  std::string source = "root ::= r0 \"x\"\n";
  for (int i = 0; i < 60; ++i)
    source += "r" + std::to_string(i) + " ::= [a-z] r" + std::to_string(i + 1) + " [a-z] | [a-z]? r" +
              std::to_string(i + 1) + " [a-z]{0,900}\n";
  source += "r60 ::= [a-z]+\n";
  const auto automaton = Compile(FromGbnf(source.c_str()));
  ASSERT_TRUE(automaton) << automaton.error().message;
  Masks masks(*automaton, *trie, {});
  PrepareMasks(masks);
  EXPECT_LT(masks.bytes(), size_t{16} << 20);
}

// What is remembered is thrown away now and then; nobody notices.
TEST(Masks, ForgettingChangesNothing) {
  const ToyTokenizer toy(ToyPieces(9));
  const auto trie = std::make_shared<TokenTrie>(toy);
  Limits small;
  small.bytes = 1 << 20;
  const Grammar object = JsonObjectGrammar();
  Grammar limited(small);
  JsonText text(limited);
  const RuleId root = limited.AddRule("root");
  limited.Define(root, text.Object());
  limited.SetRoot(root);
  const auto large = CompiledGrammar::Create(object, trie), little = CompiledGrammar::Create(limited, trie);
  ASSERT_TRUE(large && little);
  std::mt19937 random(2);
  for (int walk = 0; walk < 20; ++walk) {
    Matcher a(*large), b(*little);
    for (int step = 0; step < 100; ++step) {
      const auto allowed = Ids(**a.Allowed(), toy.vocab_size());
      const auto set = b.Allowed();
      ASSERT_TRUE(set) << set.error().message;
      ASSERT_EQ(allowed, Ids(**set, toy.vocab_size()));
      EXPECT_LT((*little)->bytes(), size_t{2} << 20);
      if (allowed.empty()) break;
      const int32_t id = Choose(allowed, random);
      ASSERT_TRUE(a.Accept(id) && b.Accept(id));
    }
  }
}

// A real vocabulary: sampled tokens, and what a text's own tokens say.
TEST(Masks, FollowARealVocabulary) {
  const fs::path path =
      fs::path(SLUICE_SOURCE_DIR) / "../shared/data/tok_qwen/qwen_agent/utils/qwen.tiktoken";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is absent";
  const auto tokenizer = tokenizer::LoadTokenizer(path.string(), {.pre = "qwen-tiktoken"});
  ASSERT_TRUE(tokenizer);
  const auto trie = std::make_shared<TokenTrie>(**tokenizer);
  const auto compiled = CompiledGrammar::Create(JsonObjectGrammar(), trie);
  const std::string text =
      R"({"name": "Zoë 漢字 \"q\"", "list": [1, -2.5e3, {"deep": [true, null, "x"]}], "n": {}})";
  const auto ids = (*tokenizer)->Encode(text, {.add_special = false, .parse_special = false});
  Matcher matcher(*compiled);
  std::mt19937 random(4);
  for (const int32_t id : *ids) {
    const auto set = matcher.Allowed();
    ASSERT_TRUE(set);
    EXPECT_TRUE((*set)->contains(id)) << (*tokenizer)->TokenBytes(id);
    for (int i = 0; i < 2000; ++i) {
      const auto other = static_cast<int32_t>(random() % static_cast<uint32_t>(trie->size()));
      Matcher copy = matcher;
      ASSERT_EQ((*set)->contains(other), copy.Accept(other).has_value()) << (*tokenizer)->TokenBytes(other);
    }
    ASSERT_TRUE(matcher.Accept(id));
  }
  EXPECT_TRUE(matcher.CanEnd());
}

}  // namespace
}  // namespace sluice::constrain
