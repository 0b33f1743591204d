#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "perf/fit.h"

namespace sluice::perf {
namespace {

using nlohmann::ordered_json;

std::string Billions(int64_t n) { return fmt::format("{:.3g} billion", static_cast<double>(n) / 1e9); }

std::string Holds(const Fit& fit) {
  if (!fit.holds) return "no";
  return fit.holds_now ? "yes" : "not now";
}

std::string FitLine(const Fit& fit) {
  const model::Accounting& a = fit.storage.accounting;
  return fmt::format("{:<9} {:>9.2f} {:>6.2f} {:>9.2f} {:>8.3f}  {:<8} {:>9} {:>9} {:>9}\n",
                     fit.storage.recipe, a.weight_bytes / 1e9, fit.storage.bits_per_weight(),
                     fit.need_bytes / 1e9, a.active_bytes / 1e9, Holds(fit),
                     fmt::format("{:.3g}", fit.decode_bound), fmt::format("{:.3g}", fit.decode),
                     fmt::format("{:.3g}", fit.prompt));
}

std::string HeadText(const FitReport& report) {
  const model::Accounting& a = report.fits.front().storage.accounting;
  std::string text = fmt::format("{}: {} parameters, {} of them for each token; {} layers", report.model,
                                 Billions(a.parameters), Billions(a.active_parameters), report.layers);
  if (report.experts > 0)
    text += fmt::format(", {} experts, {} chosen; routed experts hold {:.0f} % of all parameters",
                        report.experts, report.top_k, 100.0 * a.expert_parameters / a.parameters);
  text += "\nKeys and values of 1,000 tokens:";
  for (const kernels::KvType type : kernels::kAllKvTypes)
    text += fmt::format("{} {} {:.0f} MB", type == kernels::KvType::kF32 ? "" : ",", kernels::Name(type),
                        a.kv_bytes_per_token.Of(type) / 1e3);
  if (a.state_bytes > 0) text += fmt::format("; states of a sequence: {:.0f} MB", a.state_bytes / 1e6);
  const FitMachine& m = report.machine;
  return text + fmt::format("\n{}: {:.1f} GB of memory, {:.1f} free; reads {:.1f} GB/s with {} threads\n\n",
                            m.cpu, m.memory_bytes / 1e9, m.available_bytes / 1e9, m.read_bytes / 1e9,
                            m.threads);
}

std::string SettingsText(const FitReport& report) {
  const FitMachine& m = report.machine;
  if (report.best < 0)
    return fmt::format(
        "\nThis machine does not hold the model: the smallest way to store it needs {:.1f} of {:.1f} GB.\n",
        std::ranges::min(report.fits, {}, &Fit::need_bytes).need_bytes / 1e9, m.memory_bytes / 1e9);
  const Fit& best = report.fits[report.best];
  std::string text = fmt::format(
      "\nWhat would be chosen here:\n  {:<16} {}\n", best.storage.recipe,
      best.storage.recipe == kAsItIs ? "it fits" : "most bits of what this machine holds, up to 8");
  text += fmt::format("  {:<16} one for each core that this process may use\n",
                      fmt::format("--threads {}", m.threads));
  text += fmt::format("  {:<16} the fastest tier that this processor has\n",
                      fmt::format("--isa {}", kernels::Name(m.isa)));
  text += fmt::format(
      "  {:<16} {:.2f} GB of keys and values ({}); memory holds {} tokens, the model was trained for {}\n",
      fmt::format("--ctx {}", report.context),
      best.storage.accounting.kv_bytes_per_token.Of(report.kv) * report.context / 1e9,
      kernels::Name(report.kv), best.longest_context, report.max_context);
  return text;
}

ordered_json KvToJson(const model::KvBytes& bytes) {
  ordered_json json;
  for (const kernels::KvType type : kernels::kAllKvTypes)
    json[std::string(kernels::Name(type))] = bytes.Of(type) * 1000;
  return json;
}

ordered_json FitToJson(const Fit& fit) {
  const model::Accounting& a = fit.storage.accounting;
  return {{"recipe", fit.storage.recipe},
          {"weight_bytes", a.weight_bytes},
          {"bits_per_weight", fit.storage.bits_per_weight()},
          {"bytes_read_per_token", a.active_bytes},
          {"need_bytes", fit.need_bytes},
          {"holds", fit.holds},
          {"holds_now", fit.holds_now},
          {"longest_context", fit.longest_context},
          {"decode_tokens_per_second_bound", fit.decode_bound},
          {"decode_tokens_per_second", fit.decode},
          {"prompt_tokens_per_second", fit.prompt}};
}

}  // namespace

std::string FitText(const FitReport& report) {
  std::string text = HeadText(report);
  text += fmt::format("{:<9} {:>9} {:>6} {:>9} {:>8}  {:<8} {:>9} {:>9} {:>9}\n", "weights", "GB", "bits",
                      "needs GB", "GB/token", "fits", "at most", "decode/s", "prompt/s");
  for (const Fit& fit : report.fits) text += FitLine(fit);
  return text + SettingsText(report);
}

ordered_json FitJson(const FitReport& report) {
  ordered_json fits = ordered_json::array();
  for (const Fit& fit : report.fits) fits.push_back(FitToJson(fit));
  const model::Accounting& a = report.fits.front().storage.accounting;
  const FitMachine& m = report.machine;
  return {
      {"model", report.model},
      {"parameters", a.parameters},
      {"active_parameters", a.active_parameters},
      {"expert_parameters", a.expert_parameters},
      {"layers", report.layers},
      {"experts", report.experts},
      {"experts_per_token", report.top_k},
      {"kv_bytes_per_1000_tokens", a.kv_bytes_per_token.Of(report.kv) * 1000},
      {"kv_bytes_per_1000_tokens_by_type", KvToJson(a.kv_bytes_per_token)},
      {"kv_type", kernels::Name(report.kv)},
      {"state_bytes", a.state_bytes},
      {"machine",
       {{"cpu", m.cpu},
        {"threads", m.threads},
        {"isa", kernels::Name(m.isa)},
        {"memory_bytes", m.memory_bytes},
        {"available_bytes", m.available_bytes},
        {"read_bytes_per_second", m.read_bytes}}},
      {"context", report.context},
      {"max_context", report.max_context},
      {"weights", fits},
      {"chosen", report.best < 0 ? ordered_json() : ordered_json(report.fits[report.best].storage.recipe)}};
}

}  // namespace sluice::perf
