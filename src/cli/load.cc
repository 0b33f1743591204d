#include "cli/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/embedded_model.h"
#include "cli/progress.h"
#include "cli/settings.h"
#include "cli/streams.h"
#include "machine/node_choice.h"

namespace sluice::cli {
namespace {

constexpr int64_t kMostThreads = 1024;

Result<kernels::Isa> ChooseIsa(const std::string& name) {
  if (name.empty()) return kernels::SelectIsa();
  SLUICE_TRY(const kernels::Isa isa, kernels::ParseIsa(name));
  const std::string obstacle = kernels::Obstacle(isa);
  if (!obstacle.empty())
    return Fail(ErrorCode::kConfig, fmt::format("this machine has no {}: {}", name, obstacle),
                "leave out --isa");
  return isa;
}

machine::Numa NumaOf(const std::string& name) {
  if (name == "off") return machine::Numa::kOff;
  return name == "slices" ? machine::Numa::kSlices : machine::Numa::kAuto;
}

// A packed file is otherwise used where it is mapped.
std::string LoadingLabel(const formats::Checkpoint& checkpoint, int nodes) {
  if (nodes == 1) return "loading";
  return fmt::format("{} a slice for each of {} memory nodes",
                     checkpoint.packed.empty() ? "loading" : "copying from the packed file", nodes);
}

}  // namespace

template <typename Flags>
void ComputeFlags::AddTo(Flags& flags) {
  flags.Integer("--threads", &threads, 0, kMostThreads, "Threads; 0 for one per core (default)");
  flags.Text("--isa", "TIER", &isa, "scalar, avx2, avx512 or amx instead of the best of this machine");
  std::vector<std::string> types = {"auto"};
  for (const kernels::KvType type : kernels::kAllKvTypes) types.emplace_back(kernels::Name(type));
  flags.Choice(
      "--kv-type", &kv_type, std::move(types),
      "How keys and values are kept; auto: f32 with F32 weights, else f16; q8: 8 bits and a scale for 32");
  flags.Choice(
      "--numa", &numa, {"auto", "off", "slices"},
      "slices: each memory node holds a slice of every matrix; auto: where several nodes have cores");
  flags.Flag("--exact", &exact, "Decode weights to F32 and never quantise activations (slow)");
}
template void ComputeFlags::AddTo(Verb&);
template void ComputeFlags::AddTo(Settings&);

Result<formats::Checkpoint> OpenModel(const std::string& path) {
  return path.empty() ? formats::OpenGgufCheckpoint(EmbeddedModel()) : formats::OpenCheckpoint(path);
}

std::string ModelName(const std::string& path) {
  if (path.empty()) return kEmbeddedModelName;
  std::filesystem::path name(path);
  if (!name.has_filename()) name = name.parent_path();  // "folder/"
  return name.extension() == ".gguf" ? name.stem() : name.filename();
}

int ThreadCount(const ComputeFlags& flags) {
  return flags.threads > 0 ? static_cast<int>(flags.threads)
                           : std::max(1, static_cast<int>(PhysicalCpus().size()));
}

Result<Compute> ChooseCompute(const ComputeFlags& flags) {
  Compute compute;
  SLUICE_TRY(compute.isa, ChooseIsa(flags.isa));
  const int threads = ThreadCount(flags);
  NodeLayout layout =
      machine::ChooseNodes(machine::ReadTopology(), PhysicalCpus(), threads, NumaOf(flags.numa)).layout;
  compute.team = layout.nodes.empty() ? std::make_unique<ThreadTeam>(threads)
                                      : std::make_unique<ThreadTeam>(threads, std::move(layout));
  return compute;
}

std::string NotPlacedNote(const model::Model& model) {
  return fmt::format("{}; {}", model.not_placed, kUnplacedPages);
}

Result<LoadedModel> LoadModel(const formats::Checkpoint& checkpoint, const ComputeFlags& flags, bool names) {
  LoadedModel loaded;
  SLUICE_TRY(Compute compute, ChooseCompute(flags));
  loaded.isa = compute.isa;
  loaded.team = std::move(compute.team);
  model::ModelOptions options{.exact = flags.exact,
                              .progress = ShowProgress(LoadingLabel(checkpoint, loaded.team->nodes())),
                              .names = names};
  SLUICE_TRY(loaded.model, model::LoadModel(checkpoint, *loaded.team, options));
  if (!loaded.model->not_placed.empty() && ErrorIsTerminal())
    fmt::print(stderr, "{}\n", NotPlacedNote(*loaded.model));
  return loaded;
}

}  // namespace sluice::cli
