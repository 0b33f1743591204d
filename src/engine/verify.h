// Holds a model against a reference's answers: logits, router choices, greedy continuation.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/thread_team.h"
#include "kernels/isa.h"
#include "kernels/kv_type.h"
#include "model/model.h"

namespace sluice::engine {

// Where the largest error is.
struct WorstLogit {
  double error = 0;  // |difference| / largest |reference logit|
  int64_t position = 0, token = 0;
  float expected = 0, actual = 0;
};
struct WorstRouterWeight {
  double error = 0;        // |difference|
  const char* stack = "";  // "encoder " or "decoder " where there are both
  int layer = 0;
  int64_t position = 0;
  int32_t expert = 0;
};

struct VerifyReport {
  double tolerance = 0;         // of WorstLogit::error
  std::string tolerance_basis;  // why that tolerance: "F32 weights", "1.5 x int8_activation_error", ...
  int64_t positions = 0;
  WorstLogit logits;
  int64_t router_choices = 0,
          router_differences = 0;  // (layer, position) pairs; those with another set of experts
  const char* first_difference_stack = "";
  int first_difference_layer = -1;
  int64_t first_difference_position = -1;
  WorstRouterWeight router_weights;
  int64_t greedy_tokens = 0, greedy_equal = 0;  // equal from the start on
  int64_t decode_positions = 0,
          decode_equal = 0;  // prompt computed token by token: positions with the same bits
  bool logits_agree() const { return logits.error <= tolerance; }
  bool ok() const {
    return logits_agree() && router_differences == 0 && greedy_equal == greedy_tokens &&
           decode_equal == decode_positions;
  }
};

struct VerifyOptions {
  kernels::Isa isa = kernels::Isa::kScalar;
  double tolerance = 0;  // 0: by the type of the weights
  // References round no keys and values, so neither does the comparison unless asked to.
  kernels::KvType kv = kernels::KvType::kF32;
};

// `reference`: a safetensors file with prompt_ids, logits, and optionally greedy_ids, router.L.experts and
// .weights, int8_activation_error. For an encoder-decoder model prompt_ids are the source, logits are those
// of decoder_ids, greedy_ids follow the start token alone, and routers are router.enc.L and router.dec.L.
Result<VerifyReport> Verify(const model::Model& model, ThreadTeam& team, const std::string& reference,
                            const VerifyOptions& options);

}  // namespace sluice::engine
