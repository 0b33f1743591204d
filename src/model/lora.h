// LoRA (arXiv 2106.09685): a model's matrices, changed by products of low rank, W x + scale * B (A x), while
// the model itself stays as it is, so that one batch may hold sequences of many adapters and of none. Read as
// the PEFT library writes them: adapter_config.json and adapter_model.safetensors in one folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/arena.h"
#include "base/result.h"
#include "model/model.h"

namespace sluice::model {

// Panels of F32, whatever the files hold and the base model is: both products are sums in the order of the
// F32 kernels, and read what the matrix reads before any rounding to 8 bits.
struct LowRankMatrix {
  PackedMatrix a;  // [rank, cols]
  PackedMatrix b;  // [rows, rank], each element times scale, rounded once
};

// Immutable; may be shared by threads. References its model, which must outlive it.
class Adapter {
 public:
  // No two adapters of a process share one, not even when one is loaded twice. Whatever is computed with an
  // adapter and kept, such as keys and values of a prefix, belongs to its id alone; 0 stands for none.
  uint64_t id() const { return id_; }
  const Model& model() const { return *model_; }
  int rank() const { return rank_; }  // the largest
  int64_t bytes() const { return arena_.size(); }
  int64_t matrices() const { return static_cast<int64_t>(matrices_.size()); }
  // What its configuration says that it was made for; may be empty.
  const std::string& base_model() const { return base_model_; }

  // nullptr: this matrix is as in the model.
  const LowRankMatrix* Find(const PackedMatrix& matrix) const {
    const auto found = matrices_.find(&matrix);
    return found == matrices_.end() ? nullptr : &found->second;
  }

 private:
  friend class AdapterBuilder;
  Adapter() = default;

  uint64_t id_ = 0;
  const Model* model_ = nullptr;
  int rank_ = 0;
  std::string base_model_;
  std::unordered_map<const PackedMatrix*, LowRankMatrix> matrices_;
  Arena arena_;
};

// `directory`: as save_pretrained of PEFT leaves it. A module that the model lacks or that cannot be adapted,
// a wrong shape, a value that is not finite: kBadFile with the tensor's name. `most_bytes`: larger ones are
// refused before they are read; 0: no limit.
Result<std::shared_ptr<const Adapter>> LoadAdapter(const Model& model, const std::string& directory,
                                                   int64_t most_bytes = 0);

}  // namespace sluice::model
