// JSON Schemas: what they accept, what is refused, and that every text validates.
#include "constrain/json_schema.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "constrain/toy_vocabulary.h"

namespace sluice::constrain {
namespace {

using Json = nlohmann::ordered_json;

struct Case {
  std::string schema;
  std::vector<std::string> in, out;
};

TEST(JsonSchema, AcceptsWhatValidates) {
  const Case cases[] = {
      {R"({"type": "string"})",
       {R"("")", R"("é😀\n\u00e9\ud83d\ude00")"},
       {"x", R"("\ud800")", "\"\n\"", R"("\x")"}},
      {R"({"type": "integer"})", {"0", "-12", "999"}, {"01", "1.0", "-0", "1e3"}},
      {R"({"type": "number"})", {"0", "-1.5e-3", "0.25"}, {"1.", ".5", "1e999", "NaN"}},
      {R"({"type": ["null", "boolean"]})", {"null", "true", "false"}, {"0"}},
      {R"({"type": "integer", "minimum": -12, "exclusiveMaximum": 105})",
       {"-12", "-1", "0", "9", "10", "99", "100", "104"},
       {"-13", "105", "999", "-20", "-"}},
      {R"({"type": "integer", "minimum": 7})", {"7", "10", "1000000"}, {"6", "-8"}},
      {R"({"type": "number", "minimum": 0.5, "maximum": 12.25})",
       {"0.5", "0.50", "0.51", "1", "12", "12.25", "12.2", "12.1999"},
       {"0", "0.49", "12.26", "12.251", "13", "-1"}},
      {R"({"type": "number", "exclusiveMinimum": -1.5, "exclusiveMaximum": 0})",
       {"-1.4", "-1", "-0.001", "-1.49999"},
       {"-1.5", "-1.50", "0", "-0", "-0.0", "1", "-2"}},
      {R"({"type": "integer", "multipleOf": 7})", {"0", "7", "-14", "700"}, {"1", "8", "71"}},
      {R"({"type": "string", "minLength": 2, "maxLength": 3})",
       {R"("ab")", R"("é\n漢")"},
       {R"("a")", R"("abcd")"}},
      {R"({"type": "string", "pattern": "^a[0-9\"]+$"})", {R"("a12")", R"("a\"")"}, {R"("a")", R"("xa1")"}},
      {R"({"type": "string", "pattern": "b"})", {R"("b")", R"("abc")"}, {R"("ac")"}},
      {R"({"type": "string", "format": "date-time"})",
       {R"("2026-11-23T08:00:00Z")"},
       {R"("2026-02-30T08:00:00Z")"}},
      {R"({"type": "string", "format": "uuid"})",
       {R"("123e4567-e89b-12d3-a456-426614174000")"},
       {R"("123")"}},
      {R"({"enum": ["a", 1, null, {"x": [1]}]})",
       {R"("a")", "1", "null", R"({"x":[1]})", R"({ "x": [ 1 ] })"},
       {R"("b")", "2"}},
      {R"({"const": "x\ny"})", {R"("x\ny")"}, {R"("x")"}},
      {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}, "c": {}},
           "required": ["b"], "additionalProperties": false})",
       {R"({"b":null})", R"({"a": 1, "b": null})", "{\n  \"a\": 1,\n  \"b\": null, \"c\": [1]\n}"},
       {"{}", R"({"a": 1})", R"({"b": null, "a": 1})", R"({"b": null, "d": 1})", R"({"b": null,})"}},
      {R"({"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "integer"}})",
       {"{}", R"({"a": "x"})", R"({"b": 1, "ab": 2, "": 3})", R"({"a": null, "aa": 1, "q": 2})"},
       {R"({"b": "x"})"}},
      {R"({"type": "object", "patternProperties": {"^x_": {"type": "integer"}}, "additionalProperties": false})",
       {"{}", R"({"x_1": 1, "x_": 2})"},
       {R"({"y": 1})"}},
      {R"({"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {"type": "null"}})",
       {"{}", R"({"a": null})"},
       {R"({"c": null})"}},
      {R"({"type": "object", "minProperties": 1})", {R"({"a": 1})"}, {"{}"}},
      {R"({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3})",
       {"[1,2]", "[1, 2, 3]"},
       {"[]", "[1]", "[1,2,3,4]", "[1,2,]"}},
      {R"({"type": "array", "prefixItems": [{"type": "null"}, {"type": "integer"}], "items": {"type": "string"}})",
       {"[]", "[null]", "[null, 1]", R"([null, 1, "a", "b"])"},
       {"[1]", R"([null, "a"])"}},
      {R"({"type": "array", "prefixItems": [{"type": "null"}, {"type": "integer"}], "items": false, "minItems": 1})",
       {"[null]", "[null, 1]"},
       {"[]", "[null, 1, 2]"}},
      {R"({"type": "array", "maxItems": 0})", {"[]", "[ ]"}, {"[1]"}},
      {R"({"anyOf": [{"type": "integer"}, {"type": "string"}]})", {"1", R"("a")"}, {"null"}},
      {R"({"oneOf": [{"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]},
                     {"type": "object", "properties": {"k": {"const": "b"}, "v": {}}, "required": ["k", "v"]}]})",
       {R"({"k": "a"})", R"({"k": "b", "v": 1})"},
       {R"({"k": "b"})"}},
      {R"({"allOf": [{"type": "object", "properties": {"a": {"minimum": 1}}, "required": ["a"]},
                     {"properties": {"a": {"type": "integer", "maximum": 3}, "b": {"type": "null"}}}]})",
       {R"({"a": 2})", R"({"a": 3, "b": null})"},
       {R"({"a": 4})", R"({"b": null})"}},
      {R"({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"],
           "anyOf": [{"properties": {"b": {"type": "null"}}, "required": ["b"]}, {"required": ["c"]}]})",
       {R"({"a": 1, "b": null})", R"({"a": 1, "c": 5})"},
       {R"({"a": 1})"}},
      {R"({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"v": {"type": "integer"},
           "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["v", "next"],
           "additionalProperties": false}}})",
       {R"({"v": 1, "next": {"v": 2, "next": null}})"},
       {R"({"v": 1})", R"({"v": 1, "next": 2})"}},
      {R"({"type": "string", "nullable": true})", {"null", R"("a")"}, {"1"}},
      {R"(true)", {"[1, {}]", "null"}, {"[1"}},
  };
  for (const Case& c : cases) {
    const auto grammar = JsonSchemaGrammar(Json::parse(c.schema));
    ASSERT_TRUE(grammar) << c.schema << ": " << grammar.error().message;
    const auto automaton = Compile(*grammar);
    ASSERT_TRUE(automaton) << c.schema << ": " << automaton.error().message;
    for (const auto& text : c.in) EXPECT_TRUE(Accepts(*automaton, text)) << c.schema << " on " << text;
    for (const auto& text : c.out) EXPECT_FALSE(Accepts(*automaton, text)) << c.schema << " on " << text;
  }
}

