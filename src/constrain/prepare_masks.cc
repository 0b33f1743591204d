#include "constrain/prepare_masks.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

namespace sluice::constrain {
namespace {

constexpr size_t kMostSteps = 3000;  // of one stack; some 0.3 us each
constexpr size_t kMostPrepared = 8;  // some 0.2 ms each
constexpr size_t kMostStacks = 16;   // of a configuration that is looked at

// Those with which the ranges begin that can be read.
std::vector<uint8_t> FirstBytes(const Stacks& stacks, ConfigId config) {
  const Automaton& automaton = stacks.automaton();
  std::vector<uint8_t> bytes;
  for (const StackId stack : stacks.stacks(config)) {
    const uint32_t state = stacks.frame(stack).state;
    for (uint32_t e = automaton.states[state].edges; e < automaton.states[state + 1].edges; ++e)
      bytes.push_back(automaton.edges[e].first);
  }
  std::ranges::sort(bytes);
  bytes.erase(std::ranges::unique(bytes).begin(), bytes.end());
  return bytes;
}

}  // namespace

void PrepareMasks(Masks& masks) {
  Stacks& stacks = masks.stacks();
  const ConfigId start = stacks.Start();
  if (masks.Allowed(start) == nullptr) return;
  std::vector<ConfigId> open = {start};
  std::unordered_set<ConfigId> seen = {kDead, start};
  size_t steps = 0, prepared = 0;
  for (size_t i = 0; i < open.size() && steps < kMostSteps && prepared < kMostPrepared; ++i) {
    const ConfigId config = open[i];
    for (const uint8_t byte : FirstBytes(stacks, config)) {
      const ConfigId next = stacks.Step(config, byte);
      if (stacks.overflowed()) return;
      const size_t count = stacks.config(next).count;
      steps += 1 + count;
      if (count <= kMostStacks && seen.insert(next).second) open.push_back(next);
    }
    const auto own = stacks.stacks(config);
    for (const StackId stack : std::vector<StackId>(own.begin(), own.end())) {
      ++steps;
      if (prepared < kMostPrepared && masks.Prepare(stack)) ++prepared;
    }
  }
}

}  // namespace sluice::constrain
