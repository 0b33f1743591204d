#include "convert/mix.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "base/nearest.h"

namespace sluice::convert {
namespace {

constexpr TypeMix kMixes[] = {
    {"Q4_0", MixKind::kQ4_0, DType::kQ4_0, 2},        {"Q4_1", MixKind::kQ4_1, DType::kQ4_1, 3},
    {"Q8_0", MixKind::kQ8_0, DType::kQ8_0, 7},        {"Q5_0", MixKind::kQ5_0, DType::kQ5_0, 8},
    {"Q5_1", MixKind::kQ5_1, DType::kQ5_1, 9},        {"Q2_K", MixKind::kQ2_K, DType::kQ2_K, 10},
    {"Q2_K_S", MixKind::kQ2_K_S, DType::kQ2_K, 21},   {"Q3_K_S", MixKind::kQ3_K_S, DType::kQ3_K, 11},
    {"Q3_K_M", MixKind::kQ3_K_M, DType::kQ3_K, 12},   {"Q3_K_L", MixKind::kQ3_K_L, DType::kQ3_K, 13},
    {"Q4_K_S", MixKind::kQ4_K_S, DType::kQ4_K, 14},   {"Q4_K_M", MixKind::kQ4_K_M, DType::kQ4_K, 15},
    {"Q5_K_S", MixKind::kQ5_K_S, DType::kQ5_K, 16},   {"Q5_K_M", MixKind::kQ5_K_M, DType::kQ5_K, 17},
    {"Q6_K", MixKind::kQ6_K, DType::kQ6_K, 18},       {"IQ1_S", MixKind::kIQ1_S, DType::kIQ1_S, 24},
    {"IQ1_M", MixKind::kIQ1_M, DType::kIQ1_M, 31},    {"IQ2_XXS", MixKind::kIQ2_XXS, DType::kIQ2_XXS, 19},
    {"IQ2_XS", MixKind::kIQ2_XS, DType::kIQ2_XS, 20}, {"IQ2_S", MixKind::kIQ2_S, DType::kIQ2_XS, 28},
    {"IQ2_M", MixKind::kIQ2_M, DType::kIQ2_S, 29},    {"IQ3_XXS", MixKind::kIQ3_XXS, DType::kIQ3_XXS, 23},
    {"IQ3_XS", MixKind::kIQ3_XS, DType::kIQ3_S, 22},  {"IQ3_S", MixKind::kIQ3_S, DType::kIQ3_S, 26},
    {"IQ3_M", MixKind::kIQ3_M, DType::kIQ3_S, 27},    {"IQ4_NL", MixKind::kIQ4_NL, DType::kIQ4_NL, 25},
    {"IQ4_XS", MixKind::kIQ4_XS, DType::kIQ4_XS, 30}, {"TQ1_0", MixKind::kTQ1_0, DType::kTQ1_0, 36},
    {"TQ2_0", MixKind::kTQ2_0, DType::kTQ2_0, 37},    {"MXFP4_MOE", MixKind::kMXFP4_MoE, DType::kMXFP4, 38},
    {"Q1_0", MixKind::kQ1_0, DType::kQ1_0, 40},       {"Q2_0", MixKind::kQ2_0, DType::kQ2_0, 41},
    {"F32", MixKind::kPlain, DType::kF32, 0},         {"F16", MixKind::kPlain, DType::kF16, 1},
    {"BF16", MixKind::kPlain, DType::kBF16, 32},      {"NVFP4", MixKind::kPlain, DType::kNVFP4, 39},
    {"Q3_K", MixKind::kPlain, DType::kQ3_K, 11},      {"Q4_K", MixKind::kPlain, DType::kQ4_K, 14},
    {"Q5_K", MixKind::kPlain, DType::kQ5_K, 16},      {"MXFP4", MixKind::kPlain, DType::kMXFP4, 38},
};

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// Vectors and what llama.cpp never quantises.
bool StaysF32(const MixTensor& t) {
  return t.dims < 2 || !t.name.ends_with("weight") || Contains(t.name, "_norm.weight") ||
         Contains(t.name, "ffn_gate_inp.weight");
}

bool IsValue(std::string_view name) {
  return Contains(name, "attn_qkv.weight") || Contains(name, "attn_kv_b.weight") ||
         Contains(name, "attn_v.weight");
}

// A type whose blocks are shorter.
DType Shorter(DType type) {
  switch (type) {
    case DType::kQ2_0:
    case DType::kQ2_K:
    case DType::kQ3_K:
    case DType::kTQ1_0:
    case DType::kTQ2_0:
      return DType::kQ4_0;
    case DType::kQ4_K:
      return DType::kQ5_0;
    case DType::kQ5_K:
      return DType::kQ5_1;
    case DType::kQ6_K:
      return DType::kQ8_0;
    default:
      return Info(type).block_size > 32 ? DType::kIQ4_NL : type;
  }
}

}  // namespace

DType FittingType(DType type, int64_t cols) {
  if (cols % Info(type).block_size == 0) return type;
  const DType shorter = Shorter(type);
  return cols % Info(shorter).block_size == 0 ? shorter : DType::kF16;
}

Result<TypeMix> ParseTypeMix(std::string_view name) {
  std::string wanted(name);
  for (char& c : wanted) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (const TypeMix& mix : kMixes)
    if (mix.name == wanted) return mix;
  return Fail(ErrorCode::kUsage, fmt::format("\"{}\" is no type of weights", name),
              fmt::format("there are {}", fmt::join(TypeMixNames(), ", ")));
}

std::vector<std::string_view> TypeMixNames() {
  std::vector<std::string_view> names;
  for (const TypeMix& mix : kMixes) names.push_back(mix.name);
  return names;
}

bool TypeChooser::Is(std::initializer_list<MixKind> kinds) const {
  return std::find(kinds.begin(), kinds.end(), mix_.kind) != kinds.end();
}

bool TypeChooser::IsSmallest() const {
  return Is({MixKind::kIQ1_S, MixKind::kIQ1_M, MixKind::kIQ2_XXS, MixKind::kIQ2_XS, MixKind::kIQ2_S,
             MixKind::kIQ2_M});
}

DType TypeChooser::Choose(const MixTensor& tensor) {
  if (StaysF32(tensor)) return DType::kF32;
  const bool quantised = Info(mix_.base).block_size > 1;
  const DType type = mix_.kind == MixKind::kPlain ? mix_.base : ByRole(tensor);
  return quantised ? FittingType(type, tensor.cols) : type;
}

DType TypeChooser::ByRole(const MixTensor& t) {
  if (t.name == "output.weight") return Output(t);
  if (t.name == "token_embd.weight") return model_.tied ? Output(t) : Embedding();
  if (mix_.kind == MixKind::kMXFP4_MoE) return t.dims > 2 ? DType::kMXFP4 : DType::kQ8_0;
  if (IsValue(t.name)) return Value();
  if (Contains(t.name, "attn_k.weight")) return Key();
  if (Contains(t.name, "attn_q.weight")) {
    return mix_.kind == MixKind::kIQ3_XS    ? DType::kIQ3_XXS
           : mix_.kind == MixKind::kIQ3_XXS ? DType::kIQ2_S
                                            : mix_.base;
  }
  if (Contains(t.name, "attn_output.weight")) return AttentionOutput();
  if (Contains(t.name, "ffn_down")) return Down(t.layer);
  if (Contains(t.name, "ffn_up") || Contains(t.name, "ffn_gate")) return GateOrUp(t.layer);
  return mix_.base;
}

DType TypeChooser::Output(const MixTensor& t) const {
  if (mix_.kind == MixKind::kMXFP4_MoE || t.cols % Info(mix_.base).block_size != 0) return DType::kQ8_0;
  if (IsSmallest() || mix_.kind == MixKind::kIQ3_XXS) return DType::kQ5_K;
  return mix_.base == DType::kQ8_0 ? DType::kQ8_0 : DType::kQ6_K;
}

DType TypeChooser::Embedding() const {
  if (mix_.kind == MixKind::kMXFP4_MoE) return DType::kQ8_0;
  if (Is({MixKind::kIQ2_XXS, MixKind::kIQ2_XS, MixKind::kIQ1_S, MixKind::kIQ1_M})) return DType::kQ2_K;
  if (Is({MixKind::kIQ2_S, MixKind::kIQ2_M, MixKind::kIQ3_XXS})) return DType::kIQ3_S;
  if (Is({MixKind::kTQ1_0, MixKind::kTQ2_0, MixKind::kQ2_0})) return DType::kQ4_K;
  return mix_.base;
}

DType TypeChooser::SmallestValue() const {
  if (model_.query_heads_per_kv >= 4 || model_.experts >= 4) return DType::kQ4_K;
  return Is({MixKind::kIQ2_S, MixKind::kIQ2_M}) ? DType::kIQ3_S : DType::kQ2_K;
}

DType TypeChooser::Value() {
  const int i = values_seen_++;
  if (IsSmallest()) return SmallestValue();
  if (model_.experts == 8) return DType::kQ8_0;
  const bool grouped = model_.query_heads_per_kv >= 4;
  DType type = mix_.base;
  switch (mix_.kind) {
    case MixKind::kQ2_K:
      type = grouped ? DType::kQ4_K : DType::kQ3_K;
      break;
    case MixKind::kQ2_K_S:
    case MixKind::kIQ3_XS:
    case MixKind::kIQ3_S:
      type = grouped ? DType::kQ4_K : mix_.base;
      break;
    case MixKind::kIQ3_XXS:
      type = grouped ? DType::kQ4_K : DType::kIQ3_S;
      break;
    case MixKind::kIQ3_M:
      type = DType::kQ4_K;
      break;
    case MixKind::kQ3_K_M:
      type = i < 2 ? DType::kQ5_K : DType::kQ4_K;
      break;
    case MixKind::kQ3_K_L:
      type = DType::kQ5_K;
      break;
    case MixKind::kIQ4_NL:
    case MixKind::kIQ4_XS:
      type = grouped ? DType::kQ5_K : mix_.base;
      break;
    case MixKind::kQ4_K_M:
    case MixKind::kQ5_K_M:
      type = MoreBits(i, model_.value_tensors) ? DType::kQ6_K : mix_.base;
      break;
    case MixKind::kQ4_K_S:
      type = i < 4 ? DType::kQ5_K : mix_.base;
      break;
    default:
      break;
  }
  // Eighty layers mean a 70B model, whose eight value heads are cheap to keep.
  const bool small = type == DType::kQ3_K || type == DType::kQ4_K;
  return model_.layers == 80 && small ? DType::kQ5_K : type;
}

DType TypeChooser::Key() const {
  if (IsSmallest()) return model_.experts == 8 ? DType::kQ4_K : mix_.base;
  if (model_.experts == 8) return DType::kQ8_0;
  if (mix_.kind == MixKind::kIQ3_XS) return DType::kIQ3_XXS;
  return mix_.kind == MixKind::kIQ3_XXS ? DType::kIQ2_S : mix_.base;
}

DType TypeChooser::AttentionOutput() const {
  using enum MixKind;
  if (model_.experts == 8) {
    const bool raised = IsSmallest() || Is({kQ2_K, kIQ3_XS, kIQ3_XXS, kQ3_K_S, kQ3_K_M, kIQ4_NL, kQ4_K_S,
                                            kQ4_K_M, kIQ3_S, kIQ3_M, kIQ4_XS});
    return raised ? DType::kQ5_K : mix_.base;
  }
  if (Is({kIQ1_S, kIQ1_M})) return DType::kIQ2_XXS;
  if (Is({kIQ2_S, kIQ2_M, kIQ3_XXS})) return DType::kIQ3_S;
  if (mix_.kind == kQ2_K) return DType::kQ3_K;
  if (Is({kQ3_K_M, kIQ3_M})) return DType::kQ4_K;
  return mix_.kind == kQ3_K_L ? DType::kQ5_K : mix_.base;
}

DType TypeChooser::SmallestDown() {
  if (downs_seen_++ >= model_.layers / 8) return mix_.base;
  return Is({MixKind::kIQ2_S, MixKind::kIQ2_M}) ? DType::kIQ3_S : DType::kQ2_K;
}

DType TypeChooser::Down(int layer) {
  if (IsSmallest()) return SmallestDown();
  const int n = model_.layers;
  const bool early = layer < n / 8, more = MoreBits(layer, n);
  switch (mix_.kind) {
    case MixKind::kQ2_K:
      return DType::kQ3_K;
    case MixKind::kQ2_K_S:
      return early ? DType::kQ4_K : mix_.base;
    case MixKind::kIQ3_XXS:
      return early ? DType::kQ4_K : DType::kQ3_K;
    case MixKind::kQ3_K_M:
      return layer < n / 16 ? DType::kQ5_K : DType::kQ4_K;
    case MixKind::kIQ3_M:
      return early || (model_.experts == 8 && more) ? DType::kQ4_K : mix_.base;
    case MixKind::kQ3_K_L:
      return DType::kQ5_K;
    case MixKind::kQ4_K_M:
    case MixKind::kQ5_K_M:
      return more ? DType::kQ6_K : mix_.base;
    case MixKind::kIQ4_NL:
    case MixKind::kIQ4_XS:
    case MixKind::kQ4_K_S:
      return early ? DType::kQ5_K : mix_.base;
    default:
      return mix_.base;
  }
}

DType TypeChooser::GateOrUp(int layer) const {
  const bool middle = layer >= model_.layers / 8 && layer < 7 * model_.layers / 8;
  return mix_.kind == MixKind::kIQ3_XS && middle ? DType::kIQ3_XXS : mix_.base;
}

}  // namespace sluice::convert
