// A model on disk: a GGUF file (or split set), or a Hugging Face directory.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "formats/gguf.h"
#include "formats/model_files.h"
#include "formats/packed_container.h"
#include "formats/tensor_index.h"

namespace sluice::formats {

struct Checkpoint {
  enum class Kind { kGguf, kHuggingFace };

  Kind kind = Kind::kGguf;
  std::string path;                  // as the user gave it
  std::vector<MappedFile> files;     // what Tensor::file counts
  TensorIndex tensors;               // of a packed file: what it was made from, without bytes
  PackedTensors packed;              // of a packed file: its weights; else empty
  GgufMetadata gguf;                 // kGguf: the first file's metadata
  nlohmann::json config;             // kHuggingFace: config.json
  nlohmann::json generation_config;  // kHuggingFace: generation_config.json, null if absent
  ModelFiles side_files;             // kHuggingFace: what stands beside the weights

  std::span<const std::byte> Bytes(const Tensor& t) const {
    return files[t.file].bytes().subspan(t.offset, t.size);
  }
};

// `path`: a .gguf file (any part of a split set), a directory with config.json, or a directory with one GGUF
// set.
Result<Checkpoint> OpenCheckpoint(const std::string& path);
// The same from bytes in memory (the embedded model, tests, fuzzing).
Result<Checkpoint> OpenGgufCheckpoint(MappedFile file);

}  // namespace sluice::formats
