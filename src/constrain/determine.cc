#include "constrain/determine.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace sluice::constrain {
namespace {

using Set = std::vector<uint32_t>;  // network states, rising

struct SetHash {
  size_t operator()(const Set& set) const {
    uint64_t hash = set.size();
    for (const uint32_t state : set) hash = (hash ^ state) * 0x9E3779B97F4A7C15u, hash ^= hash >> 29;
    return hash;
  }
};

// A rule whose subsets outgrow this keeps the states of the network.
constexpr size_t kGrowth = 8, kLeastStates = 2'000;

class Determiner {
 public:
  Determiner(const Network& network, const Limits& limits)
      : network_(network), limits_(limits), marks_(network.states.size(), 0) {
    out_.starts.assign(network.rules.size(), Determined::kNone);
    out_.next.assign(network.counters.size(), Determined::kNone);
  }

  Result<Determined> Run() {
    std::vector<uint32_t> open = {network_.root};
    std::vector<bool> seen(network_.rules.size());
    seen[network_.root] = true;
    while (!open.empty() && !full()) {
      const uint32_t rule = open.back();
      open.pop_back();
      const size_t first = out_.states.size();
      BuildRule(rule);
      for (size_t s = first; s < out_.states.size(); ++s)
        for (const NetworkEdge& edge : out_.states[s].edges) {
          if (edge.kind != NetworkEdge::kCall && edge.kind != NetworkEdge::kCounter) continue;
          const uint32_t used =
              edge.kind == NetworkEdge::kCall ? edge.label : network_.counters[edge.label].body;
          if (!seen[used]) open.push_back(used);
          seen[used] = true;
        }
    }
    if (full())
      return Fail(
          ErrorCode::kUsage,
          fmt::format(
              "the grammar is too complex: its automaton needs more than {} states or {} edges, or {} "
              "steps to be found",
              limits_.states, limits_.edges, limits_.work),
          "shorten repetitions, alternatives or character classes, or require more of many properties");
    return std::move(out_);
  }

 private:
  const Network& network_;
  const Limits& limits_;
  Determined out_;
  std::vector<uint32_t> marks_;  // by network state: the closure that saw it last
  uint32_t mark_ = 0;
  size_t edges_ = 0, work_ = 0;
  bool gave_up_ = false;
  std::unordered_map<Set, uint32_t, SetHash> ids_;  // of the rule being built
  std::vector<Set> sets_;                           // by state, from first_ on
  std::vector<bool> loops_;                         // whether something leads to it
  size_t first_ = 0, most_ = 0;

  bool full() const {
    return out_.states.size() > limits_.states || edges_ > limits_.edges || work_ > limits_.work;
  }

  Set Closure(Set seeds) {
    ++mark_;
    Set set, open = std::move(seeds);
    while (!open.empty()) {
      const uint32_t state = open.back();
      open.pop_back();
      if (marks_[state] == mark_) continue;
      marks_[state] = mark_;
      set.push_back(state);
      for (const NetworkEdge& edge : network_.states[state])
        if (edge.kind == NetworkEdge::kEmpty) open.push_back(edge.target);
    }
    work_ += set.size();
    std::erase_if(set, [&](uint32_t s) { return !matters_[s]; });
    std::ranges::sort(set);
    return set;
  }

  std::vector<bool> matters_;  // network states with more than empty edges, and the rule's end

  uint32_t IdOf(Set set) {
    const auto [at, added] = ids_.try_emplace(std::move(set), static_cast<uint32_t>(out_.states.size()));
    if (added) {
      out_.states.emplace_back();
      sets_.push_back(at->first);
    }
    return at->second;
  }

  void BuildRule(uint32_t rule) {
    if (matters_.empty())
      for (const auto& edges : network_.states)
        matters_.push_back(
            std::ranges::any_of(edges, [](const auto& e) { return e.kind != NetworkEdge::kEmpty; }));
    const uint32_t end = network_.rules[rule].end;
    matters_[end] = true;
    first_ = out_.states.size();
    const size_t edges_before = edges_;
    Explore(rule, end, /*together=*/true);
    if (gave_up_) {
      out_.states.resize(first_);
      edges_ = edges_before;
      Explore(rule, end, /*together=*/false);
    }
    matters_[end] = false;
  }

