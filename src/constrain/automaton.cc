#include "constrain/automaton.h"

#include <fmt/format.h>

#include <algorithm>

#include "constrain/determine.h"
#include "constrain/network.h"

namespace sluice::constrain {
namespace {

using State = Determined::State;

// Finds the states from which their rule's end can be reached.
class Liveness {
 public:
  Liveness(const Network& network, const Determined& determined)
      : network_(network),
        determined_(determined),
        live_(determined.states.size()),
        before_(determined.states.size()),
        callers_(network.rules.size()),
        rule_live_(network.rules.size()) {
    std::vector<uint32_t> counter_states(network.counters.size());
    for (uint32_t s = 0; s < determined.states.size(); ++s)
      for (const NetworkEdge& edge : determined.states[s].edges) {
        if (edge.kind == NetworkEdge::kCounter) {
          before_[determined.next[edge.label]].push_back(s);
          callers_[network.counters[edge.label].body].push_back(s);
          continue;
        }
        before_[edge.target].push_back(s);
        if (edge.kind == NetworkEdge::kCall) callers_[edge.label].push_back(s);
      }
    start_of_.assign(determined.states.size(), Determined::kNone);
    for (uint32_t rule = 0; rule < determined.starts.size(); ++rule)
      if (determined.starts[rule] != Determined::kNone) start_of_[determined.starts[rule]] = rule;
    Spread();
  }

  bool live(uint32_t state) const { return live_[state]; }
  bool live(const NetworkEdge& edge) const {
    if (edge.kind == NetworkEdge::kCall) return rule_live_[edge.label] && live_[edge.target];
    if (edge.kind != NetworkEdge::kCounter) return live_[edge.target];
    // At 0 nothing but the body follows: who may skip it has other edges.
    return rule_live_[network_.counters[edge.label].body] && live_[determined_.next[edge.label]];
  }

 private:
  const Network& network_;
  const Determined& determined_;
  std::vector<bool> live_;
  std::vector<std::vector<uint32_t>> before_, callers_;  // states, by state and by rule
  std::vector<bool> rule_live_;
  std::vector<uint32_t> start_of_;

  void Spread() {
    std::vector<uint32_t> open;
    const auto check = [&](uint32_t s) {
      if (live_[s]) return;
      const State& state = determined_.states[s];
      if (!state.accepts && std::ranges::none_of(state.edges, [&](const auto& e) { return live(e); })) return;
      live_[s] = true;
      open.push_back(s);
    };
    for (uint32_t s = 0; s < live_.size(); ++s) check(s);
    while (!open.empty()) {
      const uint32_t s = open.back();
      open.pop_back();
      for (const uint32_t earlier : before_[s]) check(earlier);
      if (start_of_[s] == Determined::kNone) continue;
      rule_live_[start_of_[s]] = true;
      for (const uint32_t caller : callers_[start_of_[s]]) check(caller);
    }
  }
};

// A rule that can come back to itself before anything was read would never end. Gives the name of one.
class LeftRecursion {
 public:
  LeftRecursion(const Network& network, const Determined& determined)
      : network_(network), determined_(determined), marks_(network.rules.size()) {}

  const std::string* Find() {
    for (uint32_t rule = 0; rule < marks_.size(); ++rule)
      if (determined_.starts[rule] != Determined::kNone && marks_[rule] == kNew)
        if (const std::string* found = Visit(rule)) return found;
    return nullptr;
  }
  size_t longest() const { return longest_; }  // chain of rules that begin with one another

 private:
  enum Mark : uint8_t { kNew, kOpen, kDone };
  const Network& network_;
  const Determined& determined_;
  std::vector<Mark> marks_;
  size_t longest_ = 0;

  std::vector<uint32_t> First(uint32_t rule) const {
    std::vector<uint32_t> rules;
    for (const NetworkEdge& edge : determined_.states[determined_.starts[rule]].edges) {
      if (edge.kind == NetworkEdge::kCall) rules.push_back(edge.label);
      if (edge.kind == NetworkEdge::kCounter) rules.push_back(network_.counters[edge.label].body);
    }
    return rules;
  }

  const std::string* Visit(uint32_t root) {
    std::vector<std::pair<uint32_t, std::vector<uint32_t>>> path = {{root, First(root)}};
    marks_[root] = kOpen;
    while (!path.empty()) {
      longest_ = std::max(longest_, path.size());
      if (path.back().second.empty()) {
        marks_[path.back().first] = kDone;
        path.pop_back();
        continue;
      }
      const uint32_t next = path.back().second.back();
      path.back().second.pop_back();
      if (marks_[next] == kOpen) return &network_.rules[next].name;
      if (marks_[next] == kDone) continue;
      marks_[next] = kOpen;
      path.emplace_back(next, First(next));
    }
    return nullptr;
  }
};

class Flattener {
 public:
  Flattener(const Network& network, const Determined& determined, const Liveness& liveness)
      : network_(network), determined_(determined), liveness_(liveness) {}

