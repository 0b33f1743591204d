#include "tokenizer/regex.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::tokenizer {
namespace {

constexpr size_t kNone = static_cast<size_t>(-1);
constexpr size_t kMaxChoices = 1 << 20;
enum ChoiceKind : uint32_t { kBranch, kShorter, kLonger, kRestoreMark };

}  // namespace

class RegexMatcher {
 public:
  RegexMatcher(const Regex& regex, std::string_view text, RegexScratch& scratch)
      : regex_(regex), text_(text), scratch_(scratch) {}

  // The end of a match of the code from `pc` on at `position`, or kNone.
  size_t Run(uint32_t pc, size_t position);
  bool exhausted() const { return scratch_.steps_left <= 0; }
  // Where the first repeat of the last Run from 0 ended at its longest.
  size_t run_end() const { return run_end_; }

 private:
  using Op = Regex::Op;
  using Instruction = Regex::Instruction;

  bool Matches(uint32_t set, size_t position, size_t& size) const {
    if (position >= text_.size()) return false;
    const Decoded c = DecodeAt(text_, position);
    size = c.size;
    return regex_.sets_[set].Contains(c.value);
  }
  void Push(ChoiceKind kind, uint32_t pc, size_t first, size_t second) {
    if (scratch_.choices.size() >= kMaxChoices) scratch_.steps_left = 0;
    scratch_.choices.push_back({kind, pc, first, second});
  }
  bool Repeat(const Instruction& instruction, uint32_t pc, size_t& position);
  bool Asserted(RegexNode::Assertion assertion, size_t position) const;
  bool Look(const Instruction& instruction, uint32_t pc, size_t position);
  // Goes back to the newest choice above `base`.
  bool Retry(size_t base, uint32_t& pc, size_t& position);

  const Regex& regex_;
  std::string_view text_;
  RegexScratch& scratch_;
  size_t run_end_ = 0;
};

bool RegexMatcher::Repeat(const Instruction& in, uint32_t pc, size_t& position) {
  const int longest = in.greed == RegexNode::kLazy ? in.minimum : in.maximum;
  size_t end = position, least_end = position, size = 0;
  int count = 0;
  while (count != longest && Matches(in.set, end, size)) {
    end += size;
    if (++count == in.minimum) least_end = end;
  }
  scratch_.steps_left -= count;
  if (pc == 0) run_end_ = end;
  if (count < in.minimum) return false;
  if (in.greed == RegexNode::kGreedy && end > least_end) Push(kShorter, pc, least_end, end);
  if (in.greed == RegexNode::kLazy) Push(kLonger, pc, end, static_cast<size_t>(count));
  position = end;
  return true;
}

bool RegexMatcher::Asserted(RegexNode::Assertion assertion, size_t position) const {
  const bool at_end = position == text_.size();
  switch (assertion) {
    case RegexNode::kTextStart:
      return position == 0;
    case RegexNode::kTextEnd:
      return at_end;
    case RegexNode::kTextEndOrLastLine:
      return at_end || (position + 1 == text_.size() && text_[position] == '\n');
    case RegexNode::kLineStart:
      return position == 0 || (text_[position - 1] == '\n' && !at_end);
    case RegexNode::kLineEnd:
      return at_end || text_[position] == '\n';
    default: {
      const bool before =
          position > 0 && IsWordCharacter(DecodeAt(text_, PreviousStart(text_, position)).value);
      const bool after = !at_end && IsWordCharacter(DecodeAt(text_, position).value);
      return (before != after) == (assertion == RegexNode::kWordBoundary);
    }
  }
}

bool RegexMatcher::Look(const Instruction& in, uint32_t pc, size_t position) {
  for (int i = 0; i < in.minimum; ++i) {
    if (position == 0) return in.negative;
    position = PreviousStart(text_, position);
  }
  return (Run(pc + 1, position) != kNone) != in.negative;
}

