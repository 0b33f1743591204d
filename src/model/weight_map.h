// Where a model's weights are. A rule maps a canonical name to a tensor of the checkpoint; resolving the
// rules gives views of the mapped files, never copies, so that experts can be streamed.
//
// Canonical names. Model: embed, final_norm, final_norm.bias, head (+ .bias), rope_factors,
// rope_factors_short, rope_factors_long. Layer L: layer_scale, attn.norm, attn.q, attn.k, attn.v, attn.o (+
// .bias), attn.q_norm, attn.k_norm; attn.q_a, attn.q_a_norm, attn.q_b, attn.kv_a, attn.kv_a_norm and either
// attn.kv_b [heads * (nope + v), kv_rank] or attn.k_b [heads * kv_rank, nope] with attn.v_b [heads * v,
// kv_rank]; of an indexer attn.index_q, attn.index_k, attn.index_k_norm (+ .bias), attn.index_weights;
// ffn.norm, ffn.gate, ffn.up, ffn.down; moe.norm, moe.router (+ .bias), moe.selection_bias, moe.shared.gate /
// up / down, moe.shared_gate; with expert E: moe.expert.gate / up / down. A norm after an operator:
// attn.post_norm, ffn.post_norm, moe.post_norm, mix.post_norm; biases of norms: attn.norm.bias and so on.
// Where there are such: attn.sinks, moe.router_norm, moe.expert_scale. Linear attention: attn.q, attn.k,
// attn.v, attn.z, attn.o, attn.beta, attn.decay, attn.conv [taps, channels], attn.rate, attn.rate_bias,
// attn.out_norm. Attention to a source text: cross.norm, cross.q and so on, as attn. The encoder's weights
// are called as the decoder's with "enc." in front; relative_bias belongs to a stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "formats/checkpoint.h"
#include "model/desc.h"

namespace sluice::model {

// A matrix [rows, cols] (a vector has rows = 1) in a file.
struct WeightView {
  std::string name;  // the file's own, for messages
  DType dtype = DType::kF32;
  int64_t rows = 0, cols = 0;
  const std::byte* data = nullptr;
  int64_t row_stride = 0;   // bytes between rows
  bool transposed = false;  // stored [cols, rows]; row_stride is then between stored rows
  // Transposed only: row r is the stored column first_column + r * column_step.
  int64_t first_column = 0, column_step = 1;
  // Rows in groups (0: none), which stand group_stride bytes apart.
  int64_t group_rows = 0, group_stride = 0;
  // MXFP4 with codes and scales apart (null: blocks as GGUF has them): data holds 16 bytes for each block of
  // 32, element 2 i in the low half of byte i; here stands one scale byte for each block.
  const std::byte* split_scale = nullptr;
  int64_t split_scale_stride = 0;  // bytes between rows
  // F8E4M3 with block scales (null: none): element (r, c) is multiplied by block_scale[(r / 128) *
  // scale_stride + c / 128].
  const float* block_scale = nullptr;
  int64_t scale_stride = 0;
  // A packed file: panels of 16 rows (kernels/panel.h) so many bytes apart, `data` being the first; 0: rows.
  int64_t panel_stride = 0;
  bool in_panel_file = false;    // the bytes may be used where they are for as long as the file is mapped
  bool published_mxfp4 = false;  // of a packed file: its source had codes and scales apart

  // MXFP4 as a checkpoint was published with, rather than made from other weights.
  bool IsPublishedMxfp4() const { return split_scale != nullptr || published_mxfp4; }

  const std::byte* Row(int64_t r) const {
    if (group_rows == 0) return data + r * row_stride;
    return data + r / group_rows * group_stride + r % group_rows * row_stride;
  }
};

// "attn", "cross", "ffn", "moe" or "mix": what the canonical names of a branch's weights begin with.
const char* CanonicalPart(const Branch& branch);
inline constexpr char kEncoderPrefix[] = "enc.";

// Which weight a view is: its canonical name, and layer and expert or -1.
struct WeightName {
  std::string canonical;
  int layer = -1, expert = -1;
};

class WeightMap {
 public:
  static constexpr int kNone = -1;

  // nullptr if the model has no such weight.
  const WeightView* Find(std::string_view canonical, int layer = kNone, int expert = kNone) const;
  // As Find, but a missing weight is an error that names it.
  Result<const WeightView*> Get(std::string_view canonical, int layer = kNone, int expert = kNone) const;

  void Add(std::string canonical, int layer, int expert, WeightView view);
  // The name of each view that Find gives.
  std::unordered_map<const WeightView*, WeightName> Names() const;
  // Tensors that the file holds and the model knowingly leaves unused (MTP layers, vision towers), for
  // `describe`.
  const std::vector<std::string>& skipped() const { return skipped_; }
  // How many of them each of the family's patterns took.
  const std::map<std::string, int64_t>& skipped_kinds() const { return skipped_kinds_; }
  void AddSkipped(std::string name, std::string_view pattern) {
    ++skipped_kinds_[std::string(pattern)];
    skipped_.push_back(std::move(name));
  }
  // Buffers that views point into where the file's bytes had to be rearranged (repacked MXFP4, widened
  // scales).
  std::byte* Own(std::vector<std::byte> bytes);

  WeightMap() = default;
  WeightMap(WeightMap&&) = default;
  WeightMap& operator=(WeightMap&&) = default;
  WeightMap(const WeightMap&) = delete;  // views point into owned_
  WeightMap& operator=(const WeightMap&) = delete;

 private:
  using Experts = std::vector<WeightView>;  // [expert + 1]; a view without data is absent
  using Layers = std::vector<Experts>;      // [layer + 1]

  std::map<std::string, Layers, std::less<>> views_;
  std::vector<std::string> skipped_;
  std::map<std::string, int64_t> skipped_kinds_;
  std::vector<std::vector<std::byte>> owned_;
};

}  // namespace sluice::model
