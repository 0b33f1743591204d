#include "constrain/grammar.h"

namespace sluice::constrain {

ExpressionId Grammar::Add(Expression expression) {
  size_ += 1 + expression.text.size() + expression.children.size();
  if (too_large() && !expressions_.empty()) return 0;
  expressions_.push_back(std::move(expression));
  return static_cast<ExpressionId>(expressions_.size() - 1);
}

ExpressionId Grammar::Bytes(std::string_view text) {
  if (text.empty()) return Empty();
  return Add({.kind = Expression::kBytes, .text = std::string(text)});
}

ExpressionId Grammar::Chars(tokenizer::CharSet set) {
  size_ += set.ranges().size();
  if (set.ranges().empty()) return Nothing();
  if (too_large()) return 0;
  sets_.push_back(std::move(set));
  return Add({.kind = Expression::kChars, .index = static_cast<uint32_t>(sets_.size() - 1)});
}

ExpressionId Grammar::Sequence(std::vector<ExpressionId> children) {
  if (children.empty()) return Empty();
  if (children.size() == 1) return children[0];
  return Add({.kind = Expression::kSequence, .children = std::move(children)});
}

ExpressionId Grammar::Alternatives(std::vector<ExpressionId> children) {
  if (children.empty()) return Nothing();
  if (children.size() == 1) return children[0];
  return Add({.kind = Expression::kAlternatives, .children = std::move(children)});
}

ExpressionId Grammar::Repeat(ExpressionId child, uint32_t minimum, uint32_t maximum) {
  if (maximum == 0) return Empty();
  if (minimum == 1 && maximum == 1) return child;
  return Add({.kind = Expression::kRepeat, .minimum = minimum, .maximum = maximum, .children = {child}});
}

ExpressionId Grammar::Until(std::string_view mark) {
  return Add({.kind = Expression::kUntil, .text = std::string(mark)});
}

ExpressionId Grammar::Members(ExpressionId separator, std::vector<ExpressionId> items,
                              std::vector<bool> required, bool open, uint32_t least) {
  items.insert(items.begin(), separator);
  return Add({.kind = Expression::kMembers,
              .index = open ? 1u : 0u,
              .minimum = least,
              .children = std::move(items),
              .required = std::move(required)});
}

RuleId Grammar::AddRule(std::string name, bool apart) {
  size_ += 1 + name.size();
  rules_.push_back({.name = std::move(name), .apart = apart});
  return static_cast<RuleId>(rules_.size() - 1);
}

}  // namespace sluice::constrain