bool RegexMatcher::Retry(size_t base, uint32_t& pc, size_t& position) {
  auto& choices = scratch_.choices;
  while (choices.size() > base) {
    const RegexScratch::Choice choice = choices.back();
    choices.pop_back();
    pc = choice.instruction;
    position = choice.first;
    switch (choice.kind) {
      case kBranch:
        return true;
      case kRestoreMark:
        scratch_.marks[choice.instruction] = choice.first;
        break;
      case kShorter: {
        position = PreviousStart(text_, choice.second);
        if (position > choice.first) choices.push_back({kShorter, pc, choice.first, position});
        ++pc;
        return true;
      }
      case kLonger: {
        const Instruction& in = regex_.code_[pc];
        size_t size = 0;
        if (static_cast<int>(choice.second) == in.maximum || !Matches(in.set, position, size)) break;
        position += size;
        choices.push_back({kLonger, pc, position, choice.second + 1});
        ++pc;
        return true;
      }
      default:
        break;
    }
  }
  return false;
}

size_t RegexMatcher::Run(uint32_t pc, size_t position) {
  const size_t base = scratch_.choices.size();
  while (--scratch_.steps_left > 0) {
    const Instruction& in = regex_.code_[pc];
    bool ok = true;
    size_t size = 0;
    switch (in.op) {
      case Op::kByte:
        ok = position < text_.size() && static_cast<uint8_t>(text_[position]) == in.set;
        ++position, ++pc;
        break;
      case Op::kSet:
        ok = Matches(in.set, position, size);
        position += size, ++pc;
        break;
      case Op::kRepeatSet:
        ok = Repeat(in, pc, position);
        ++pc;
        break;
      case Op::kSplit:
        Push(kBranch, in.other, position, 0);
        pc = in.next;
        break;
      case Op::kJump:
        pc = in.next;
        break;
      case Op::kMark:
        Push(kRestoreMark, in.set, scratch_.marks[in.set], 0);
        scratch_.marks[in.set] = position;
        ++pc;
        break;
      case Op::kJumpIfMoved:
        pc = position != scratch_.marks[in.set] ? in.next : pc + 1;
        break;
      case Op::kAssert:
        ok = Asserted(in.assertion, position);
        ++pc;
        break;
      case Op::kLook:
        ok = Look(in, pc, position);
        pc = in.next;
        break;
      case Op::kAtomic: {
        const size_t end = Run(pc + 1, position);
        ok = end != kNone;
        if (ok) position = end;
        pc = in.next;
        break;
      }
      case Op::kMatch:
        scratch_.choices.resize(base);
        return position;
    }
    if (!ok && !Retry(base, pc, position)) return kNone;
  }
  scratch_.choices.resize(base);
  return kNone;
}

Status Regex::FindAll(std::string_view text, RegexScratch& scratch, std::vector<Match>& matches) const {
  matches.clear();
  scratch.marks.resize(std::max(scratch.marks.size(), mark_count_));
  RegexMatcher matcher(*this, text, scratch);
  size_t start = 0, last_end = kNone;
  while (start <= text.size()) {
    size_t step = 1;
    if (start < text.size()) {
      const Decoded c = DecodeAt(text, start);
      step = c.size;
      if (first_ && !first_->Contains(c.value)) {
        start += step;
        continue;
      }
    } else if (first_) {
      break;
    }
    const size_t end = matcher.Run(0, start);
    if (matcher.exhausted())
      return Fail(
          ErrorCode::kTryLater,
          fmt::format("the vocabulary's splitting expression takes too many steps on this text of {} bytes",
                      text.size()),
          "send a shorter or more usual text");
    if (end == kNone) {
      start = skip_run_ ? std::max(matcher.run_end(), start + step) : start + step;
    } else if (end == start) {
      if (last_end != end) matches.push_back({start, end});
      last_end = end;
      start += step;
    } else {
      matches.push_back({start, end});
      last_end = start = end;
    }
  }
  return {};
}

}  // namespace sluice::tokenizer
