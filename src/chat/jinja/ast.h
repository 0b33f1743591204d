// A parsed template.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "chat/jinja/filters.h"
#include "chat/jinja/operations.h"
#include "chat/jinja/tests.h"
#include "chat/jinja/value.h"

namespace sluice::chat::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

enum class ExpressionKind {
  kConstant,
  kName,
  kList,
  kTuple,
  kDict,       // operands: key, value, key, value ...
  kAttribute,  // operands[0].text
  kItem,       // operands[0][operands[1]]
  kSlice,      // operands[0][operands[1]:operands[2]:operands[3]], each of the three may be null
  kCall,       // operands[0](call)
  kFilter,     // operands[0] | text(call); operands[0] is null in a filter block
  kTest,       // operands[0] is text(call)
  kBinary,
  kNegate,
  kPlus,
  kNot,
  kAnd,
  kOr,
  kConcat,         // operands joined by ~
  kCompare,        // operands[0] comparisons[0] operands[1] ...
  kConditional,    // operands: value, condition, other value (may be null)
  kNamespaceItem,  // `text` of the namespace in `symbol`, as a target of set
};

enum class Comparison { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star, double_star;
};

struct Expression {
  ExpressionKind kind;
  int line;
  int height = 1;  // of the tree below
  Value constant;
  int symbol = -1;   // of a name, in Program::symbols
  std::string text;  // attribute, filter, test
  BinaryOperator op{};
  std::vector<Comparison> comparisons;
  std::vector<ExpressionPtr> operands;
  std::unique_ptr<CallArguments> call;
  const Filter* filter = nullptr;  // null: unknown, an error when reached
  const Test* test = nullptr;
};

struct Statement;
using Block = std::vector<std::unique_ptr<Statement>>;

struct Parameter {
  int symbol;
  std::string name;
  ExpressionPtr fallback;  // null: undefined if not given
};

// A macro, or the body of a call block, which is its `caller`.
struct MacroDefinition {
  std::string name;
  std::vector<Parameter> parameters;
  Block body;
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
};

enum class StatementKind {
  kText,
  kPrint,
  kIf,        // branches; `otherwise`
  kFor,       // target in value if condition; body; otherwise
  kSet,       // target = value
  kSetBlock,  // target = the body's output, through `value` (a filter chain) if there is one
  kMacro,
  kCallBlock,    // value is a call; macro is the caller
  kFilterBlock,  // value is a filter chain applied to the body's output
  kWith,         // targets and values pairwise; body
  kScope,        // body, with its own variables
  kNamedBlock,   // {% block name %}
  kBreak,
  kContinue,
  kUnsupported,  // fails when reached; text says why
};

struct Statement {
  StatementKind kind;
  int line;
  std::string text;
  int symbol = -1;  // of a macro's name
  ExpressionPtr target, value, condition;
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> assignments;
  Block body, otherwise;
  bool recursive = false;
  std::unique_ptr<MacroDefinition> macro;
};

struct Program {
  Heap constants;
  std::unordered_map<std::string, int> symbols;  // names to numbers
  Block body;
  std::unordered_map<std::string, const Statement*> blocks;
};

}  // namespace sluice::chat::jinja