  // The start has a state of its own, to which nothing leads: what accepts there has read nothing.
  void Explore(uint32_t rule, uint32_t end, bool together) {
    ids_.clear();
    sets_.clear();
    gave_up_ = false;
    out_.starts[rule] = static_cast<uint32_t>(out_.states.size());
    out_.states.emplace_back();
    sets_.push_back(Closure({network_.rules[rule].start}));
    size_t reached = 0;
    for (size_t i = 0; i < sets_.size() && !full(); ++i) {
      const Set set = sets_[i];
      const auto state = static_cast<uint32_t>(first_ + i);
      out_.states[state].accepts = i > 0 && std::ranges::binary_search(set, end);
      reached += set.size();
      if (together)
        AddTogether(set, state);
      else
        AddApart(set, state);
      if (together && sets_.size() > kGrowth * network_.states.size() / 4 + kLeastStates) {
        gave_up_ = true;
        return;
      }
    }
  }

  void AddEdge(uint32_t state, NetworkEdge edge) {
    ++edges_;
    out_.states[state].edges.push_back(edge);
  }

  // Each edge leads to the closure of its own target.
  void AddApart(const Set& set, uint32_t state) {
    for (const uint32_t s : set)
      for (NetworkEdge edge : network_.states[s]) {
        if (edge.kind == NetworkEdge::kEmpty) continue;
        if (edge.kind == NetworkEdge::kCounter) {
          AddCounter(state, edge.label);
          continue;
        }
        edge.target = IdOf(Closure({edge.target}));
        AddEdge(state, edge);
      }
  }

  void AddCounter(uint32_t state, uint32_t counter) {
    AddEdge(state, {.kind = NetworkEdge::kCounter, .label = counter});
    if (out_.next[counter] == Determined::kNone || out_.next[counter] >= first_)
      out_.next[counter] = IdOf(Closure({network_.counters[counter].next}));
  }

  // All edges of one byte, token or rule lead to one state.
  void AddTogether(const Set& set, uint32_t state) {
    std::vector<NetworkEdge> bytes, others;
    for (const uint32_t s : set)
      for (const NetworkEdge& edge : network_.states[s]) {
        if (edge.kind == NetworkEdge::kByte) bytes.push_back(edge);
        if (edge.kind == NetworkEdge::kCall || edge.kind == NetworkEdge::kToken) others.push_back(edge);
        if (edge.kind == NetworkEdge::kCounter) AddCounter(state, edge.label);
      }
    AddBytes(bytes, state);
    std::ranges::sort(others, {}, [](const NetworkEdge& e) { return std::pair(e.kind, e.label); });
    for (size_t i = 0; i < others.size();) {
      Set targets;
      NetworkEdge edge = others[i];
      for (; i < others.size() && others[i].kind == edge.kind && others[i].label == edge.label; ++i)
        targets.push_back(others[i].target);
      edge.target = IdOf(Closure(std::move(targets)));
      AddEdge(state, edge);
    }
  }

  // Cuts the ranges where one begins or ends; neighbours with the same targets stay together.
  void AddBytes(std::vector<NetworkEdge>& bytes, uint32_t state) {
    std::vector<Set> targets(256);
    for (const NetworkEdge& edge : bytes)
      for (int b = edge.first; b <= edge.last; ++b) targets[static_cast<size_t>(b)].push_back(edge.target);
    for (Set& set : targets) {
      work_ += set.size();
      std::ranges::sort(set);
      set.erase(std::ranges::unique(set).begin(), set.end());
    }
    for (size_t first = 0; first < 256;) {
      size_t last = first;
      while (last < 255 && targets[last + 1] == targets[first]) ++last;
      if (!targets[first].empty()) {
        NetworkEdge edge{.kind = NetworkEdge::kByte,
                         .first = static_cast<uint8_t>(first),
                         .last = static_cast<uint8_t>(last)};
        edge.target = IdOf(Closure(targets[first]));
        AddEdge(state, edge);
      }
      first = last + 1;
    }
  }
};

}  // namespace

Result<Determined> Determine(const Network& network, const Limits& limits) {
  return Determiner(network, limits).Run();
}

}  // namespace sluice::constrain
