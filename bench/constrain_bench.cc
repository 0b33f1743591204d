// Microseconds for the set of allowed tokens, token by token along a text: as the first answer with a grammar
// meets them, and as later ones do.
//   constrain_bench VOCABULARY [PRE]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "constrain/gbnf.h"
#include "constrain/json_schema.h"
#include "constrain/matcher.h"
#include "constrain/regex_grammar.h"
#include "tokenizer/tokenizer.h"

namespace {

using namespace sluice::constrain;
using Clock = std::chrono::steady_clock;

double Microseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::micro>(Clock::now() - since).count();
}

// One pass along the text; the times of all tokens.
std::vector<double> Follow(const std::shared_ptr<CompiledGrammar>& grammar, const std::vector<int32_t>& ids) {
  std::vector<double> times;
  Matcher matcher(grammar);
  for (const int32_t id : ids) {
    const auto start = Clock::now();
    const auto allowed = matcher.Allowed();
    const bool fits = allowed && (*allowed)->contains(id) && matcher.Accept(id);
    times.push_back(Microseconds(start));
    if (fits) continue;
    fmt::print("    token {} of the text does not fit\n", times.size());
    break;
  }
  return times;
}

void Print(const char* name, std::vector<double> times) {
  double sum = 0;
  for (const double t : times) sum += t;
  std::ranges::sort(times);
  fmt::print("    {:<14} {:>9.1f} us a token, median {:>7.1f}, 99 % {:>8.1f}, most {:>8.1f}\n", name,
             sum / static_cast<double>(times.size()), times[times.size() / 2], times[times.size() * 99 / 100],
             times.back());
}

void Measure(const char* name, const sluice::tokenizer::Tokenizer& tokenizer,
             const std::shared_ptr<TokenTrie>& trie, const sluice::Result<Grammar>& grammar,
             const std::string& text) {
  const auto ids = tokenizer.Encode(text, {.add_special = false, .parse_special = false});
  if (!grammar || !ids) return;
  const auto start = Clock::now();
  const auto compiled = CompiledGrammar::Create(*grammar, trie);
  const double compiling = Microseconds(start);
  if (!compiled) return fmt::print("  {}: {}\n", name, compiled.error().message);
  fmt::print("  {}: {} tokens, compiled in {:.0f} us\n", name, ids->size(), compiling);
  Print("first answer", Follow(*compiled, *ids));
  std::vector<double> later;
  for (int i = 0; i < 20; ++i)
    for (const double t : Follow(*compiled, *ids)) later.push_back(t);
  Print("later answers", later);
}

constexpr const char* kSchema = R"({"type": "object", "additionalProperties": false,
  "required": ["title", "year", "people", "summary"],
  "properties": {"title": {"type": "string"}, "year": {"type": "integer", "minimum": 1900, "maximum": 2100},
    "people": {"type": "array", "items": {"$ref": "#/$defs/person"}, "maxItems": 20},
    "summary": {"type": "string", "maxLength": 2000}, "score": {"type": "number", "minimum": 0, "maximum": 10}},
  "$defs": {"person": {"type": "object", "additionalProperties": false, "required": ["name", "role", "friends"],
    "properties": {"name": {"type": "string"}, "role": {"enum": ["author", "editor", "reader"]},
      "email": {"type": "string", "format": "email"},
      "friends": {"type": "array", "items": {"$ref": "#/$defs/person"}}}}}})";

constexpr const char* kDocument = R"({"title": "The history of grammars, and how to write them",
 "year": 1987, "people": [{"name": "Ada Lovelace", "role": "author", "email": "ada@example.com",
 "friends": [{"name": "Charles Babbage", "role": "editor", "friends": []}]},
 {"name": "Zoë Ångström", "role": "reader", "friends": []}],
 "summary": "A long text with \"quotes\", numbers like 12 and 3.5, and words that no dictionary has; it goes on for a while so that most tokens are those of free text, as in real answers.", "score": 7.25})";

constexpr const char* kArithmetic = R"gbnf(root ::= (name " = " sum "\n")+
sum ::= product (" " [-+] " " product)*
product ::= value (" " [*/] " " value)*
value ::= name | number | "(" sum ")"
name ::= [a-z] [a-z0-9_]*
number ::= [0-9]+ ("." [0-9]+)?
)gbnf";

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} VOCABULARY [PRE]\n", argv[0]);
    return 2;
  }
  const auto tokenizer = sluice::tokenizer::LoadTokenizer(argv[1], {.pre = argc > 2 ? argv[2] : ""});
  if (!tokenizer) {
    fmt::print(stderr, "{}\n", tokenizer.error().message);
    return 1;
  }
  const auto start = Clock::now();
  const auto trie = std::make_shared<TokenTrie>(**tokenizer);
  fmt::print("{} tokens, {} nodes, trie built in {:.1f} ms\n", trie->size(), trie->nodes().size(),
             Microseconds(start) / 1000);
  std::string document = kDocument;
  std::erase(document, '\n');
  Measure("JSON schema", **tokenizer, trie, JsonSchemaGrammar(nlohmann::ordered_json::parse(kSchema)),
          document);
  Measure("JSON mode", **tokenizer, trie, JsonObjectGrammar(), document);
  std::string log;
  for (int i = 10; i < 40; ++i)
    log += fmt::format("2026-11-{:02} 12:00:{} [INFO] request {} took {}.5 ms\n", i % 28 + 1, i, i * i, i);
  Measure("regex", **tokenizer, trie,
          RegexGrammar("(\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}:\\d{2} \\[(INFO|WARN)\\] [a-z0-9. ]+\\n)+"), log);
  std::string sums;
  for (int i = 10; i < 40; ++i)
    sums += fmt::format("total_{} = (width * {}.5 + depth) / 2 - {}\n", i, i, i * i);
  Measure(
      "GBNF", **tokenizer, trie,
      ParseGbnf(kArithmetic, [](std::string_view) { return std::optional<int32_t>(); }, trie->size()), sums);
  return 0;
}
