// The file that `sluice pack` writes: GGUF, aligned to pages, whose tensors are weights in the engine's own
// arrangement, as plain bytes (I8). Metadata beside the model's own:
//   sluice.packed.layout          u32, the version of the arrangement
//   sluice.packed.types           one text for each tensor: the types of the matrices in it ("Q4_K",
//                                 "Q4_K Q4_K Q6_K"; "MXFP4*" if the source held codes and scales apart),
//                                 or "file" for a small file that is carried along
//   sluice.packed.source          "gguf" or "huggingface": whose words describe the model
//   sluice.packed.source_tensors  the names of the tensors that it was made from,
//   sluice.packed.source_shapes   and for each the number of dimensions and the dimensions
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "formats/gguf.h"
#include "formats/tensor_index.h"

namespace sluice::formats {

struct Checkpoint;

// Raised whenever the bytes of any type are arranged in another way.
inline constexpr uint32_t kPackedLayout = 2;
inline constexpr uint32_t kPackedAlignment = 4096;

inline constexpr std::string_view kPackedPrefix = "sluice.packed.";
inline constexpr std::string_view kPackedLayoutKey = "sluice.packed.layout";
inline constexpr std::string_view kPackedTypesKey = "sluice.packed.types";
inline constexpr std::string_view kPackedSourceKey = "sluice.packed.source";
inline constexpr std::string_view kPackedNamesKey = "sluice.packed.source_tensors";
inline constexpr std::string_view kPackedShapesKey = "sluice.packed.source_shapes";
inline constexpr std::string_view kPackedFromGguf = "gguf", kPackedFromHuggingFace = "huggingface";
inline constexpr std::string_view kPublishedMark = "*";
inline constexpr std::string_view kCarriedType = "file", kCarriedPrefix = "file/";

struct PackedTensor {
  Tensor bytes;
  struct Matrix {
    DType type;
    bool published = false;  // of MXFP4: the source held codes and scales apart
  };
  std::vector<Matrix> matrices;  // that it holds
};

using PackedTensors = std::map<std::string, PackedTensor, std::less<>>;

bool IsPacked(const GgufMetadata& metadata);

// Turns a checkpoint that holds a packed file's tensors into one of the model that it was made from:
// `tensors` become the names and shapes of those (without bytes), `packed` gets the weights, `side_files`
// what is carried along. Refuses a layout that this program does not know.
Status OpenPacked(Checkpoint* checkpoint);

}  // namespace sluice::formats
