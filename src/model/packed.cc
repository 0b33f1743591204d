#include "model/packed.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <numeric>

#include "model/view_rows.h"

namespace sluice::model {
namespace {

DType TargetType(const MatrixSource& source, Precision precision) {
  return precision == Precision::kF32 ? DType::kF32 : NativeType(source);
}

// MXFP4 of a published checkpoint was made for activations of 16 bits; blocks of a GGUF take the 8 bits of
// their kind.
kernels::ActType ActivationsOf(const PanelPart& part) {
  const WeightView& view = *part.source.view;
  const bool published = part.dtype == DType::kMXFP4 && view.IsPublishedMxfp4();
  return published ? kernels::ActType::kQ8x32Twice : kernels::FindPanelFormat(part.dtype)->activations;
}

void Shape(const PanelPart& part, PackedMatrix* out) {
  out->dtype = part.dtype;
  out->rows = part.source.rows;
  out->cols = part.source.cols;
  out->activations = ActivationsOf(part);
}

// Floats that may be read where they stand.
bool FloatsInPlace(const WeightView& view) {
  return view.dtype == DType::kF32 && view.in_panel_file &&
         view.row_stride == view.cols * static_cast<int64_t>(sizeof(float)) &&
         reinterpret_cast<uintptr_t>(view.data) % alignof(float) == 0;
}

}  // namespace

int64_t Packer::Place(int64_t bytes, int64_t alignment) {
  const int64_t at = RoundUp(size_, alignment);
  size_ = at + bytes;
  return at;
}

void Packer::Run(PanelRun run, std::vector<PackedMatrix*> out, int64_t alignment) {
  bool in_place = true;
  for (size_t i = 0; i < out.size(); ++i) {
    const PanelPart& part = run.parts[i];
    Shape(part, out[i]);
    origins_.push_back({part.source.view, out[i]});
    out[i]->data = PanelsInPlace(part.source, part.dtype);
    out[i]->panel_stride = part.source.view->panel_stride;
    in_place = in_place && out[i]->data != nullptr;
  }
  if (in_place && nodes_ == 1) return;
  const int64_t at = Place(SlicePanels(run) * run.stride(), alignment);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i]->panel_stride = run.stride();
    out[i]->data = nullptr;
  }
  runs_.push_back({std::move(run), std::move(out), at});
}

void Packer::Matrix(const MatrixSource& source, Precision precision, PackedMatrix* out) {
  Run({{{source, TargetType(source, precision)}}}, {out}, 64);
}

void Packer::Expert(const MatrixSource* gate, const MatrixSource& up, const MatrixSource& down,
                    Precision precision, PackedMatrix* gate_out, PackedMatrix* up_out,
                    PackedMatrix* down_out) {
  PanelRun run;
  std::vector<PackedMatrix*> out;
  if (gate != nullptr) {
    run.parts.push_back({*gate, TargetType(*gate, precision)});
    out.push_back(gate_out);
  }
  run.parts.push_back({up, TargetType(up, precision)});
  out.push_back(up_out);
  Run(std::move(run), std::move(out), kExpertAlignment);
  Matrix(down, precision, down_out);
}

void Packer::Vector(const WeightView& view, const float** out, float add) {
  if (add == 0 && FloatsInPlace(view)) {
    *out = reinterpret_cast<const float*>(view.data);
    return;
  }
  vectors_.push_back({&view, out, Place(view.rows * view.cols * 4, 64), add});
}

std::vector<Packer::Piece> Packer::Pieces() const {
  std::vector<Piece> pieces;
  for (int node = 0; node < nodes_; ++node)
    for (const RunJob& job : runs_) {
      const int64_t slice = SlicePanels(job.run), step = job.run.panels_per_slice();
      const int64_t last = std::min((node + 1) * slice, job.run.panels());
      for (int64_t p = node * slice; p < last; p += step)
        pieces.push_back({&job, p, std::min(step, last - p), node});
    }
  return pieces;
}

void Packer::FillVectors(std::byte* arena) const {
  for (const VectorJob& job : vectors_) {
    float* out = reinterpret_cast<float*>(arena + job.at);
    for (int64_t r = 0; r < job.view->rows; ++r) DecodeViewRow(*job.view, r, out + r * job.view->cols);
    for (int64_t i = 0; i < job.view->rows * job.view->cols; ++i) out[i] += job.add;
    *job.out = out;
  }
}

int64_t Packer::RegionBytes() const {
  constexpr int64_t kHugePage = 2 << 20;
  return nodes_ == 1 ? size_ : RoundUp(size_, kHugePage);
}

// Where the system refuses, pages come from the node of who touches them first: nearly always a worker of the
// node that they are meant for.
void Packer::PlaceRegions(const Arena& arena, const NodeLayout& layout) {
  for (int node = 0; node < nodes_ && nodes_ > 1; ++node)
    if (const Status placed =
            PlaceOnNode(arena.data() + node * RegionBytes(), RegionBytes(), layout.nodes[node].id);
        !placed && not_placed_.empty())
      not_placed_ = placed.error().message + " (" + placed.error().hint + ")";
}

void Packer::PointInto(std::byte* arena) {
  for (const RunJob& job : runs_) {
    std::byte* at = arena + job.at;
    for (size_t i = 0; i < job.out.size(); ++i) {
      job.out[i]->data = at;
      at += job.run.parts[i].panel_bytes();
      if (nodes_ == 1) continue;
      job.out[i]->slice_panels = std::max<int64_t>(1, SlicePanels(job.run));
      job.out[i]->slice_stride = RegionBytes();
    }
  }
}

Result<Arena> Packer::Pack(ThreadTeam& team, const ProgressFn& progress) {
  const int64_t total = RegionBytes() * nodes_;
  SLUICE_TRY(Arena arena, Arena::Reserve(total));
  PlaceRegions(arena, team.layout());
  FillVectors(arena.data());
  PointInto(arena.data());
  const std::vector<Piece> pieces = Pieces();
  std::vector<int64_t> counts(static_cast<size_t>(nodes_), 0);  // pieces lie node by node
  for (const Piece& piece : pieces) ++counts[piece.node];
  std::vector<int64_t> first(counts.size());
  std::exclusive_scan(counts.begin(), counts.end(), first.begin(), int64_t{0});
  ShareClaims claims(nodes_);
  claims.Open(counts);
  std::atomic<int64_t> done{0};
  auto work = [&](int worker) {
    const int node = std::min(team.NodeOf(worker), nodes_ - 1);
    for (auto next = claims.Claim(node); next.share >= 0; next = claims.Claim(node)) {
      const auto& [job, panel, n, home] = pieces[first[next.share] + next.number];
      const int64_t in_slice = panel - home * SlicePanels(job->run);
      job->run.Pack(panel, n, arena.data() + home * RegionBytes() + job->at + in_slice * job->run.stride());
      done += n * job->run.stride();
      if (worker == 0 && progress) progress(done, total);
    }
  };
  team.Run(work);
  if (progress) progress(total, total);
  return arena;
}

}  // namespace sluice::model
