#include "constrain/nullable.h"

namespace sluice::constrain {
namespace {

// How many children must be nullable before the expression is; 0: it is by itself, -1: never.
int Needed(const Expression& e) {
  switch (e.kind) {
    case Expression::kEmpty:
      return 0;
    case Expression::kSequence:
      return static_cast<int>(e.children.size());
    case Expression::kAlternatives:
    case Expression::kRule:
      return 1;
    case Expression::kRepeat:
      return e.minimum == 0 ? 0 : 1;
    case Expression::kMembers:
      for (const bool required : e.required)
        if (required) return -1;
      return e.minimum == 0 ? 0 : -1;
    default:
      return -1;
  }
}

}  // namespace

std::vector<bool> NullableExpressions(const Grammar& grammar) {
  const auto& expressions = grammar.expressions();
  std::vector<int> needed(expressions.size());
  std::vector<std::vector<ExpressionId>> users(expressions.size());
  std::vector<ExpressionId> found;
  for (ExpressionId id = 0; id < expressions.size(); ++id) {
    const Expression& e = expressions[id];
    needed[id] = Needed(e);
    for (const ExpressionId child : e.children) users[child].push_back(id);
    if (e.kind == Expression::kRule && grammar.rules()[e.index].defined)
      users[grammar.rules()[e.index].body].push_back(id);
    if (needed[id] == 0) found.push_back(id);
  }
  std::vector<bool> nullable(expressions.size());
  for (const ExpressionId id : found) nullable[id] = true;
  while (!found.empty()) {
    const ExpressionId id = found.back();
    found.pop_back();
    for (const ExpressionId user : users[id]) {
      if (nullable[user] || needed[user] < 0 || --needed[user] > 0) continue;
      nullable[user] = true;
      found.push_back(user);
    }
  }
  return nullable;
}

}  // namespace sluice::constrain
