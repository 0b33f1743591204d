// Which block type each tensor of a quantised model gets: llama.cpp's mixes, by its rules.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"

namespace sluice::convert {

enum class MixKind : uint8_t {
  kPlain,  // every matrix the same type
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ2_K_S,
  kQ3_K_S,
  kQ3_K_M,
  kQ3_K_L,
  kQ4_K_S,
  kQ4_K_M,
  kQ5_K_S,
  kQ5_K_M,
  kQ6_K,
  kIQ1_S,
  kIQ1_M,
  kIQ2_XXS,
  kIQ2_XS,
  kIQ2_S,
  kIQ2_M,
  kIQ3_XXS,
  kIQ3_XS,
  kIQ3_S,
  kIQ3_M,
  kIQ4_NL,
  kIQ4_XS,
  kTQ1_0,
  kTQ2_0,
  kMXFP4_MoE,
  kQ1_0,
  kQ2_0,
};

struct TypeMix {
  std::string_view name;
  MixKind kind = MixKind::kPlain;
  DType base = DType::kF32;
  uint32_t file_type = 0;  // general.file_type
};

// A mix such as "Q4_K_M", or the name of a type that every matrix gets ("BF16", "Q4_K"). Case does not
// matter.
Result<TypeMix> ParseTypeMix(std::string_view name);
std::vector<std::string_view> TypeMixNames();

// `type`, or one with shorter blocks where its own do not fill rows of `cols`.
DType FittingType(DType type, int64_t cols);

// What the rules ask about a model.
struct MixModel {
  int layers = 0;
  int experts = 0;
  int query_heads_per_kv = 1;
  int value_tensors = 0;  // attn_v, attn_qkv and attn_kv_b tensors
  bool tied = false;      // no output tensor: the embedding is used twice
};

struct MixTensor {
  std::string_view name;  // in GGUF's words
  int64_t cols = 0;       // elements of a row
  int dims = 2;
  int layer = -1;  // -1: of the model
};

// Asked for every tensor, layer by layer: some rules count.
class TypeChooser {
 public:
  TypeChooser(const TypeMix& mix, const MixModel& model) : mix_(mix), model_(model) {}

  // Norms, biases, routers and other vectors stay F32. A type whose blocks do not fill a row gives way to one
  // whose blocks do.
  DType Choose(const MixTensor& tensor);

 private:
  DType ByRole(const MixTensor& tensor);
  DType Output(const MixTensor& tensor) const;
  DType Embedding() const;
  DType Value();
  DType SmallestValue() const;
  DType Key() const;
  DType AttentionOutput() const;
  DType Down(int layer);
  DType SmallestDown();
  DType GateOrUp(int layer) const;

  bool Is(std::initializer_list<MixKind> kinds) const;
  bool IsSmallest() const;  // the types below two and a half bits
  // The layers at both ends and every third between.
  static bool MoreBits(int i, int n) { return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2; }

  const TypeMix mix_;
  const MixModel model_;
  int values_seen_ = 0, downs_seen_ = 0;
};

}  // namespace sluice::convert
