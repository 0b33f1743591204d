#include "constrain/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "constrain/nullable.h"
#include "constrain/utf8_ranges.h"

namespace sluice::constrain {
namespace {

constexpr uint32_t kHuge = 1 << 30;
constexpr uint32_t kInlineSize = 64;        // states of a rule that is written out where it is used
constexpr uint32_t kInlineTotal = 100'000;  // states that may come of that
constexpr uint32_t kUnrolledSize = 512;     // states of a repetition that is written out
constexpr size_t kInlineDepth = 6;

class Builder {
 public:
  explicit Builder(const Grammar& grammar) : grammar_(grammar), nullable_(NullableExpressions(grammar)) {}

  Result<Network> Build() {
    if (grammar_.too_large())
      return Fail(ErrorCode::kUsage,
                  fmt::format("the grammar is too large: it needs more than {} expressions",
                              grammar_.limits().expressions),
                  "make it smaller");
    SLUICE_CHECK_OK(Measure());
    for (const auto& rule : grammar_.rules())
      network_.rules.push_back({rule.name, 0, 0, static_cast<bool>(nullable_[rule.body])});
    network_.root = grammar_.root();
    needed_ = {grammar_.root()};
    reached_.assign(network_.rules.size(), false);
    reached_[grammar_.root()] = true;
    for (size_t i = 0; i < needed_.size() && !full_; ++i) BuildRule(needed_[i]);
    if (missing_ != nullptr)
      return Fail(ErrorCode::kUsage, fmt::format("the rule '{}' is not defined", *missing_));
    if (full_)
      return Fail(ErrorCode::kUsage,
                  fmt::format("the grammar is too complex: it needs more than {} states or {} edges",
                              grammar_.limits().states, grammar_.limits().edges),
                  "shorten repetitions, alternatives or character classes");
    return std::move(network_);
  }

 private:
  const Grammar& grammar_;
  const std::vector<bool> nullable_;
  Network network_;
  std::vector<uint32_t> sizes_;                  // about how many states an expression needs
  std::vector<std::vector<Utf8Sequence>> utf8_;  // by set
  std::vector<uint32_t> needed_;                 // rules, in the order of their discovery
  std::vector<bool> reached_;
  std::vector<std::pair<uint32_t, ExpressionId>> counted_;  // bodies of rules made for counters
  std::vector<uint32_t> inlining_;                          // rules being built, the outermost first
  size_t inlined_ = 0, edges_ = 0;
  bool full_ = false;
  const std::string* missing_ = nullptr;  // the name of a rule that is used and not defined

  Status Measure() {
    const auto& expressions = grammar_.expressions();
    sizes_.resize(expressions.size());
    std::vector<uint32_t> depths(expressions.size());
    for (ExpressionId id = 0; id < expressions.size(); ++id) {
      const Expression& e = expressions[id];
      uint64_t size = 1;
      for (const ExpressionId child : e.children) {
        depths[id] = std::max(depths[id], depths[child] + 1);
        size += sizes_[child];
      }
      if (depths[id] > grammar_.limits().depth)
        return Fail(ErrorCode::kUsage,
                    fmt::format("the grammar is nested more than {} deep", grammar_.limits().depth));
      size += 2 * e.text.size();
      if (e.kind == Expression::kChars) size += 2 * Utf8(e.index).size();
      if (e.kind == Expression::kRepeat && e.maximum != kUnbounded) size *= e.maximum;
      if (e.kind == Expression::kRepeat && e.maximum == kUnbounded) size *= e.minimum + uint64_t{1};
      sizes_[id] = static_cast<uint32_t>(std::min<uint64_t>(size, kHuge));
    }
    return {};
  }

  const std::vector<Utf8Sequence>& Utf8(uint32_t set) {
    if (utf8_.size() <= set) utf8_.resize(set + 1);
    if (utf8_[set].empty()) utf8_[set] = Utf8Ranges(grammar_.set(set));
    return utf8_[set];
  }

  uint32_t NewState() {
    if (network_.states.size() >= grammar_.limits().states) full_ = true;
    if (full_) return 0;
    network_.states.emplace_back();
    return static_cast<uint32_t>(network_.states.size() - 1);
  }
  void AddEdge(uint32_t from, NetworkEdge edge) {
    if (++edges_ > grammar_.limits().edges) full_ = true;
    if (!full_) network_.states[from].push_back(edge);
  }
  void AddEmpty(uint32_t from, uint32_t to) { AddEdge(from, {.target = to}); }

