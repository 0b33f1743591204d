// Microseconds of the processor for the set of allowed tokens, token by token along a text: as the first
// answer with a grammar meets them (of a program just started, too: the trie is new), and as later ones do.
// "greedy": the first answer where the likeliest token always fits, so that nobody asks for the set.
// Of nine such first answers, each token's median counts.
//   constrain_bench VOCABULARY [PRE]
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "constrain/gbnf.h"
#include "constrain/json_schema.h"
#include "constrain/matcher.h"
#include "constrain/regex_grammar.h"
#include "tokenizer/tokenizer.h"

namespace {

using namespace sluice::constrain;
// Of this thread: what others do in between does not count.
double ProcessorMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

enum class Wanted { kSet, kToken };

// One pass along the text; the times of all tokens.
std::vector<double> Follow(const std::shared_ptr<CompiledGrammar>& grammar, const std::vector<int32_t>& ids,
                           Wanted wanted = Wanted::kSet) {
  std::vector<double> times;
  Matcher matcher(grammar);
  for (const int32_t id : ids) {
    const double start = ProcessorMicroseconds();
    bool fits = true;
    if (wanted == Wanted::kSet) {
      const auto allowed = matcher.Allowed();
      fits = allowed && (*allowed)->contains(id);
    }
    fits = fits && matcher.Accept(id);
    times.push_back(ProcessorMicroseconds() - start);
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

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void Measure(const char* name, const sluice::tokenizer::Tokenizer& tokenizer,
             const sluice::Result<Grammar>& grammar, const std::string& text) {
  constexpr int kRounds = 9;
  const auto ids = tokenizer.Encode(text, {.add_special = false, .parse_special = false});
  if (!grammar) return fmt::print("  {}: {}\n", name, grammar.error().message);
  if (!ids) return fmt::print("  {}: {}\n", name, ids.error().message);
  std::vector<double> compiling, later;
  std::vector<std::vector<double>> first(ids->size()), greedy(ids->size());
  size_t bytes = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto trie = std::make_shared<TokenTrie>(tokenizer);
    const double start = ProcessorMicroseconds();
    const auto compiled = CompiledGrammar::Create(*grammar, trie);
    compiling.push_back(ProcessorMicroseconds() - start);
    if (!compiled) return fmt::print("  {}: {}\n", name, compiled.error().message);
    const auto note = [](const std::vector<double>& times, std::vector<std::vector<double>>* by_token) {
      for (size_t i = 0; i < times.size(); ++i) (*by_token)[i].push_back(times[i]);
    };
    note(Follow(*compiled, *ids), &first);
    if (const auto another = CompiledGrammar::Create(*grammar, trie))
      note(Follow(*another, *ids, Wanted::kToken), &greedy);
    for (int i = 0; i < 3; ++i)
      for (const double t : Follow(*compiled, *ids)) later.push_back(t);
    bytes = (*compiled)->bytes();
  }
  const auto medians = [](const std::vector<std::vector<double>>& by_token) {
    std::vector<double> values;
    for (const auto& times : by_token)
      if (!times.empty()) values.push_back(Median(times));
    return values;
  };
  fmt::print("  {}: {} tokens, compiled in {:.0f} us, then {:.1f} MiB\n", name, ids->size(),
             Median(compiling), static_cast<double>(bytes) / (1 << 20));
  Print("first answer", medians(first));
  Print("greedy", medians(greedy));
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

// JSON as a recursive grammar, with the white space that people write.
constexpr const char* kJsonGrammar = R"gbnf(root ::= object
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? "}" ws
array ::= "[" ws (value ("," ws value)*)? "]" ws
string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt/] | "u" [0-9a-fA-F]{4}))* "\"" ws
number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [-+]? [0-9]+)? ws
ws ::= [ \t\n]*
)gbnf";

constexpr const char* kBounded = R"({"type": "object", "additionalProperties": false,
  "required": ["subject", "body", "code", "keywords"],
  "properties": {"subject": {"type": "string", "minLength": 5, "maxLength": 60},
    "body": {"type": "string", "maxLength": 300}, "code": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4,8}$"},
    "keywords": {"type": "array", "minItems": 2, "maxItems": 8, "items": {"type": "string", "maxLength": 20}}}})";

constexpr const char* kLetter =
    R"({"subject": "A letter about the harbour at night", "body": "The ships come in
 late, and nobody counts them; the lamps burn until the morning, when the gulls begin. Ask the keeper for the
 list: he has written every name since 1951.", "code": "HBR-19510", "keywords": ["harbour", "lamps", "ships"]})";