TEST(JsonSchema, RefusesByName) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"type": "strin"})", "#/type"},
      {R"({"not": {}})", "#/not"},
      {R"({"properties": {"a": {"type": "object", "if": {}}}})", "#/properties/a/if"},
      {R"({"items": {"contains": {}}})", "#/items/contains"},
      {R"({"type": "array", "uniqueItems": true})", "#/uniqueItems"},
      {R"({"type": "string", "format": "colour"})", "#/format"},
      {R"j({"type": "string", "pattern": "(?=a)"})j", "#/pattern"},
      {R"({"type": "string", "pattern": "a", "maxLength": 3})", "#/pattern"},
      {R"({"$ref": "http://x/y"})", "leaves the schema"},
      {R"({"$ref": "#/$defs/a"})", "leads nowhere"},
      {R"({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}})",
       "begins with itself"},
      {R"({"$ref": "#", "minimum": 1})", "refers to itself"},
      {R"({"allOf": [{"$ref": "#"}]})", "refers to itself"},
      {R"({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}})", "nothing can satisfy"},
      {R"({"type": "integer", "minimum": 3, "maximum": 2})", "nothing can satisfy"},
      {R"({"enum": []})", "nothing can satisfy"},
      {R"({"oneOf": [{"type": "integer"}, {"type": "number"}]})", "#/oneOf"},
      {R"({"type": "string", "minLength": -1})", "#/minLength"},
      {R"({"dependentRequired": {}})", "#/dependentRequired"},
      {R"(5)", "object or a boolean"},
  };
  for (const auto& [schema, reason] : cases) {
    const auto grammar = JsonSchemaGrammar(Json::parse(schema));
    std::string message;
    if (!grammar) {
      message = grammar.error().message;
    } else if (const auto automaton = Compile(*grammar); !automaton) {
      message = automaton.error().message;
    }
    EXPECT_NE(message.find(reason), std::string::npos) << schema << ": " << message;
  }
}

TEST(JsonSchema, LargeOnesAreRefusedOrQuick) {
  Json many = {{"enum", Json::array()}};
  for (int i = 0; i < 100'000; ++i) many["enum"].push_back("value" + std::to_string(i));
  if (const auto grammar = JsonSchemaGrammar(many)) {
    if (const auto automaton = Compile(*grammar)) {
      EXPECT_TRUE(Accepts(*automaton, "\"value99999\""));
      EXPECT_FALSE(Accepts(*automaton, "\"value100000\""));
    }
  }
  Json doubling = true;
  for (int i = 0; i < 40; ++i)
    doubling = {{"anyOf", Json::array({{{"allOf", Json::array({doubling})}}, {{"type", "null"}}})}};
  (void)JsonSchemaGrammar(doubling);
  Json wide = {{"type", "object"}, {"properties", Json::object()}};
  for (int i = 0; i < 1000; ++i) wide["properties"]["property" + std::to_string(i)] = {{"type", "string"}};
  const auto grammar = JsonSchemaGrammar(wide);
  ASSERT_TRUE(grammar);
  const auto automaton = Compile(*grammar);
  ASSERT_TRUE(automaton) << automaton.error().message;
  EXPECT_TRUE(Accepts(*automaton, R"({"property3": "x", "property999": "y"})"));
  // Behind each property that may be left out, all later ones may follow: work grows with the square.
  for (int i = 1000; i < 5000; ++i) wide["properties"]["property" + std::to_string(i)] = {{"type", "string"}};
  const auto wider = JsonSchemaGrammar(wide);
  ASSERT_TRUE(wider);
  const auto refused = Compile(*wider);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("too complex"), std::string::npos) << refused.error().message;
}

// An implementation of the rules apart from the grammar's.
bool Validates(const Json& schema, const Json& value) {
  if (schema.is_boolean()) return schema == true;
  if (schema.contains("enum")) return std::ranges::find(schema["enum"], value) != schema["enum"].end();
  if (schema.contains("anyOf"))
    return std::ranges::any_of(schema["anyOf"], [&](const Json& s) { return Validates(s, value); });
  const std::string type = schema.value("type", "");
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "string") {
    if (!value.is_string()) return false;
    const auto text = value.get<std::string>();
    const auto length = std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; });
    return length >= schema.value("minLength", 0) && length <= schema.value("maxLength", 1 << 30);
  }
  if (type == "integer" || type == "number") {
    if (!value.is_number() || (type == "integer" && !value.is_number_integer())) return false;
    const double number = value;
    return number >= schema.value("minimum", -1e300) && number <= schema.value("maximum", 1e300) &&
           number > schema.value("exclusiveMinimum", -1e300) &&
           number < schema.value("exclusiveMaximum", 1e300);
  }
  if (type == "array") {
    if (!value.is_array() || value.size() < schema.value("minItems", 0u) ||
        value.size() > schema.value("maxItems", 1u << 30))
      return false;
    return std::ranges::all_of(value, [&](const Json& v) { return Validates(schema["items"], v); });
  }
  if (!value.is_object()) return false;
  for (const Json& name : schema["required"])
    if (!value.contains(name)) return false;
  for (const auto& [name, member] : value.items())
    if (!schema["properties"].contains(name) || !Validates(schema["properties"][name], member)) return false;
  return true;
}

