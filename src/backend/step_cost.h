// What each step of a plan has to read and to compute for a batch, and the least time that takes.
#pragma once

#include <span>
#include <vector>

#include "backend/backend.h"
#include "model/plan.h"

namespace sluice::backend {

struct Cost {
  double weight_bytes = 0;  // each weight of the step once, of experts those that are chosen
  double kv_bytes = 0;   // the keys and values that are seen, once for each sequence; states read and written
  double int8_ops = 0;   // of products with activations in 8 bits; a multiply-add counts two
  double float_ops = 0;  // of products with F32 activations, and of attention

  double bytes() const { return weight_bytes + kv_bytes; }
  double ops() const { return int8_ops + float_ops; }
  Cost& operator+=(const Cost& other);
};

// What a machine does in a second, measured.
struct Bounds {
  double bytes = 0, int8_ops = 0, float_ops = 0;
};

// Nothing can be faster: the larger of reading and computing, each at its bound.
double LeastSeconds(const Cost& cost, const Bounds& bounds);
bool BoundByMemory(const Cost& cost, const Bounds& bounds);

// [steps]. `batch` has been run: its trace says which experts were chosen; without one, top_k different ones
// for each token as far as there are as many. Elementwise work and what it reads count nothing: their least
// time is too small to matter.
std::vector<Cost> StepCosts(std::span<const model::Step> steps, kernels::KvType kv, const Batch& batch);

Cost Sum(const std::vector<Cost>& costs);

}  // namespace sluice::backend
