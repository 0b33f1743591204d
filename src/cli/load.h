// Opening and loading models: what run, demo, serve and verify share.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/thread_team.h"
#include "cli/verb.h"
#include "formats/checkpoint.h"
#include "kernels/isa.h"
#include "kernels/kv_type.h"
#include "model/model.h"

namespace sluice::cli {

// How a model is computed: --threads, --isa, --exact, --kv-type, --numa.
struct ComputeFlags {
  int64_t threads = 0;  // 0: one per core
  std::string isa;      // empty: the best of this machine
  bool exact = false;
  std::string kv_type = "auto", numa = "auto";

  std::optional<kernels::KvType> Kv() const { return kernels::FindKvType(kv_type); }
  // To a Verb, or to Settings.
  template <typename Flags>
  void AddTo(Flags& flags);
};

// The model at `path`; the embedded one if it is empty.
Result<formats::Checkpoint> OpenModel(const std::string& path);

// What messages call the model at `path`.
std::string ModelName(const std::string& path);

// The threads that `flags` ask for.
int ThreadCount(const ComputeFlags& flags);

// The tier and the threads that `flags` ask for. Refuses a tier that this machine lacks.
struct Compute {
  kernels::Isa isa = kernels::Isa::kScalar;
  std::unique_ptr<ThreadTeam> team;
};
Result<Compute> ChooseCompute(const ComputeFlags& flags);

struct LoadedModel {
  kernels::Isa isa = kernels::Isa::kScalar;
  std::unique_ptr<ThreadTeam> team;
  std::unique_ptr<model::Model> model;
};
// What to say where the system placed no memory on nodes.
std::string NotPlacedNote(const model::Model& model);

// Shows progress on a terminal. `names`: the model says which weight each matrix is.
Result<LoadedModel> LoadModel(const formats::Checkpoint& checkpoint, const ComputeFlags& flags,
                              bool names = false);

}  // namespace sluice::cli
