// Adapters made at random, and what merging them into the weights would give.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/temporary_directory.h"
#include "kernels/blocks.h"
#include "model/edited_checkpoint.h"
#include "model/family.h"
#include "model/lora_modules.h"

namespace sluice {

// One module's pair, and what it adds to the weight [out, in].
struct LoraPair {
  int64_t in = 0, out = 0, rank = 0;
  std::vector<float> a, b;  // [rank, in], [out, rank]

  // scale * B A at [r, c].
  double Delta(int64_t r, int64_t c, double scale) const {
    double sum = 0;
    for (int64_t i = 0; i < rank; ++i) sum += static_cast<double>(b[r * rank + i]) * a[i * in + c];
    return scale * sum;
  }
};

inline constexpr double kLoraAlpha = 6;

// Entries of scale * B A are about `size`.
inline LoraPair DrawPair(int64_t out, int64_t in, int64_t rank, double size, std::mt19937& random) {
  LoraPair pair{in, out, rank, std::vector<float>(rank * in), std::vector<float>(out * rank)};
  std::normal_distribution<float> normal;
  for (float& x : pair.a) x = normal(random);
  const auto spread = static_cast<float>(size * std::sqrt(static_cast<double>(rank)) / kLoraAlpha);
  for (float& x : pair.b) x = normal(random) * spread;
  return pair;
}

using Lora = std::map<std::string, LoraPair>;  // by module

inline nlohmann::json LoraConfigJson(int64_t rank) {
  return {{"peft_type", "LORA"}, {"r", rank},         {"lora_alpha", kLoraAlpha},
          {"bias", "none"},      {"use_dora", false}, {"base_model_name_or_path", "tests/base"}};
}

struct NamedFloats {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

inline std::string SafetensorsBytes(const std::vector<NamedFloats>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::string data;
  for (const NamedFloats& t : tensors) {
    const size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(t.values.data()), t.values.size() * 4);
    header[t.name] = {{"dtype", "F32"}, {"shape", t.shape}, {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t size = text.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + text + data;
}

inline void WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::vector<NamedFloats> LoraTensors(const Lora& lora) {
  std::vector<NamedFloats> tensors;
  for (const auto& [module, pair] : lora) {
    const std::string name = "base_model.model." + module;
    tensors.push_back({name + ".lora_A.weight", {pair.rank, pair.in}, pair.a});
    tensors.push_back({name + ".lora_B.weight", {pair.out, pair.rank}, pair.b});
  }
  return tensors;
}

inline void WriteLora(const std::string& directory, const Lora& lora, const nlohmann::json& config) {
  WriteBytes(directory + "/adapter_config.json", config.dump());
  WriteBytes(directory + "/adapter_model.safetensors", SafetensorsBytes(LoraTensors(lora)));
}

// A tensor's elements as floats.
inline std::vector<float> ReadFloats(const formats::Checkpoint& checkpoint, const formats::Tensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  kernels::DecodeRow(tensor.dtype, checkpoint.Bytes(tensor).data(), tensor.elements(), values.data());
  return values;
}

inline double RootMeanSquare(const std::vector<float>& values) {
  double sum = 0;
  for (const float x : values) sum += static_cast<double>(x) * x;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

// Makes a tensor F32 with other values.
inline void SetFloats(formats::Checkpoint& checkpoint, const std::string& name,
                      const std::vector<float>& values) {
  std::string bytes(values.size() * 4, '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  const auto file = static_cast<uint32_t>(checkpoint.files.size());
  const uint64_t size = bytes.size();
  checkpoint.files.push_back(MappedFile::FromOwned(std::move(bytes), name));
  model::EditTensors(checkpoint, [&](formats::Tensor& t) {
    if (t.name == name) t = {t.name, DType::kF32, t.shape, file, 0, size};
    return true;
  });
}

// A pair for each module of a Hugging Face golden that may have one, merged into `merged` if that is not
// null.
inline Lora DrawForHuggingFace(const formats::Checkpoint& base, int64_t rank, formats::Checkpoint* merged,
                               std::mt19937& random) {
  Lora lora;
  const auto described = model::Describe(base);
  if (!described) return lora;
  const model::LoraModules modules(*described->family, described->desc);
  for (const formats::Tensor& tensor : base.tensors.tensors()) {
    constexpr std::string_view kWeight = ".weight";
    if (!tensor.name.ends_with(kWeight) || tensor.shape.size() != 2) continue;
    const std::string module = tensor.name.substr(0, tensor.name.size() - kWeight.size());
    const auto* weights = modules.Find(module);
    if (weights == nullptr || weights->front().stacked || weights->front().layout.transposed) continue;
    const std::string& canonical = weights->front().need->canonical;
    if (canonical == "embed" || (canonical == "head" && described->desc.tied)) continue;
    if (tensor.dtype != DType::kF32 && tensor.dtype != DType::kF16 && tensor.dtype != DType::kBF16) continue;
    std::vector<float> values = ReadFloats(base, tensor);
    const LoraPair pair =
        DrawPair(tensor.shape[0], tensor.shape[1], rank, 0.2 * RootMeanSquare(values), random);
    for (int64_t r = 0; r < pair.out; ++r)
      for (int64_t c = 0; c < pair.in; ++c)
        values[r * pair.in + c] =
            static_cast<float>(values[r * pair.in + c] + pair.Delta(r, c, kLoraAlpha / rank));
    lora[module] = pair;
    if (merged != nullptr) SetFloats(*merged, tensor.name, values);
  }
  return lora;
}

}  // namespace sluice
