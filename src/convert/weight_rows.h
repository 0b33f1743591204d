// The rows of an output tensor, as floats, from the weights of an opened checkpoint.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "convert/tensor_list.h"
#include "model/desc.h"
#include "model/weight_map.h"

namespace sluice::convert {

// Rearranges on the way: GGUF's joined and turned matrices, its interleaved pairs of rotated elements where
// the checkpoint has halves, and the split form of latent attention where it has the joined one. ReadRow may
// be called from several threads.
class WeightRows {
 public:
  // `source` describes the checkpoint, `target` the file to write; they may differ in the pairing of rotated
  // elements and in whether norms' weights are kept less one.
  static Result<WeightRows> Open(const OutputTensor& tensor, const model::WeightMap& weights,
                                 const model::Desc& source, const model::Desc& target);

  void ReadRow(int64_t row, float* out) const;
  // Whether columns are written in another order than the weight's own; what is known of each moves with
  // them.
  bool moves_columns() const { return upright_.empty() && heads_.along == HeadOrder::Along::kColumns; }
  void MoveColumns(const float* columns, float* out) const;

 private:
  // The element of a head (of dims + unrotated elements) that comes to place `i`.
  struct Pairing {
    int dims = 0;  // 0: as it is
    int head_dim = 0;
    int64_t Source(int64_t i) const;
  };

  // Value heads of linear attention, which stand key head by key head and are written the first of each key
  // head before the second of each.
  struct HeadOrder {
    enum class Along : uint8_t { kNone, kRows, kColumns } along = Along::kNone;
    int64_t first = 0;  // row or column of the first head
    int64_t size = 1;   // rows or columns of one
    int64_t key_heads = 1, per_key = 1;
    int64_t Source(int64_t i) const;
  };
  static HeadOrder HeadOrderOf(const OutputTensor& tensor, const model::Desc& source,
                               const model::Desc& target);

  void ReadLatent(int64_t row, float* out) const;
  void ReadPart(int64_t row, float* out) const;
  Status OpenParts(const OutputTensor& tensor, const model::WeightMap& weights, const model::Desc& source,
                   const model::Desc& target);
  static Pairing PairingOf(const OutputTensor& tensor, const model::Desc& source, const model::Desc& target);

  std::vector<const model::WeightView*> views_;  // one for each expert
  int64_t rows_ = 0, cols_ = 0;                  // of one of them
  bool vector_ = false;
  Pairing pairing_;
  HeadOrder heads_;
  float add_ = 0;                      // to every element
  bool negative_exponential_ = false;  // of every element of a vector
  std::vector<WeightRows> parts_;      // of a tensor that holds several weights
  int64_t groups_ = 0;                 // > 0: group by group, each with as many rows of a part
  std::vector<float> upright_;         // [rows][cols] of a matrix that is written on its side
  // Latent attention: keys stand in kv_b_ as [heads][nope + v][rank], values after them.
  enum class Latent : uint8_t { kNone, kKeys, kValues } latent_ = Latent::kNone;
  int64_t nope_ = 0, value_ = 0, rank_ = 0;
  std::vector<float> kv_b_;
  std::vector<float> computed_;  // a vector that the checkpoint does not hold but implies
};

}  // namespace sluice::convert