  void BuildRule(uint32_t rule) {
    const uint32_t start = NewState(), end = NewState();
    network_.rules[rule].start = start;
    network_.rules[rule].end = end;
    ExpressionId body = 0;
    if (rule < grammar_.rules().size())
      body = grammar_.rules()[rule].body;
    else
      body = counted_[rule - grammar_.rules().size()].second;
    inlining_ = {rule};
    Add(body, start, end);
  }

  void Add(ExpressionId id, uint32_t from, uint32_t to) {
    if (full_) return;
    const Expression& e = grammar_.at(id);
    switch (e.kind) {
      case Expression::kEmpty:
        return AddEmpty(from, to);
      case Expression::kNothing:
        return;
      case Expression::kBytes:
        return AddBytes(e.text, from, to);
      case Expression::kChars:
        return AddChars(e.index, from, to);
      case Expression::kSequence:
        return AddSequence(e, from, to);
      case Expression::kAlternatives:
        for (const ExpressionId child : e.children) Add(child, from, to);
        return;
      case Expression::kRepeat:
        return AddRepeat(e, from, to);
      case Expression::kRule:
        return AddRule(e.index, from, to);
      case Expression::kToken:
        return AddEdge(from, {.kind = NetworkEdge::kToken, .label = e.index, .target = to});
      case Expression::kMembers:
        return AddMembers(e, from, to);
      case Expression::kUntil:
        return AddUntil(e.text, from, to);
    }
  }

  void AddByte(uint32_t from, uint8_t first, uint8_t last, uint32_t to) {
    AddEdge(from, {.kind = NetworkEdge::kByte, .first = first, .last = last, .target = to});
  }

  void AddBytes(const std::string& text, uint32_t from, uint32_t to) {
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<uint8_t>(text[i]);
      const uint32_t next = i + 1 == text.size() ? to : NewState();
      AddByte(from, byte, byte, next);
      from = next;
    }
  }

  // Sequences that end alike share the states of their ends.
  void AddChars(uint32_t set, uint32_t from, uint32_t to) {
    std::map<Utf8Sequence, uint32_t> ends = {{{}, to}};
    for (const Utf8Sequence& sequence : Utf8(set)) {
      uint32_t next = to;
      for (size_t i = sequence.size(); i-- > 1;) {
        const auto [at, added] =
            ends.try_emplace(Utf8Sequence(sequence.begin() + static_cast<long>(i), sequence.end()), 0);
        if (added) {
          at->second = NewState();
          AddByte(at->second, sequence[i].first, sequence[i].last, next);
        }
        next = at->second;
      }
      AddByte(from, sequence[0].first, sequence[0].last, next);
    }
  }

  void AddSequence(const Expression& e, uint32_t from, uint32_t to) {
    for (size_t i = 0; i < e.children.size(); ++i) {
      const uint32_t next = i + 1 == e.children.size() ? to : NewState();
      Add(e.children[i], from, next);
      from = next;
    }
  }

  void AddRepeat(const Expression& e, uint32_t from, uint32_t to) {
    const ExpressionId child = e.children[0];
    const bool star = e.maximum == kUnbounded && e.minimum == 0;
    if (!star && e.maximum != 1 && sizes_[child] > 0) {
      const uint64_t copies = e.maximum == kUnbounded ? e.minimum + uint64_t{1} : e.maximum;
      if (copies > 1 && copies * sizes_[child] > kUnrolledSize &&
          !(e.maximum == kUnbounded && e.minimum == 1))
        return AddCounter(e, from, to);
    }
    for (uint32_t i = 0; i < e.minimum && !full_; ++i) {
      const uint32_t next = NewState();
      Add(child, from, next);
      from = next;
    }
    if (e.maximum == kUnbounded) {
      const uint32_t loop = NewState();
      AddEmpty(from, loop);
      const uint32_t back = NewState();
      Add(child, loop, back);
      AddEmpty(back, loop);
      return AddEmpty(loop, to);
    }
    for (uint32_t i = e.minimum; i < e.maximum && !full_; ++i) {
      AddEmpty(from, to);
      const uint32_t next = NewState();
      Add(child, from, next);
      from = next;
    }
    AddEmpty(from, to);
  }

