#include <algorithm>

#include "tokenizer/regex.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kMaxInstructions = 20000;

// Characters that `node` matches, if always the same number.
std::optional<int> FixedWidth(const RegexNode& node) {
  switch (node.kind) {
    case RegexNode::kSet:
      return 1;
    case RegexNode::kSequence: {
      int sum = 0;
      for (const auto& child : node.children) {
        const auto width = FixedWidth(*child);
        if (!width) return std::nullopt;
        sum = std::min(sum + *width, 100000);
      }
      return sum;
    }
    case RegexNode::kAlternatives: {
      const auto width = FixedWidth(*node.children[0]);
      for (const auto& child : node.children)
        if (FixedWidth(*child) != width) return std::nullopt;
      return width;
    }
    case RegexNode::kRepeat: {
      const auto width = FixedWidth(*node.children[0]);
      if (!width || node.minimum != node.maximum) return std::nullopt;
      return std::min(*width * node.minimum, 100000);
    }
    case RegexNode::kAtomic:
      return FixedWidth(*node.children[0]);
    default:
      return 0;
  }
}

// The characters that can start a match of `node`; `nullable`: it can match without one.
CharSet FirstSet(const RegexNode& node, bool& nullable) {
  CharSet first;
  switch (node.kind) {
    case RegexNode::kSet:
      nullable = false;
      return node.set;
    case RegexNode::kSequence:
      nullable = true;
      for (const auto& child : node.children) {
        first.Add(FirstSet(*child, nullable));
        if (!nullable) break;
      }
      return first;
    case RegexNode::kAlternatives: {
      bool any = false;
      for (const auto& child : node.children) {
        first.Add(FirstSet(*child, nullable));
        any = any || nullable;
      }
      nullable = any;
      return first;
    }
    case RegexNode::kRepeat:
      first = FirstSet(*node.children[0], nullable);
      nullable = nullable || node.minimum == 0;
      return first;
    case RegexNode::kAtomic:
      return FirstSet(*node.children[0], nullable);
    default:
      nullable = true;
      return first;
  }
}

const RegexNode& Unwrapped(const RegexNode& node) {
  const RegexNode* at = &node;
  while (at->kind == RegexNode::kSequence && at->children.size() == 1) at = at->children[0].get();
  return *at;
}

}  // namespace

class RegexCompiler {
 public:
  Result<Regex> Compile(const RegexNode& root) {
    SLUICE_CHECK_OK(Emit(root));
    Add({.op = Regex::Op::kMatch});
    for (const CharSet& set : sets_) regex_.sets_.emplace_back(set);
    bool nullable = false;
    const CharSet first = FirstSet(root, nullable);
    if (!nullable) regex_.first_.emplace(first);
    const Regex::Instruction& start = regex_.code_[0];
    regex_.skip_run_ =
        start.op == Regex::Op::kRepeatSet && start.minimum == 1 && start.maximum == RegexNode::kUnbounded;
    return std::move(regex_);
  }

 private:
  using Op = Regex::Op;

  uint32_t Here() const { return static_cast<uint32_t>(regex_.code_.size()); }
  uint32_t Add(Regex::Instruction instruction) {
    regex_.code_.push_back(instruction);
    return Here() - 1;
  }
  Regex::Instruction& At(uint32_t i) { return regex_.code_[i]; }

  uint32_t SetIndex(const CharSet& set) {
    const auto found = std::find(sets_.begin(), sets_.end(), set);
    if (found != sets_.end()) return static_cast<uint32_t>(found - sets_.begin());
    sets_.push_back(set);
    return static_cast<uint32_t>(sets_.size() - 1);
  }

  Status Emit(const RegexNode& node) {
    if (regex_.code_.size() > kMaxInstructions)
      return Fail(ErrorCode::kBadFile, "expression is too large once its repeats are written out",
                  "the expression is outside what this program supports, or damaged");
    switch (node.kind) {
      case RegexNode::kEmpty:
        return {};
      case RegexNode::kSet:
        return EmitSet(node);
      case RegexNode::kSequence:
        for (const auto& child : node.children) SLUICE_CHECK_OK(Emit(*child));
        return {};
      case RegexNode::kAlternatives:
        return EmitAlternatives(node);
      case RegexNode::kRepeat:
        return EmitRepeat(node);
      case RegexNode::kLookAhead:
        return EmitLook(node, *node.children[0], 0);
      case RegexNode::kLookBehind:
        return EmitLookBehind(node);
      case RegexNode::kAtomic:
        return EmitAtomic(*node.children[0]);
      case RegexNode::kAssert:
        Add({.op = Op::kAssert, .assertion = node.assertion});
        return {};
    }
    return {};
  }

