// Goldens opened and then altered, for tests.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "formats/checkpoint.h"

namespace sluice::model {

// What a golden's model is opened by: a folder, or the first file of a GGUF set.
inline std::string GoldenPath(const std::string& folder) {
  namespace fs = std::filesystem;
  const fs::path path = fs::path(SLUICE_SOURCE_DIR "/tests/golden") / folder;
  for (const char* name : {"model.gguf", "model-00001-of-00003.gguf"}) {
    if (fs::exists(path / name)) return path / name;
  }
  return path;
}

inline formats::Checkpoint OpenGolden(const std::string& folder) {
  auto checkpoint = formats::OpenCheckpoint(GoldenPath(folder));
  if (!checkpoint) {
    ADD_FAILURE() << checkpoint.error().message;
    return {};
  }
  return std::move(*checkpoint);
}

// `edit` returns whether the tensor stays.
inline void EditTensors(formats::Checkpoint& checkpoint, const std::function<bool(formats::Tensor&)>& edit) {
  formats::TensorIndex edited;
  for (formats::Tensor tensor : checkpoint.tensors.tensors()) {
    if (edit(tensor)) {
      EXPECT_TRUE(edited.Add(std::move(tensor)));
    }
  }
  checkpoint.tensors = std::move(edited);
}

inline void RemoveTensor(formats::Checkpoint& checkpoint, std::string_view name) {
  ASSERT_NE(checkpoint.tensors.Find(name), nullptr) << name;
  EditTensors(checkpoint, [&](formats::Tensor& t) { return t.name != name; });
}

// `key` must outlive the checkpoint.
inline void SetGgufKey(formats::Checkpoint& checkpoint, std::string_view key, formats::GgufValue value) {
  formats::GgufMetadata edited;
  for (formats::GgufMetadata::Entry entry : checkpoint.gguf.entries()) {
    if (entry.key != key) {
      EXPECT_TRUE(edited.Add(std::move(entry)));
    }
  }
  EXPECT_TRUE(edited.Add({key, std::move(value), 0}));
  checkpoint.gguf = std::move(edited);
}

inline void RemoveGgufKey(formats::Checkpoint& checkpoint, std::string_view key) {
  formats::GgufMetadata edited;
  for (formats::GgufMetadata::Entry entry : checkpoint.gguf.entries()) {
    if (entry.key != key) {
      EXPECT_TRUE(edited.Add(std::move(entry)));
    }
  }
  checkpoint.gguf = std::move(edited);
}

// Gives file `number` other bytes. The old ones stay alive at the end of the list, for what points into them.
inline void ReplaceBytes(formats::Checkpoint& checkpoint, uint32_t number, std::string bytes) {
  const MappedFile old = checkpoint.files[number];
  checkpoint.files[number] = MappedFile::FromOwned(std::move(bytes), old.path());
  checkpoint.files.push_back(old);
}

// Overwrites one element of an F32 tensor.
inline void SetElement(formats::Checkpoint& checkpoint, std::string_view name, int64_t element, float value) {
  const formats::Tensor* tensor = checkpoint.tensors.Find(name);
  ASSERT_NE(tensor, nullptr) << name;
  ASSERT_EQ(tensor->dtype, DType::kF32) << name;
  ASSERT_LT(element, tensor->elements());
  std::string bytes(checkpoint.files[tensor->file].text());
  std::memcpy(bytes.data() + tensor->offset + element * 4, &value, 4);
  ReplaceBytes(checkpoint, tensor->file, std::move(bytes));
}

// Moves every file's bytes by one, as a header of odd length does.
inline void Misalign(formats::Checkpoint& checkpoint) {
  const size_t files = checkpoint.files.size();
  for (size_t i = 0; i < files; ++i)
    ReplaceBytes(checkpoint, static_cast<uint32_t>(i), "x" + std::string(checkpoint.files[i].text()));
  EditTensors(checkpoint, [](formats::Tensor& t) { return ++t.offset > 0; });
}

}  // namespace sluice::model
