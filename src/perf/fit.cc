#include "perf/fit.h"

#include <algorithm>

#include "base/machine_memory.h"
#include "kv/state_pool.h"
#include "machine/bandwidth.h"
#include "machine/memory.h"
#include "machine/topology.h"

namespace sluice::perf {
namespace {

constexpr int64_t kBesides = 200'000'000;  // buffers, tokenizer, program
// Measured on Zen 4: what attention reaches of the rate of F32 products, and how many floats a thread passes
// through norms, rotation, activation and quantisation in a second.
constexpr double kAttentionShare = 0.5, kFloatsOfAThread = 1.7e9;
constexpr double kBarriersOfALayer = 8.5e-6;  // seconds of a decoded token: some twelve steps

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

// Floats that a token passes element by element: a layer's stream some eight times, what its experts hold
// inside three times.
double ElementwiseFloats(const std::vector<model::Branch>& branches, int dim) {
  constexpr double kStream = 4, kInside = 3;  // of a branch
  double floats = 0;
  for (const model::Branch& branch : branches) {
    floats += kStream * dim;
    if (const auto* ffn = std::get_if<model::Ffn>(&branch.op)) floats += kInside * ffn->hidden;
    if (const auto* moe = std::get_if<model::Moe>(&branch.op)) {
      floats += kInside * moe->router.top_k * static_cast<double>(moe->expert.hidden);
      if (moe->shared) floats += kInside * moe->shared->hidden;
    }
    if (const auto* parallel = std::get_if<model::Parallel>(&branch.op))
      floats += ElementwiseFloats(parallel->branches, dim);
  }
  return floats;
}

// Seconds for one token of a prompt beside its products with weights.
double SecondsBesideProducts(const model::Desc& desc, const FitMachine& machine) {
  double floats = 0;
  for (const model::Layer& layer : desc.decoder.layers) floats += ElementwiseFloats(layer, desc.dim);
  const double flops = 2 * machine.products.at(DType::kF32).prompt * kAttentionShare;
  return model::AttentionFlops(desc, kFitPrompt / 2) / flops + floats / (kFloatsOfAThread * machine.threads);
}

// Of one request that fills `context`, with what the engine keeps for later ones.
int64_t NeedBytes(const model::Accounting& a, kernels::KvType kv, int64_t context) {
  const int64_t kv_bytes = a.kv_bytes_per_token.Of(kv) * context;
  const int64_t states = 1 + kv::StatePool::UsualSnapshots(kv_bytes, a.state_bytes);
  return a.weight_bytes + kv_bytes + a.state_bytes * states + kBesides;
}

int64_t LongestContext(const model::Accounting& a, kernels::KvType kv, int64_t most, int64_t memory) {
  int64_t holds = 0, rest = most;
  while (holds < rest) {
    const int64_t middle = rest - (rest - holds) / 2;
    if (NeedBytes(a, kv, middle) <= memory) {
      holds = middle;
    } else {
      rest = middle - 1;
    }
  }
  return holds;
}

Fit FitOf(Storage storage, const model::Desc& desc, const FitMachine& machine, int64_t context,
          kernels::KvType kv) {
  Fit fit{.storage = std::move(storage)};
  const model::Accounting& a = fit.storage.accounting;
  fit.need_bytes = NeedBytes(a, kv, context);
  fit.holds = fit.need_bytes <= machine.memory_bytes;
  fit.holds_now = fit.need_bytes <= machine.available_bytes;
  fit.longest_context = LongestContext(a, kv, desc.max_ctx, machine.memory_bytes);
  fit.decode_bound = machine.read_bytes / static_cast<double>(a.active_bytes);
  const double barriers = kBarriersOfALayer * static_cast<double>(desc.decoder.layers.size());
  fit.decode = 1 / (Seconds(a, machine, &machine::ProductRate::decode) + barriers);
  fit.prompt =
      1 / (Seconds(a, machine, &machine::ProductRate::prompt) + SecondsBesideProducts(desc, machine));
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
  const int64_t bytes = storages.front().accounting.weight_bytes;
  SLUICE_TRY(fit.products[DType::kF32], machine::MeasureProduct(team, isa, DType::kF32, bytes));
  for (const Storage& storage : storages)
    for (const auto& [type, weights] : storage.accounting.active_by_type) {
      if (fit.products.contains(type)) continue;
      SLUICE_TRY(fit.products[type], machine::MeasureProduct(team, isa, type, bytes));
    }
  return fit;
}

FitReport MakeFitReport(std::string model, const model::Desc& desc, std::vector<Storage> storages,
                        FitMachine machine, int64_t context, kernels::KvType kv) {
  FitReport report{.model = std::move(model),
                   .machine = std::move(machine),
                   .context = context,
                   .max_context = desc.max_ctx,
                   .kv = kv};
  report.layers = static_cast<int>(desc.decoder.layers.size());
  for (const model::Layer& layer : desc.decoder.layers) CountExperts(layer, &report);
  for (Storage& storage : storages)
    report.fits.push_back(FitOf(std::move(storage), desc, report.machine, context, kv));
  report.best = Choose(report.fits);
  return report;
}

}  // namespace sluice::perf
