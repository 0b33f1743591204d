#include "constrain/regex_grammar.h"

#include <fmt/format.h>

namespace sluice::constrain {
namespace {

using tokenizer::CharSet;
using tokenizer::RegexNode;

tl::unexpected<Error> Refuse(std::string_view what) {
  return Fail(ErrorCode::kUsage, fmt::format("the regular expression uses {}", what),
              "write it with characters, classes, groups, | and repetitions");
}

class Converter {
 public:
  Converter(Grammar& grammar, const WriteChars& write) : grammar_(grammar), write_(write) {}

  // One alternative of the outermost group: anchors at its ends say that no text stands around it.
  Result<ExpressionId> Alternative(const RegexNode& node, bool whole) {
    std::vector<const RegexNode*> parts;
    if (node.kind == RegexNode::kSequence)
      for (const auto& child : node.children) parts.push_back(child.get());
    else
      parts.push_back(&node);
    bool from_start = whole, to_end = whole;
    const auto is = [](const RegexNode& n, RegexNode::Assertion a) {
      return n.kind == RegexNode::kAssert && n.assertion == a;
    };
    size_t first = 0, last = parts.size();
    for (; first < last && is(*parts[first], RegexNode::kTextStart); ++first) from_start = true;
    for (; first < last && is(*parts[last - 1], RegexNode::kTextEnd); --last) to_end = true;
    std::vector<ExpressionId> sequence;
    if (!from_start) sequence.push_back(Anything());
    for (size_t i = first; i < last; ++i) {
      SLUICE_TRY(const ExpressionId part, Convert(*parts[i]));
      sequence.push_back(part);
    }
    if (!to_end) sequence.push_back(Anything());
    return grammar_.Sequence(std::move(sequence));
  }

  Result<ExpressionId> Top(const RegexNode& node, bool whole) {
    const RegexNode* top = &node;
    while (top->kind == RegexNode::kSequence && top->children.size() == 1) top = top->children[0].get();
    if (top->kind != RegexNode::kAlternatives) return Alternative(*top, whole);
    std::vector<ExpressionId> alternatives;
    for (const auto& child : top->children) {
      SLUICE_TRY(const ExpressionId one, Alternative(*child, whole));
      alternatives.push_back(one);
    }
    return grammar_.Alternatives(std::move(alternatives));
  }

 private:
  Grammar& grammar_;
  const WriteChars& write_;

  ExpressionId Anything() {
    return grammar_.Repeat(write_(grammar_, CharSet{{0, tokenizer::kMaxCodePoint}}), 0);
  }

  Result<std::vector<ExpressionId>> Children(const RegexNode& node) {
    std::vector<ExpressionId> children;
    for (const auto& child : node.children) {
      SLUICE_TRY(const ExpressionId one, Convert(*child));
      children.push_back(one);
    }
    return children;
  }

  Result<ExpressionId> Convert(const RegexNode& node) {
    switch (node.kind) {
      case RegexNode::kEmpty:
        return grammar_.Empty();
      case RegexNode::kSet:
        return write_(grammar_, node.set);
      case RegexNode::kSequence: {
        SLUICE_TRY(auto children, Children(node));
        return grammar_.Sequence(std::move(children));
      }
      case RegexNode::kAlternatives: {
        SLUICE_TRY(auto children, Children(node));
        return grammar_.Alternatives(std::move(children));
      }
      case RegexNode::kRepeat: {
        if (node.greed == RegexNode::kPossessive) return Refuse("a possessive repetition");
        SLUICE_TRY(const ExpressionId child, Convert(*node.children[0]));
        return grammar_.Repeat(
            child, static_cast<uint32_t>(node.minimum),
            node.maximum == RegexNode::kUnbounded ? kUnbounded : static_cast<uint32_t>(node.maximum));
      }
      case RegexNode::kLookAhead:
        return Refuse("look-ahead");
      case RegexNode::kLookBehind:
        return Refuse("look-behind");
      case RegexNode::kAtomic:
        return Refuse("an atomic group");
      default:
        return Refuse(node.assertion == RegexNode::kTextStart || node.assertion == RegexNode::kTextEnd
                          ? "^ or $ elsewhere than at its ends"
                          : "word boundaries or the ends of lines");
    }
  }
};

// "{2}x": the parser reads a brace that repeats nothing as itself, most engines refuse it.
bool RepeatsNothing(std::string_view pattern) {
  for (size_t at = pattern.find('{'); at != std::string_view::npos; at = pattern.find('{', at + 1)) {
    const bool first = at == 0 || ((pattern[at - 1] == '(' || pattern[at - 1] == '|') &&
                                   (at == 1 || pattern[at - 2] != '\\'));
    const size_t end = pattern.find_first_not_of("0123456789,", at + 1);
    if (first && end != std::string_view::npos && end > at + 1 && pattern[end] == '}') return true;
  }
  return false;
}

}  // namespace

Result<ExpressionId> AddRegex(Grammar& grammar, std::string_view pattern, bool whole,
                              const WriteChars& write) {
  if (RepeatsNothing(pattern)) return Refuse("a repetition of nothing");
  auto parsed = tokenizer::ParseRegex(pattern, tokenizer::RegexDialect::kCommon);
  if (!parsed)
    return Fail(ErrorCode::kUsage,
                fmt::format("the regular expression is wrong: {}", parsed.error().message));
  return Converter(grammar, write).Top(**parsed, whole);
}

Result<Grammar> RegexGrammar(std::string_view pattern) {
  Grammar grammar;
  const RuleId root = grammar.AddRule("root");
  SLUICE_TRY(const ExpressionId body, AddRegex(grammar, pattern, /*whole=*/true,
                                               [](Grammar& g, const CharSet& set) { return g.Chars(set); }));
  grammar.Define(root, body);
  grammar.SetRoot(root);
  return grammar;
}

}  // namespace sluice::constrain