Json RandomSchema(std::mt19937& random, int depth) {
  const auto below = [&](uint32_t n) { return static_cast<int>(random() % n); };
  switch (below(depth > 2 ? 5 : 8)) {
    case 0:
      return {{"type", "integer"}, {"minimum", below(300) - 200}, {"maximum", 100 + below(2000)}};
    case 1:
      return {{"type", "number"},
              {"exclusiveMinimum", (below(300) - 200) / 8.0},
              {"exclusiveMaximum", 26 + below(99) / 16.0}};
    case 2:
      return {{"type", "string"}, {"minLength", below(3)}, {"maxLength", 3 + below(40)}};
    case 3:
      return {{"enum", {"a", "ab\n", 12, nullptr, {{"x", below(9)}}}}};
    case 4:
      return {{"type", below(2) ? "boolean" : "null"}};
    case 5:
      return {{"type", "array"},
              {"items", RandomSchema(random, depth + 1)},
              {"minItems", below(2)},
              {"maxItems", 1 + below(4)}};
    case 6:
      return {{"anyOf", {RandomSchema(random, depth + 1), RandomSchema(random, depth + 1)}}};
    default: {
      Json schema = {{"type", "object"},
                     {"properties", Json::object()},
                     {"required", Json::array()},
                     {"additionalProperties", false}};
      for (int i = below(4); i >= 0; --i) {
        const std::string name = std::string(1, static_cast<char>('a' + i)) + (below(2) ? "\"" : "");
        schema["properties"][name] = RandomSchema(random, depth + 1);
        if (below(2)) schema["required"].push_back(name);
      }
      return schema;
    }
  }
}

