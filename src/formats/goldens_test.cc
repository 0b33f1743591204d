// Opens every golden folder, and checks that all tensors lie inside their files.
#include <gtest/gtest.h>

#include <filesystem>

#include "formats/checkpoint.h"
#include "formats/safetensors.h"

namespace sluice::formats {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = fs::path(SLUICE_SOURCE_DIR) / "tests/golden";

// One golden belongs to the shipped model and stands without it.
bool HoldsModel(const fs::path& folder) {
  if (fs::exists(folder / "config.json")) return true;
  for (const auto& file : fs::directory_iterator(folder))
    if (file.path().extension() == ".gguf") return true;
  return false;
}

std::vector<std::string> ModelFolders(const fs::path& root) {
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(root))
    if (entry.is_directory() && HoldsModel(entry.path())) folders.push_back(entry.path().string());
  return folders;
}

void ExpectSound(const Checkpoint& checkpoint) {
  EXPECT_FALSE(checkpoint.tensors.tensors().empty());
  for (const Tensor& tensor : checkpoint.tensors.tensors()) {
    ASSERT_LT(tensor.file, checkpoint.files.size()) << tensor.name;
    EXPECT_EQ(checkpoint.Bytes(tensor).size(), tensor.size) << tensor.name;
    EXPECT_EQ(*RowBytes(tensor.dtype, tensor.shape.back()) * (tensor.elements() / tensor.shape.back()),
              static_cast<int64_t>(tensor.size))
        << tensor.name;
  }
}

TEST(Goldens, EveryFolderOpens) {
  const auto folders = ModelFolders(kGoldens);
  EXPECT_GE(folders.size(), 33u);
  for (const std::string& folder : folders) {
    SCOPED_TRACE(folder);
    const auto checkpoint = OpenCheckpoint(folder);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    const bool is_gguf = fs::path(folder).filename().string().starts_with("gguf_");
    EXPECT_EQ(checkpoint->kind, is_gguf ? Checkpoint::Kind::kGguf : Checkpoint::Kind::kHuggingFace);
    EXPECT_EQ(is_gguf, checkpoint->gguf.String("general.architecture").has_value());
    EXPECT_EQ(!is_gguf, checkpoint->config.contains("model_type"));
    ExpectSound(*checkpoint);
  }
}

TEST(Goldens, FoldersOfFurtherFamiliesOpen) {
  const fs::path root = fs::path(SLUICE_SOURCE_DIR) / "../shared/goldens";
  if (!fs::exists(root)) GTEST_SKIP() << root << " is absent";
  const auto folders = ModelFolders(root);
  EXPECT_GE(folders.size(), 60u);
  for (const std::string& folder : folders) {
    SCOPED_TRACE(folder);
    const auto checkpoint = OpenCheckpoint(folder);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    ExpectSound(*checkpoint);
  }
}

TEST(Goldens, AnswersAreReadable) {
  const auto golden = SafetensorsReader::Open((kGoldens / "mixtral/golden.safetensors").string());
  ASSERT_TRUE(golden) << golden.error().message;
  const auto prompt = golden->Ints("prompt_ids");
  const auto logits = golden->Floats("logits");
  ASSERT_TRUE(prompt && logits);
  EXPECT_EQ(prompt->size(), 33u);
  EXPECT_EQ(golden->tensors().Find("logits")->shape[0], 33);
  EXPECT_EQ(logits->size() % prompt->size(), 0u);
  EXPECT_EQ(golden->Ints("greedy_ids")->size(), 16u);
  EXPECT_EQ(golden->Ints("logits").error().code, ErrorCode::kBadFile);
  EXPECT_EQ(golden->Floats("nothing").error().code, ErrorCode::kMissing);
}

TEST(Goldens, SplitSetEqualsItsSum) {
  for (int part = 1; part <= 3; ++part) {
    const std::string path =
        (kGoldens / "gguf_split/model-0000").string() + std::to_string(part) + "-of-00003.gguf";
    const auto checkpoint = OpenCheckpoint(path);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    EXPECT_EQ(checkpoint->path, path);
    EXPECT_EQ(checkpoint->files.size(), 3u);
    EXPECT_EQ(checkpoint->tensors.tensors().size(), 23u);
    EXPECT_EQ(checkpoint->gguf.String("general.architecture"), "llama");
    EXPECT_NE(checkpoint->tensors.Find("blk.0.ffn_gate_exps.weight"), nullptr);
  }
}

TEST(Goldens, ShardedEqualsSingle) {
  const auto single = OpenCheckpoint((kGoldens / "mixtral").string());
  const auto sharded = OpenCheckpoint((kGoldens / "mixtral_sharded").string());
  ASSERT_TRUE(single && sharded);
  EXPECT_EQ(sharded->files.size(), 3u);
  ASSERT_EQ(single->tensors.tensors().size(), sharded->tensors.tensors().size());
  for (const Tensor& tensor : single->tensors.tensors()) {
    const Tensor* same = sharded->tensors.Find(tensor.name);
    ASSERT_NE(same, nullptr) << tensor.name;
    EXPECT_TRUE(std::ranges::equal(single->Bytes(tensor), sharded->Bytes(*same))) << tensor.name;
  }
}

TEST(Goldens, BlocksAreReadable) {
  const auto blocks = SafetensorsReader::Open((kGoldens / "blocks/Q4_K.safetensors").string());
  ASSERT_TRUE(blocks) << blocks.error().message;
  const Tensor* bytes = blocks->tensors().Find("blocks");
  ASSERT_NE(bytes, nullptr);
  EXPECT_EQ(bytes->shape.back(), RowBytes(DType::kQ4_K, 256));
  EXPECT_EQ(blocks->RawBytes("blocks")->size(), bytes->size);
}

}  // namespace
}  // namespace sluice::formats