  Automaton Run() {
    const auto count = static_cast<uint32_t>(determined_.states.size());
    for (const State& state : determined_.states) AddState(state);
    for (uint32_t c = 0; c < network_.counters.size(); ++c) {
      const NetworkCounter& counter = network_.counters[c];
      if (determined_.starts[counter.body] == Determined::kNone) continue;
      CounterState(c);  // also where none leads to it: the numbers stay simple
    }
    for (const auto& [c, state] : counter_states_) {
      const NetworkCounter& counter = network_.counters[c];
      BeginState().counter = static_cast<uint32_t>(out_.counters.size());
      out_.counters.push_back(
          {determined_.starts[counter.body], counter.minimum, counter.maximum, determined_.next[c]});
    }
    BeginState();
    for (uint32_t& enter : out_.enters) enter += count;
    for (uint32_t s = 0; s + 1 < out_.states.size(); ++s) {
      Automaton::State& state = out_.states[s];
      const Automaton::State& next = out_.states[s + 1];
      state.leaf = state.accepts && state.edges == next.edges && state.calls == next.calls &&
                   state.tokens == next.tokens && state.enters == next.enters;
    }
    NumberClasses();
    out_.start = determined_.starts[network_.root];
    out_.may_be_empty = network_.rules[network_.root].nullable;
    return std::move(out_);
  }

 private:
  const Network& network_;
  const Determined& determined_;
  const Liveness& liveness_;
  Automaton out_;
  std::vector<std::pair<uint32_t, uint32_t>> counter_states_;  // network counter, place among counting states
  std::vector<uint32_t> places_;

  void NumberClasses() {
    std::array<bool, 257> begins{};
    for (const Automaton::Edge& edge : out_.edges) begins[edge.first] = begins[edge.last + size_t{1}] = true;
    for (size_t byte = 1; byte < 256; ++byte)
      out_.byte_class[byte] = static_cast<uint8_t>(out_.byte_class[byte - 1] + (begins[byte] ? 1 : 0));
  }

  uint32_t CounterState(uint32_t counter) {
    places_.resize(network_.counters.size(), Determined::kNone);
    if (places_[counter] == Determined::kNone) {
      places_[counter] = static_cast<uint32_t>(counter_states_.size());
      counter_states_.emplace_back(counter, places_[counter]);
    }
    return places_[counter];
  }

  Automaton::State& BeginState() {
    return out_.states.emplace_back(Automaton::State{.edges = static_cast<uint32_t>(out_.edges.size()),
                                                     .calls = static_cast<uint32_t>(out_.calls.size()),
                                                     .tokens = static_cast<uint32_t>(out_.tokens.size()),
                                                     .enters = static_cast<uint32_t>(out_.enters.size())});
  }

  void AddState(const State& state) {
    BeginState().accepts = state.accepts;
    const size_t first = out_.edges.size();
    for (const NetworkEdge& edge : state.edges) {
      if (!liveness_.live(edge)) continue;
      switch (edge.kind) {
        case NetworkEdge::kByte:
          out_.edges.push_back({edge.first, edge.last, edge.target});
          break;
        case NetworkEdge::kToken:
          out_.tokens.push_back({static_cast<int32_t>(edge.label), edge.target});
          break;
        case NetworkEdge::kCall:
          out_.calls.push_back({determined_.starts[edge.label], edge.target});
          break;
        case NetworkEdge::kCounter:
          out_.enters.push_back(CounterState(edge.label));
          break;
        default:
          break;
      }
    }
    std::sort(out_.edges.begin() + static_cast<std::ptrdiff_t>(first), out_.edges.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
  }
};

}  // namespace

size_t Automaton::bytes() const {
  return states.size() * sizeof(State) + edges.size() * sizeof(Edge) + calls.size() * sizeof(Call) +
         tokens.size() * sizeof(TokenEdge) + enters.size() * sizeof(uint32_t) +
         counters.size() * sizeof(Counter);
}

Result<Automaton> Compile(const Grammar& grammar) {
  SLUICE_TRY(const Network network, BuildNetwork(grammar));
  SLUICE_TRY(const Determined determined, Determine(network, grammar.limits()));
  LeftRecursion recursion(network, determined);
  if (const std::string* rule = recursion.Find())
    return Fail(ErrorCode::kUsage,
                fmt::format("the rule '{}' begins with itself, which would never end", *rule),
                "write the repetition behind what is repeated, or with * or +");
  if (recursion.longest() > grammar.limits().stacks)
    return Fail(ErrorCode::kUsage, fmt::format("a chain of {} rules begin with one another, more than {}",
                                               recursion.longest(), grammar.limits().stacks));
  const Liveness liveness(network, determined);
  if (!liveness.live(determined.starts[network.root]) && !network.rules[network.root].nullable)
    return Fail(ErrorCode::kUsage, "nothing can satisfy the grammar",
                "look for rules that contradict themselves");
  return Flattener(network, determined, liveness).Run();
}

}  // namespace sluice::constrain
