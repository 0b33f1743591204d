#include "perf/fit.h"

#include <algorithm>

#include "base/machine_memory.h"
#include "machine/bandwidth.h"
#include "machine/memory.h"
#include "machine/topology.h"

namespace sluice::perf {
namespace {

constexpr int64_t kBesides = 200'000'000;  // buffers, tokenizer, program

// The most experts of a layer, and how many of them work on a token.
void CountExperts(const std::vector<model::Branch>& branches, FitReport* report) {
  for (const model::Branch& branch : branches) {
    if (const auto* parallel = std::get_if<model::Parallel>(&branch.op))
      CountExperts(parallel->branches, report);
    const auto* moe = std::get_if<model::Moe>(&branch.op);
    if (moe == nullptr || moe->router.experts <= report->experts) continue;
    report->experts = moe->router.experts;
    report->top_k = moe->router.top_k;
  }
}

// Seconds for one token: the weights of each type at the rate of its kernels.
double Seconds(const model::Accounting& accounting, const FitMachine& machine,
               double machine::ProductRate::* rate) {
  double seconds = 0;
  for (const auto& [type, weights] : accounting.active_by_type)
    seconds += static_cast<double>(weights) / (machine.products.at(type).*rate);
  return seconds;
}

Fit FitOf(Storage storage, const FitMachine& machine, int64_t context, int64_t max_context) {
  Fit fit{.storage = std::move(storage)};
  const model::Accounting& a = fit.storage.accounting;
  const int64_t fixed = a.weight_bytes + a.state_bytes + kBesides;
  fit.need_bytes = fixed + a.kv_bytes_per_token * context;
  fit.holds = fit.need_bytes <= machine.memory_bytes;
  fit.holds_now = fit.need_bytes <= machine.available_bytes;
  const int64_t room = std::max<int64_t>(0, machine.memory_bytes - fixed);
  fit.longest_context =
      a.kv_bytes_per_token > 0 ? std::min(max_context, room / a.kv_bytes_per_token) : max_context;
  fit.decode_bound = machine.read_bytes / static_cast<double>(a.active_bytes);
  fit.decode = 1 / Seconds(a, machine, &machine::ProductRate::decode);
  fit.prompt = 1 / Seconds(a, machine, &machine::ProductRate::prompt);
  return fit;
}

// What has most bits of what the machine holds. Bits that the file never had are worth nothing; where there
// is no file yet, 8 bits keep nearly all that 16 do at half the bytes.
int Choose(const std::vector<Fit>& fits) {
  constexpr double kEnough = 9;
  const bool has_file = fits.front().storage.recipe == kAsItIs;
  const double most = has_file ? fits.front().storage.bits_per_weight() : kEnough;
  int best = -1;
  for (size_t i = 0; i < fits.size(); ++i) {
    const double bits = fits[i].storage.bits_per_weight();
    if (!fits[i].holds || bits > most) continue;
    if (best < 0 || bits > fits[best].storage.bits_per_weight()) best = static_cast<int>(i);
  }
  return best;
}

}  // namespace

Result<FitMachine> MeasureForFit(ThreadTeam& team, kernels::Isa isa, const std::vector<Storage>& storages) {
  FitMachine fit{.cpu = machine::ReadTopology().model,
                 .threads = team.size(),
                 .isa = isa,
                 .memory_bytes = MachineMemory()};
  fit.available_bytes = std::min(fit.memory_bytes, machine::ReadMemory().available);
  SLUICE_TRY(const machine::Rate read, machine::ReadBandwidth(team));
  fit.read_bytes = read.median;
  for (const Storage& storage : storages)
    for (const auto& [type, weights] : storage.accounting.active_by_type) {
      if (fit.products.contains(type)) continue;
      SLUICE_TRY(fit.products[type], machine::MeasureProduct(team, isa, type));
    }
  return fit;
}

FitReport MakeFitReport(std::string model, const model::Desc& desc, std::vector<Storage> storages,
                        FitMachine machine, int64_t context) {
  FitReport report{.model = std::move(model),
                   .machine = std::move(machine),
                   .context = context,
                   .max_context = desc.max_ctx};
  report.layers = static_cast<int>(desc.decoder.layers.size());
  for (const model::Layer& layer : desc.decoder.layers) CountExperts(layer, &report);
  for (Storage& storage : storages)
    report.fits.push_back(FitOf(std::move(storage), report.machine, context, desc.max_ctx));
  report.best = Choose(report.fits);
  return report;
}

}  // namespace sluice::perf
