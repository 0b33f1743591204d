// Weights in the form they are computed on: panels of sixteen rows (kernels/panel.h) in one arena.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "base/thread_team.h"
#include "kernels/panel.h"
#include "model/panel_run.h"
#include "model/weight_map.h"

namespace sluice::model {

// A matrix [rows, cols]; y = W x. Rows are padded to whole panels with zeros.
struct PackedMatrix {
  DType dtype = DType::kF32;
  int64_t rows = 0, cols = 0;
  kernels::ActType activations = kernels::ActType::kF32;  // what a product with it reads
  const std::byte* data = nullptr;
  int64_t panel_stride = 0;  // bytes from panel to panel; more than a panel where gate and up are interleaved
  // Where memory nodes hold a slice each: its panels, and the bytes from one slice's first to the next's.
  int64_t slice_panels = std::numeric_limits<int64_t>::max();
  int64_t slice_stride = 0;

  int64_t panels() const { return PanelsOf(rows); }
  const std::byte* Panel(int64_t p) const {
    if (p < slice_panels) return data + p * panel_stride;
    return data + p / slice_panels * slice_stride + p % slice_panels * panel_stride;
  }
  int64_t bytes() const {
    return panels() * kernels::PanelBytes(dtype, cols);
  }  // of weights, padding included
  explicit operator bool() const { return rows > 0; }
};

enum class Precision : uint8_t {
  kNative,  // the file's own type where it has a panel form, else F32
  kF32,     // decoded to F32
};

inline constexpr int64_t kExpertAlignment = 4096;

using ProgressFn = std::function<void(int64_t done_bytes, int64_t total_bytes)>;

// Collects the matrices of a model, then packs all of them into one arena with every thread. Those that stand
// in the file as panels already are used where they are. The destinations must stay where they are until Pack
// returns.
//
// Of several memory nodes each has a region of the arena, and in it a slice of every matrix at the same
// place: the first node the first panels, and so on. Then panels of a file are copied too, since its pages
// lie wherever they were read.
class Packer {
 public:
  explicit Packer(int nodes = 1) : nodes_(nodes) {}

  void Matrix(const MatrixSource& source, Precision precision, PackedMatrix* out);
  // Gate and up of one expert, panel by panel, then down; the three contiguous and aligned to 4 KiB. `gate`
  // may be null.
  void Expert(const MatrixSource* gate, const MatrixSource& up, const MatrixSource& down, Precision precision,
              PackedMatrix* gate_out, PackedMatrix* up_out, PackedMatrix* down_out);
  // A vector (norm weights, biases) as floats, `add` added to each.
  void Vector(const WeightView& view, const float** out, float add = 0);

  // `team` has as many nodes.
  Result<Arena> Pack(ThreadTeam& team, const ProgressFn& progress);
  // Behind Pack: why the system placed nothing; empty: it did, or there is one node.
  const std::string& not_placed() const { return not_placed_; }

  // Every matrix and the view that it comes from.
  struct Origin {
    const WeightView* view;
    const PackedMatrix* matrix;
  };
  const std::vector<Origin>& origins() const { return origins_; }

 private:
  struct RunJob {
    PanelRun run;
    std::vector<PackedMatrix*> out;  // of each part
    int64_t at;                      // offset in a region of panel 0, or of its slice's first
  };
  struct VectorJob {
    const WeightView* view;
    const float** out;
    int64_t at;
    float add;
  };
  struct Piece {  // a unit of parallel work: some panels of a run
    const RunJob* job;
    int64_t first_panel, panels;
    int node;
  };
  void Run(PanelRun run, std::vector<PackedMatrix*> out, int64_t alignment);
  int64_t Place(int64_t bytes, int64_t alignment);
  int64_t SlicePanels(const PanelRun& run) const { return SliceLength(run.panels(), nodes_); }
  std::vector<Piece> Pieces() const;  // node by node
  int64_t RegionBytes() const;
  void PlaceRegions(const Arena& arena, const NodeLayout& layout);
  void PointInto(std::byte* arena);
  void FillVectors(std::byte* arena) const;

  std::vector<RunJob> runs_;
  std::vector<VectorJob> vectors_;
  std::vector<Origin> origins_;
  const int nodes_;
  int64_t size_ = 0;  // of a region
  std::string not_placed_;
};

}  // namespace sluice::model
