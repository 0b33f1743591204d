#include "cli/plan_text.h"

#include <fmt/format.h>

#include <vector>

#include "backend/step_cost.h"
#include "cli/progress.h"

namespace sluice::cli {
namespace {

// What one token needs of each step.
std::vector<backend::Cost> CostsOfOneToken(const std::vector<model::Step>& steps) {
  const backend::BatchToken token{.output = true};
  const kv::PageTable none;
  const kv::PageTable* const pages = &none;
  return backend::StepCosts(steps, kernels::KvType::kF16,
                            {.tokens = {&token, 1}, .sequences = {&pages, 1}, .sources = {&pages, 1}});
}

struct Listed {
  std::string text;
  double seconds = 0;  // of all of them
};

// A line for each step, and one for all.
Listed StepsText(const std::vector<model::Step>& steps, double bandwidth, const char* what) {
  Listed listed;
  const auto line = [&](std::string_view name, double bytes) {
    listed.text +=
        fmt::format("{:<24} {:>10} {:>7.1f} us\n", name, ByteCount(bytes), bytes / bandwidth * 1e6);
  };
  const std::vector<backend::Cost> costs = CostsOfOneToken(steps);
  const double total = backend::Sum(costs).weight_bytes;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (costs[i].weight_bytes == 0)
      listed.text += steps[i].name + "\n";
    else
      line(steps[i].name, costs[i].weight_bytes);
  }
  line(fmt::format("{} {}", steps.size(), what), total);
  listed.seconds = total / bandwidth;
  return listed;
}

}  // namespace

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