// Two hundred properties, each of which but the first may be left out, of several types.
std::string LargeSchema() {
  nlohmann::ordered_json schema = {
      {"type", "object"}, {"additionalProperties", false}, {"required", {"field_0"}}};
  for (int i = 0; i < 200; ++i) {
    nlohmann::ordered_json field = {{"type", "string"}};
    if (i % 4 == 1) field = {{"type", "integer"}, {"minimum", -i}, {"maximum", 1000 + i}};
    if (i % 4 == 2) field = {{"enum", {fmt::format("choice {}", i), "yes", "no", i}}};
    if (i % 4 == 3) field = {{"type", "array"}, {"items", {{"type", "number"}}}};
    schema["properties"][fmt::format("field_{}", i)] = field;
  }
  return schema.dump();
}

std::string LargeDocument() {
  nlohmann::ordered_json document;
  for (int i = 0; i < 200; i += 1 + i % 3) {
    nlohmann::ordered_json& field = document[fmt::format("field_{}", i)];
    field = fmt::format("words of number {}", i * i);
    if (i % 4 == 1) field = i * 3;
    if (i % 4 == 2) field = fmt::format("choice {}", i);
    if (i % 4 == 3) field = {1.5, i, -2e5};
  }
  return document.dump();
}

// Names that begin alike, five thousand of them.
nlohmann::ordered_json ManyNames() {
  const char* const first[] = {"north", "south", "upper",  "lower", "old",
                               "new",   "great", "little", "saint", "fort"};
  const char* const last[] = {"field", "bridge", "haven", "wick", "ham",
                              "burg",  "ton",    "mouth", "ford", "stead"};
  nlohmann::ordered_json names;
  for (int i = 0; i < 5000; ++i)
    names.push_back(
        fmt::format("{}-{}{} {}", first[i % 10], last[i / 10 % 10], last[i / 100 % 10], i * 7919 % 5000));
  return names;
}

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
  const double start = ProcessorMicroseconds();
  const auto trie = std::make_shared<TokenTrie>(**tokenizer);
  fmt::print("{} tokens, {} nodes, trie built in {:.1f} ms\n", trie->size(), trie->nodes().size(),
             (ProcessorMicroseconds() - start) / 1000);
  const auto schema = [](const std::string& text) {
    return JsonSchemaGrammar(nlohmann::ordered_json::parse(text));
  };
  const auto gbnf = [&](const char* text) {
    return ParseGbnf(text, [](std::string_view) { return std::optional<int32_t>(); }, trie->size());
  };
  std::string document = kDocument, letter = kLetter;
  std::erase(document, '\n');
  std::erase(letter, '\n');
  std::string log, sums;
  for (int i = 10; i < 40; ++i) {
    log += fmt::format("2026-11-{:02} 12:00:{} [INFO] request {} took {}.5 ms\n", i % 28 + 1, i, i * i, i);
    sums += fmt::format("total_{} = (width * {}.5 + depth) / 2 - {}\n", i, i, i * i);
  }
  const nlohmann::ordered_json names = ManyNames();
  nlohmann::ordered_json chosen;
  for (int i = 0; i < 30; ++i) chosen.push_back(names[static_cast<size_t>(i * 163)]);
  const nlohmann::ordered_json choice = {{"type", "array"}, {"items", {{"enum", names}}}};

  Measure("JSON mode", **tokenizer, JsonObjectGrammar(), document);
  Measure("JSON schema", **tokenizer, schema(kSchema), document);
  Measure("schema with bounds", **tokenizer, schema(kBounded), letter);
  Measure("large schema", **tokenizer, schema(LargeSchema()), LargeDocument());
  Measure("enum of 5,000", **tokenizer, schema(choice.dump()), chosen.dump());
  Measure("regex, a log", **tokenizer,
          RegexGrammar("(\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}:\\d{2} \\[(INFO|WARN)\\] [a-z0-9. ]+\\n)+"), log);
  Measure(
      "regex, paragraphs", **tokenizer, RegexGrammar("([A-Z][^\\n]{10,400}\\.\\n){1,9}"),
      "The ships come in late, and nobody counts them.\nAsk the keeper for the list, he has every name.\n");
  Measure("GBNF, arithmetic", **tokenizer, gbnf(kArithmetic), sums);
  Measure("GBNF, JSON", **tokenizer, gbnf(kJsonGrammar), document);
  return 0;
}