  Status EmitSet(const RegexNode& node) {
    const auto& ranges = node.set.ranges();
    if (ranges.size() == 1 && ranges[0].first == ranges[0].second && ranges[0].first < 0x80) {
      Add({.op = Op::kByte, .set = ranges[0].first});
    } else {
      Add({.op = Op::kSet, .set = SetIndex(node.set)});
    }
    return {};
  }

  Status EmitAlternatives(const RegexNode& node) {
    std::vector<uint32_t> jumps;
    for (size_t i = 0; i < node.children.size(); ++i) {
      const bool last = i + 1 == node.children.size();
      const uint32_t split = last ? 0 : Add({.op = Op::kSplit});
      if (!last) At(split).next = Here();
      SLUICE_CHECK_OK(Emit(*node.children[i]));
      if (last) break;
      jumps.push_back(Add({.op = Op::kJump}));
      At(split).other = Here();
    }
    for (const uint32_t jump : jumps) At(jump).next = Here();
    return {};
  }

  Status EmitRepeat(const RegexNode& node) {
    const RegexNode& body = Unwrapped(*node.children[0]);
    if (body.kind == RegexNode::kSet) {
      Add({.op = Op::kRepeatSet,
           .greed = node.greed,
           .minimum = node.minimum,
           .maximum = node.maximum,
           .set = SetIndex(body.set)});
      return {};
    }
    if (node.greed != RegexNode::kPossessive) return EmitLoop(node, body);
    const uint32_t atomic = Add({.op = Op::kAtomic});
    SLUICE_CHECK_OK(EmitLoop(node, body));
    Add({.op = Op::kMatch});
    At(atomic).next = Here();
    return {};
  }

  Status EmitLoop(const RegexNode& node, const RegexNode& body) {
    for (int i = 0; i < node.minimum; ++i) SLUICE_CHECK_OK(Emit(body));
    std::vector<uint32_t> exits;
    const auto split = [&] { exits.push_back(Add({.op = Op::kSplit})), At(exits.back()).next = Here(); };
    if (node.maximum == RegexNode::kUnbounded) {
      const uint32_t start = Here();
      const auto mark = static_cast<uint32_t>(regex_.mark_count_++);
      split();
      Add({.op = Op::kMark, .set = mark});
      SLUICE_CHECK_OK(Emit(body));
      Add({.op = Op::kJumpIfMoved, .set = mark, .next = start});
    } else {
      for (int i = node.minimum; i < node.maximum; ++i) {
        split();
        SLUICE_CHECK_OK(Emit(body));
      }
    }
    for (const uint32_t exit : exits) {
      At(exit).other = Here();
      if (node.greed == RegexNode::kLazy) std::swap(At(exit).next, At(exit).other);
    }
    return {};
  }

  Status EmitLook(const RegexNode& node, const RegexNode& body, int width) {
    const uint32_t look = Add({.op = Op::kLook, .negative = node.negative, .minimum = width});
    SLUICE_CHECK_OK(Emit(body));
    Add({.op = Op::kMatch});
    At(look).next = Here();
    return {};
  }

  // Each alternative has its own width: (?<=a|bc) is (?:(?<=a)|(?<=bc)), (?<!a|bc) is (?<!a)(?<!bc).
  Status EmitLookBehind(const RegexNode& node) {
    const RegexNode& body = Unwrapped(*node.children[0]);
    std::vector<const RegexNode*> branches;
    if (body.kind == RegexNode::kAlternatives) {
      for (const auto& child : body.children) branches.push_back(child.get());
    } else {
      branches.push_back(&body);
    }
    std::vector<uint32_t> jumps;
    for (size_t i = 0; i < branches.size(); ++i) {
      const auto width = FixedWidth(*branches[i]);
      if (!width)
        return Fail(ErrorCode::kBadFile, "expression looks behind by a varying number of characters");
      const bool split_here = !node.negative && i + 1 < branches.size();
      const uint32_t split = split_here ? Add({.op = Op::kSplit}) : 0;
      if (split_here) At(split).next = Here();
      SLUICE_CHECK_OK(EmitLook(node, *branches[i], *width));
      if (!split_here) continue;
      jumps.push_back(Add({.op = Op::kJump}));
      At(split).other = Here();
    }
    for (const uint32_t jump : jumps) At(jump).next = Here();
    return {};
  }

  Status EmitAtomic(const RegexNode& body) {
    const uint32_t atomic = Add({.op = Op::kAtomic});
    SLUICE_CHECK_OK(Emit(body));
    Add({.op = Op::kMatch});
    At(atomic).next = Here();
    return {};
  }

  Regex regex_;
  std::vector<CharSet> sets_;
};

Result<Regex> Regex::Compile(std::string_view pattern, RegexDialect dialect) {
  SLUICE_TRY(const RegexNodePtr root, ParseRegex(pattern, dialect));
  return RegexCompiler().Compile(*root);
}

}  // namespace sluice::tokenizer
