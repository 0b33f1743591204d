// For tests: grammars of every notation, for the vocabularies of toy_vocabulary.h.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "constrain/gbnf.h"
#include "constrain/json_schema.h"
#include "constrain/toy_vocabulary.h"

namespace sluice::constrain {

using NamedGrammars = std::vector<std::pair<std::string, Grammar>>;

inline Result<NamedGrammars> WrittenGrammars() {
  NamedGrammars grammars = {{"JSON mode", JsonObjectGrammar()}};
  for (const char* text : {
           R"({"type": "array", "items": {"type": "string", "maxLength": 30}})",
           R"({"type": "array", "items": {"type": "string", "minLength": 9, "maxLength": 800}})",
           R"({"type": "string", "minLength": 200})",
           R"({"type": "object", "additionalProperties": {"enum": ["abc", "ab", "x\"y", 12, 120, null]}})",
           R"({"type": "array", "minItems": 3, "maxItems": 40, "items": {"type": "array", "minItems": 1,
             "maxItems": 60, "items": {"enum": ["a", 1, ""]}}})",
           R"({"type": "array", "items": {"type": "string", "pattern": "^[a-f0-9]{10,300}$"}})",
       }) {
    SLUICE_TRY(Grammar grammar, JsonSchemaGrammar(nlohmann::ordered_json::parse(text)));
    grammars.emplace_back(text, std::move(grammar));
  }
  const ToyTokenizer toy;
  for (const char* text : {
           "root ::= (text \"<x>\" | text \"]\")+\ntext ::= [^\\x00-\\x1F<\\]]* long?\n"
           "long ::= \"---------------------------------------------------------------------\"",
           "root ::= item (\" \" item)*\nitem ::= word{1,50} | [a-z]+ [0-9]* | \"(\" root \")\"\nword ::= "
           "[a-zA-Z]+ \"_\"?",
           "root ::= (\"a\" | \"ab\" | \"b\" | \"bab\")* \"c\" [^c]* (\"c\" | \"cc\" root)",
       }) {
    SLUICE_TRY(Grammar grammar,
               ParseGbnf(text, [&](std::string_view name) { return toy.FindToken(name); }, 1 << 20));
    grammars.emplace_back(text, std::move(grammar));
  }
  Grammar until;
  const RuleId root = until.AddRule("root");
  until.Define(root, until.Sequence({until.Until("</the>"), until.Bytes("x")}));
  until.SetRoot(root);
  grammars.emplace_back("until", std::move(until));
  return grammars;
}

}  // namespace sluice::constrain