  void AddCounter(const Expression& e, uint32_t from, uint32_t to) {
    const ExpressionId child = e.children[0];
    const auto rule = static_cast<uint32_t>(network_.rules.size());
    network_.rules.push_back({"a repetition", 0, 0, static_cast<bool>(nullable_[child])});
    counted_.emplace_back(rule, child);
    needed_.push_back(rule);
    const uint32_t minimum = nullable_[child] ? 0 : e.minimum;
    const uint32_t next = NewState();
    network_.counters.push_back({rule, minimum, e.maximum, next});
    AddEdge(from,
            {.kind = NetworkEdge::kCounter, .label = static_cast<uint32_t>(network_.counters.size() - 1)});
    if (minimum == 0) AddEmpty(from, next);
    AddEmpty(next, to);
  }

  void AddRule(uint32_t rule, uint32_t from, uint32_t to) {
    const auto& entry = grammar_.rules()[rule];
    if (!entry.defined) {
      missing_ = &entry.name;
      return;
    }
    const bool writes_out = !entry.apart && sizes_[entry.body] <= kInlineSize && inlined_ < kInlineTotal &&
                            inlining_.size() < kInlineDepth &&
                            std::ranges::find(inlining_, rule) == inlining_.end();
    if (writes_out) {
      inlined_ += sizes_[entry.body];
      inlining_.push_back(rule);
      // The states between keep the rule's ends to themselves: something may lead back to either.
      const uint32_t start = NewState(), end = NewState();
      AddEmpty(from, start);
      Add(entry.body, start, end);
      AddEmpty(end, to);
      inlining_.pop_back();
      return;
    }
    if (!reached_[rule]) {
      reached_[rule] = true;
      needed_.push_back(rule);
    }
    AddEdge(from, {.kind = NetworkEdge::kCall, .label = rule, .target = to});
    if (nullable_[entry.body]) AddEmpty(from, to);
  }

  // `none`: no item has been written yet.
  void AddMembers(const Expression& e, uint32_t from, uint32_t to) {
    uint32_t none = from, some = NewState();
    bool may_be_none = true;
    const size_t items = e.children.size() - 1;
    for (size_t i = 0; i < items && !full_; ++i) {
      const uint32_t item = NewState(), behind = NewState();
      if (may_be_none) AddEmpty(none, item);
      Add(e.children[0], some, item);
      Add(e.children[i + 1], item, behind);
      if (i + 1 == items && e.index == 1) Add(e.children[0], behind, item);
      if (e.required[i])
        may_be_none = false;
      else
        AddEmpty(some, behind);
      some = behind;
    }
    if (may_be_none && e.minimum == 0) AddEmpty(none, to);
    AddEmpty(some, to);
  }

  // The automaton of Knuth, Morris and Pratt over bytes. It does not ask that the text is UTF-8: a mark is.
  void AddUntil(const std::string& mark, uint32_t from, uint32_t to) {
    std::vector<size_t> fallback(mark.size() + 1, 0);
    for (size_t i = 1; i < mark.size(); ++i) {
      size_t k = fallback[i];
      while (k > 0 && mark[i] != mark[k]) k = fallback[k];
      fallback[i + 1] = mark[i] == mark[k] ? k + 1 : 0;
    }
    std::vector<uint32_t> states;
    for (size_t i = 0; i < mark.size(); ++i) states.push_back(NewState());
    states.push_back(to);
    AddEmpty(from, states[0]);
    for (size_t i = 0; i < mark.size() && !full_; ++i) {
      for (int byte = 0; byte < 256; ++byte) {
        size_t k = i;
        while (k > 0 && static_cast<uint8_t>(mark[k]) != byte) k = fallback[k];
        if (static_cast<uint8_t>(mark[k]) == byte) ++k;
        AddByte(states[i], static_cast<uint8_t>(byte), static_cast<uint8_t>(byte), states[k]);
      }
    }
  }
};

}  // namespace

Result<Network> BuildNetwork(const Grammar& grammar) { return Builder(grammar).Build(); }

}  // namespace sluice::constrain
