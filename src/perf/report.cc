#include "perf/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "perf/profile.h"

namespace sluice::perf {
namespace {

using nlohmann::ordered_json;

std::string Spread(const machine::Rate& rate) {
  return fmt::format("{:.4g} to {:.4g}", rate.lowest, rate.highest);
}

std::string FigureLine(const Figure& figure, const backend::Bounds& bounds) {
  const machine::Rate rate = figure.TokensPerSecond();
  const backend::Cost cost = backend::Sum(figure.costs);
  const double share = figure.ShareOfBound();
  return fmt::format("{:<22} {:>9.4g}  {:<18} {:>6.1f} {:>9.4g}  {:>5.1f} %  {}\n", figure.work.Name(),
                     rate.median, Spread(rate), bounds.bytes / 1e9, rate.median / share, 100 * share,
                     backend::BoundByMemory(cost, bounds) ? "memory" : "arithmetic");
}

std::string PeerText(const BenchResult& result) {
  std::string text;
  for (const Figure& figure : result.figures) {
    if (figure.peer.empty()) continue;
    const machine::Rate ratio = figure.RatioToPeer();
    text += fmt::format("{:<22} {:>9.4g}  {:<18} {:>8.3g} x  {}\n", figure.work.Name(),
                        machine::Summarise(figure.peer).median, Spread(machine::Summarise(figure.peer)),
                        ratio.median, Spread(ratio));
  }
  if (text.empty()) return {};
  return fmt::format("\n{:<22} {:>9}  {:<18} {:>10}  {}\n", "the peer, in turn", "median", "range",
                     "we are at", "range") +
         text;
}

ordered_json BoundsJson(const backend::Bounds& bounds) {
  return {{"read_bytes_per_second", bounds.bytes},
          {"int8_ops_per_second", bounds.int8_ops},
          {"float_ops_per_second", bounds.float_ops}};
}

ordered_json FigureJson(const Figure& figure, const BenchResult& result) {
  const backend::Bounds bounds = result.BoundsOf(figure);
  const double tokens =
      static_cast<double>(figure.work.computed() * static_cast<int64_t>(figure.seconds.size()));
  const backend::Cost cost = backend::Sum(figure.costs);
  ordered_json json = {{"name", figure.work.Name()},
                       {"kind", figure.work.kind == Work::Kind::kPrefill ? "prefill" : "decode"},
                       {"tokens", figure.work.tokens},
                       {"depth", figure.work.depth},
                       {"sequences", figure.work.sequences},
                       {"seconds", figure.seconds},
                       {"least_seconds", figure.least_seconds},
                       {"read_bytes_per_second", figure.read_rates},
                       {"tokens_per_second", machine::RateJson(figure.TokensPerSecond())},
                       {"weight_bytes_per_token", cost.weight_bytes / tokens},
                       {"kv_bytes_per_token", cost.kv_bytes / tokens},
                       {"int8_ops_per_token", cost.int8_ops / tokens},
                       {"float_ops_per_token", cost.float_ops / tokens},
                       {"share_of_bound", figure.ShareOfBound()},
                       {"bound_by", backend::BoundByMemory(cost, bounds) ? "memory" : "arithmetic"}};
  if (!figure.peer.empty()) {
    json["peer_tokens_per_second"] = figure.peer;
    json["ratio_to_peer"] = machine::RateJson(figure.RatioToPeer());
  }
  if (figure.times.batches > 0) json["profile"] = ProfileJson(figure, result.steps, bounds);
  return json;
}

}  // namespace

std::string BenchText(const BenchResult& result, const Origin& origin) {
  const backend::Bounds bounds = result.MedianBounds();
  double slowest = bounds.bytes, fastest = bounds.bytes;
  for (const backend::Bounds& round : result.rounds) {
    slowest = std::min(slowest, round.bytes);
    fastest = std::max(fastest, round.bytes);
  }
  std::string text = fmt::format(
      "{}, {}\n{} threads, {}: reads {:.1f} GB/s ({:.1f} to {:.1f}), {:.0f} int8 and {:.0f} F32 Gop/s\n\n"
      "{:<22} {:>9}  {:<18} {:>6} {:>9}  {:>7}\n",
      origin.model, origin.cpu, result.threads, kernels::Name(result.isa), bounds.bytes / 1e9, slowest / 1e9,
      fastest / 1e9, bounds.int8_ops / 1e9, bounds.float_ops / 1e9, "tokens a second", "median", "range",
      "GB/s", "bound", "reached");
  for (const Figure& figure : result.figures) text += FigureLine(figure, result.BoundsOf(figure));
  return text + PeerText(result);
}

ordered_json BenchJson(const BenchResult& result, const Origin& origin) {
  const backend::Bounds bounds = result.MedianBounds();
  ordered_json rounds = ordered_json::array(), figures = ordered_json::array();
  for (const backend::Bounds& round : result.rounds) rounds.push_back(BoundsJson(round));
  for (const Figure& figure : result.figures) figures.push_back(FigureJson(figure, result));
  return {{"version", origin.version},    {"commit", origin.commit},   {"cpu", origin.cpu},
          {"model", origin.model},        {"threads", result.threads}, {"isa", kernels::Name(result.isa)},
          {"bounds", BoundsJson(bounds)}, {"bounds_by_round", rounds}, {"figures", figures}};
}

std::string ProfileText(const BenchResult& result) {
  std::string text;
  for (const Figure& figure : result.figures)
    if (figure.times.batches > 0)
      text += ProfileText(figure, result.steps, result.BoundsOf(figure), result.threads);
  return text;
}

}  // namespace sluice::perf
