// How much each input of each matrix matters: the mean square of what a text put into it. Quantisers weigh
// their errors with it. Experts are counted one by one, for each sees other tokens.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "model/weight_needs.h"

namespace sluice::convert {

class Importance {
 public:
  // Sums over the tokens that a matrix read.
  struct Inputs {
    std::vector<double> squares;  // [cols]
    int64_t tokens = 0;
  };

  // `expert` -1: not an expert's.
  void Add(const std::string& canonical, int layer, int expert, Inputs inputs);
  // From the sums: call once all are added. An expert that few tokens reached leans on the mean of its
  // layer's experts, one that none reached gets just that; a matrix of which nothing is known gets no
  // weights.
  void Finish();

  // [cols], positive; nullptr: every input matters the same.
  const float* Find(const model::WeightNeed& need, int expert) const;

  int64_t experts() const { return experts_; }
  int64_t experts_never_woken() const { return never_woken_; }
  bool empty() const { return inputs_.empty(); }

  // A GGUF file: for each matrix "NAME.in_sum2" [experts, cols] and "NAME.counts" [experts], where NAME is
  // "blk.3.moe.expert.up" or the like.
  Status Save(const std::string& path) const;
  static Result<Importance> Load(const std::string& path);

 private:
  using Matrix = std::pair<int, std::string>;  // layer, canonical name

  std::map<Matrix, std::map<int, Inputs>> inputs_;
  std::map<Matrix, std::map<int, std::vector<float>>> weights_;
  int64_t experts_ = 0, never_woken_ = 0;
};

}  // namespace sluice::convert
