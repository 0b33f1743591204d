// What a model would need of a machine and what it would reach there, from its description alone.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_team.h"
#include "kernels/isa.h"
#include "kernels/kv_type.h"
#include "machine/product_rate.h"
#include "model/desc.h"
#include "perf/storage.h"

namespace sluice::perf {

// A machine as far as it matters to a model.
struct FitMachine {
  std::string cpu;
  int threads = 1;
  kernels::Isa isa = kernels::Isa::kScalar;
  int64_t memory_bytes = 0;                        // that this process could have
  int64_t available_bytes = 0;                     // of these, free now
  double read_bytes = 0;                           // a second
  std::map<DType, machine::ProductRate> products;  // of every type that some storage computes with
};

inline constexpr int64_t kFitPrompt = 512;

struct Fit {
  Storage storage;
  int64_t need_bytes = 0;       // weights, keys and values of the context, and what the program keeps besides
  bool holds = false;           // the machine's memory, if nothing else took of it
  bool holds_now = false;       // what is free
  int64_t longest_context = 0;  // that memory holds, at most the model's own
  double decode_bound = 0;      // tokens a second at which reading alone takes all the time
  // Tokens a second that the kernels would reach, one request: decoded after a short context, and of a prompt
  // of kFitPrompt tokens with its attention and what is done element by element.
  double decode = 0, prompt = 0;
};

struct FitReport {
  std::string model;
  FitMachine machine;
  int64_t context = 0, max_context = 0;
  kernels::KvType kv = kernels::KvType::kF16;
  int layers = 0, experts = 0, top_k = 0;  // experts: of the layers that have most
  std::vector<Fit> fits;
  int best = -1;  // of fits: what would be chosen; -1: the machine holds none
};

// Measures reading, and products with every type that the storages hold.
Result<FitMachine> MeasureForFit(ThreadTeam& team, kernels::Isa isa, const std::vector<Storage>& storages);

// `context`: tokens that keys and values are kept for; `kv`: how.
FitReport MakeFitReport(std::string model, const model::Desc& desc, std::vector<Storage> storages,
                        FitMachine machine, int64_t context, kernels::KvType kv = kernels::KvType::kF16);

std::string FitText(const FitReport& report);
nlohmann::ordered_json FitJson(const FitReport& report);

}  // namespace sluice::perf
