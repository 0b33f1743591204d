#include "cli/plan_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <vector>

#include "cli/progress.h"

namespace sluice::cli {
namespace {

int64_t BytesOf(const model::FfnWeights* ffn, bool gate_up) {
  if (ffn == nullptr) return 0;
  return gate_up ? ffn->up.bytes() + (ffn->gate ? ffn->gate.bytes() : 0) : ffn->down.bytes();
}

// Weights that one token reads in a step. `top_k` is that of the router before it.
int64_t BytesForOneToken(const model::Step& step, int top_k) {
  if (const auto* up = std::get_if<model::GateUpStep>(&step.op); up != nullptr && up->experts != nullptr)
    return top_k * step.weight_bytes + BytesOf(up->shared, true);
  if (const auto* down = std::get_if<model::DownStep>(&step.op); down != nullptr && down->experts != nullptr)
    return top_k * step.weight_bytes + BytesOf(down->shared, false);
  return step.weight_bytes;
}

struct Listed {
  std::string text;
  double seconds = 0;  // of all of them
};

// A line for each step, and one for all.
Listed StepsText(const std::vector<model::Step>& steps, double bandwidth, const char* what) {
  Listed listed;
  int top_k = 0;
  int64_t total = 0;
  const auto line = [&](std::string_view name, int64_t bytes) {
    const auto n = static_cast<double>(bytes);
    listed.text += fmt::format("{:<24} {:>10} {:>7.1f} us\n", name, ByteCount(n), n / bandwidth * 1e6);
  };
  for (const model::Step& step : steps) {
    if (const auto* route = std::get_if<model::RouteStep>(&step.op)) top_k = route->router.top_k;
    const int64_t bytes = BytesForOneToken(step, top_k);
    total += bytes;
    if (bytes == 0)
      listed.text += step.name + "\n";
    else
      line(step.name, bytes);
  }
  line(fmt::format("{} {}", steps.size(), what), total);
  listed.seconds = static_cast<double>(total) / bandwidth;
  return listed;
}

}  // namespace

double ReadBandwidth(ThreadTeam& team) {
  constexpr size_t kWords = size_t{256} << 17;  // 256 MiB: more than any cache on the way
  constexpr int kPasses = 3;
  const std::vector<uint64_t> words(kWords, 1);
  constexpr size_t kChunk = size_t{1} << 17;  // 1 MiB: what a worker claims
  std::atomic<size_t> next{0};
  std::atomic<uint64_t> sum{0};
  auto read = [&](int) {
    for (size_t at = next.fetch_add(kChunk); at < kWords; at = next.fetch_add(kChunk)) {
      const auto begin = words.begin() + static_cast<ptrdiff_t>(at);
      sum += std::accumulate(begin, begin + static_cast<ptrdiff_t>(kChunk), uint64_t{0});
    }
  };
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    next = sum = 0;
    const auto start = std::chrono::steady_clock::now();
    team.Run(read);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, static_cast<double>(sum * sizeof(uint64_t)) / seconds);  // every word is 1
  }
  return best;
}

std::string PlanText(const model::Plan& plan, double bandwidth) {
  std::string text = fmt::format("{:<24} {:>10} {:>10}\n", "step", "reads", "at least");
  if (!plan.encoder_steps.empty()) {
    text += StepsText(plan.encoder_steps, bandwidth, "steps for a source").text + "\n";
  }
  const Listed answer = StepsText(plan.steps, bandwidth, "steps");
  return text + answer.text +
         fmt::format(
             "At the {:.1f} GB/s that this machine reads from memory, no more than {:.1f} tokens a second.\n",
             bandwidth / 1e9, 1 / answer.seconds);
}

}  // namespace sluice::cli