TEST(JsonSchema, RandomWalksValidate) {
  const ToyTokenizer toy(ToyPieces(1));
  const auto trie = std::make_shared<TokenTrie>(toy);
  int ended = 0;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    const Json schema = RandomSchema(random, 0);
    const auto grammar = JsonSchemaGrammar(schema);
    ASSERT_TRUE(grammar) << schema.dump() << ": " << grammar.error().message;
    const auto compiled = CompiledGrammar::Create(*grammar, trie);
    ASSERT_TRUE(compiled) << schema.dump() << ": " << compiled.error().message;
    for (int walk = 0; walk < 8; ++walk) {
      Matcher matcher(*compiled);
      std::string text;
      for (int step = 0; step < 600; ++step) {
        const auto allowed = Ids(**matcher.Allowed(), toy.vocab_size());
        ASSERT_FALSE(allowed.empty()) << schema.dump() << " at " << text;
        const int32_t id = allowed[random() % allowed.size()];
        ASSERT_TRUE(matcher.Accept(id));
        if (id != toy.end_tokens()[0]) {
          text += toy.TokenBytes(id);
          continue;
        }
        ++ended;
        const Json value = Json::parse(text, nullptr, false);
        ASSERT_FALSE(value.is_discarded()) << schema.dump() << " gave " << text;
        ASSERT_TRUE(Validates(schema, value)) << schema.dump() << " gave " << text;
        break;
      }
    }
  }
  EXPECT_GT(ended, 300);
}

// None takes long: what grows with the square of a schema is bounded.
TEST(JsonSchema, HostileOnesAreRefused) {
  const auto refused = [](const Json& schema) {
    const auto grammar = JsonSchemaGrammar(schema);
    return !grammar || !Compile(*grammar);
  };
  Json long_name = {{"properties", {{std::string(1'000'000, 'x'), false}}}, {"additionalProperties", true}};
  EXPECT_TRUE(refused(long_name));
  Json values = Json::array(), names = Json::array(), alternatives = Json::array();
  for (int i = 0; i < 200'000; ++i) values.push_back(i), names.push_back("n" + std::to_string(i));
  Json others = Json::array();
  for (int i = 0; i < 200'000; ++i) others.push_back(-1 - i);
  const Json lists[] = {{{"enum", values}}, {{"enum", others}}};
  EXPECT_TRUE(refused({{"allOf", lists}}));
  EXPECT_TRUE(refused({{"oneOf", lists}}));
  EXPECT_TRUE(refused({{"type", "object"}, {"required", names}}));
  const Json to_itself = {{"$ref", "#"}};
  EXPECT_TRUE(refused({{"description", std::string(1'000'000, 'x')}, {"allOf", {to_itself, to_itself}}}));
  for (int i = 0; i < 10'000; ++i) alternatives.push_back({{"minimum", i}});
  EXPECT_TRUE(refused({{"anyOf", alternatives}, {"enum", values}}));
  const Json pattern = {{"type", "string"}, {"pattern", "(?i)" + std::string(16'000, 'x')}};
  EXPECT_TRUE(refused({{"anyOf", Json(1'000, pattern)}}));
}

}  // namespace
}  // namespace sluice::constrain
