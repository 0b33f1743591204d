// The kernels: one list, one table per tier. The scalar tier is the specification; every other tier gives the
// same bits. Sums run in one order, fixed by the data's shape: never by the number of tokens, threads or
// chunks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "kernels/activation_row.h"
#include "kernels/isa.h"
#include "kernels/kv_type.h"
#include "kernels/panel.h"

namespace sluice::kernels {

// y[t][0..16) = panel x[t] for t in [0, n). x[t]: an activation row of the format's ActType (64-byte
// aligned); y[t]: sixteen floats, any alignment, overwritten. Results for t do not depend on n.
using MatmulFn = void (*)(const std::byte* panel, int64_t k, const std::byte* const* x, int64_t n,
                          float* const* y);

enum class Activation : uint8_t { kSilu, kGelu, kGeluTanh, kRelu };

// Their arguments are in attention.h.
struct AttendArgs;
struct AttendLatentArgs;
struct AttendState;
enum class SpanUse : uint8_t;

// The gated delta rule of one head, token by token (delta_kernels.h): the state passes all tokens in order.
struct DeltaArgs {
  float* state = nullptr;  // [k_dim][v_dim]
  int k_dim = 0, v_dim = 0;
  int64_t tokens = 0;
  const float *const *q = nullptr, *const *k = nullptr,
                     *const *v = nullptr;         // [tokens]: rows of k_dim, k_dim, v_dim
  const float *decay = nullptr, *beta = nullptr;  // [tokens]
  float* const* out = nullptr;                    // [tokens]: rows of v_dim
};

// How well keys [begin, end) suit a token: the sum over heads in order of weights[h] * max(q[h] . k, 0).
struct ScoreKeysArgs {
  const float* q = nullptr;        // [heads][k_dim]
  const float* weights = nullptr;  // [heads]
  int heads = 0, k_dim = 0;
  const std::byte* const* k_pages = nullptr;  // as AttendArgs has them
  int64_t begin = 0, end = 0;
  float* out = nullptr;  // out[j] for key j of the range; the rest is left alone
};

// Elementwise kernels and attention: X(name, return type, parameters).
#define SLUICE_KERNELS(X)                                                                                    \
  /* 8-bit activation rows; round to nearest, ties to even; an all-zero block has scale 0. */                \
  X(quantize_q8x32, void, (const float* x, int64_t k, std::byte* out))                                       \
  X(quantize_q8x256, void, (const float* x, int64_t k, std::byte* out))                                      \
  /* y = x / sqrt(mean(x^2) + eps) * weight; weight may be null (ones). */                                   \
  X(rms_norm, void, (const float* x, const float* weight, float eps, int64_t n, float* y))                   \
  /* y = (x - mean) / sqrt(var + eps) * weight + bias; bias may be null. */                                  \
  X(layer_norm, void,                                                                                        \
    (const float* x, const float* weight, const float* bias, float eps, int64_t n, float* y))                \
  /* In place. */                                                                                            \
  X(softmax, void, (float* x, int64_t n))                                                                    \
  X(sigmoid, void, (const float* x, int64_t n, float* y))                                                    \
  /* y = act(gate) * up; up may be null: y = act(gate). */                                                   \
  X(glu, void, (Activation act, const float* gate, const float* up, int64_t n, float* y))                    \
  /* y = (clamp(up, +-limit) + 1) * g * sigmoid(alpha * g), g = min(gate, limit). */                         \
  X(glu_clamped, void, (const float* gate, const float* up, float limit, float alpha, int64_t n, float* y))  \
  /* y += a * x */                                                                                           \
  X(axpy, void, (float a, const float* x, int64_t n, float* y))                                              \
  X(scale, void, (float a, int64_t n, float* y))                                                             \
  X(clamp, void, (float limit, int64_t n, float* y))                                                         \
  /* Rotates `pairs` pairs of x in place: (2i, 2i+1) if interleaved, else (i, i + pairs). cos, sin: [pairs]. \
   */                                                                                                        \
  X(rope, void, (float* x, const float* cos, const float* sin, int64_t pairs, bool interleaved))             \
  X(f32_to_f16, void, (const float* x, int64_t n, uint16_t* y)) /* saturates to the largest finite value */  \
  X(delta_rule, void, (const DeltaArgs& args))                                                               \
  /* y = silu(sum of weight[tap] * x[tap]) element by element; y may be one of x. weight: rows weight_stride \
   * apart. */                                                                                               \
  X(conv_silu, void,                                                                                         \
    (const float* const* x, const float* weight, int64_t weight_stride, int taps, int64_t n, float* y))      \
  /* Joins the next keys' state to that of the keys before them; use: [heads]. */                            \
  X(attend_join, void, (const AttendState& next, const SpanUse* use, const AttendState& state))              \
  /* What the keys give together; sinks: [heads], a logit that takes part in the softmax and has no value,   \
   * or null; out: [heads][v_dim], may be the state's. */                                                    \
  X(attend_finish, void, (const AttendState& state, const float* sinks, float* out))

// What reads keys and values of one type.
struct KvKernels {
  // What a range of keys leaves: state, overwritten.
  void (*attend)(const AttendArgs& args, const AttendState& state) = nullptr;
  void (*attend_latent)(const AttendLatentArgs& args, const AttendState& state) = nullptr;
  void (*score_keys)(const ScoreKeysArgs& args) = nullptr;
};

struct Table {
  Isa isa;
  // Products of many tokens with types of 256 take rows best that lie the same distance apart.
  bool prefers_even_rows = false;
  static constexpr size_t kTypes = static_cast<size_t>(DType::kQ2_0) + 1;
  MatmulFn matmul[kTypes] = {};     // by DType; null where FindPanelFormat is
  MatmulFn one_token[kTypes] = {};  // instead, where another tier's kernel is faster; else null
#define SLUICE_KERNEL_FIELD(name, result, parameters) result(*name) parameters = nullptr;
  SLUICE_KERNELS(SLUICE_KERNEL_FIELD)
#undef SLUICE_KERNEL_FIELD

  KvKernels kv[kKvTypes];  // by KvType

  const KvKernels& Kv(KvType type) const { return kv[static_cast<size_t>(type)]; }
  MatmulFn Matmul(DType dtype) const { return matmul[static_cast<size_t>(dtype)]; }
  // The fastest for so many tokens; all give the same bits.
  MatmulFn Matmul(DType dtype, int64_t tokens) const {
    const MatmulFn one = one_token[static_cast<size_t>(dtype)];
    return tokens == 1 && one != nullptr ? one : Matmul(dtype);
  }
};

// Complete: every entry that has a scalar kernel is set. The tier must be Supported.
const Table& TableFor(Isa isa);

}  // namespace sluice::kernels
