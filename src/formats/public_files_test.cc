// Files that others made, good and bad. They do not come with the repository.
#include <gtest/gtest.h>

#include <filesystem>

#include "formats/checkpoint.h"
#include "formats/json.h"
#include "formats/safetensors.h"

#include <nlohmann/json.hpp>

namespace sluice::formats {
namespace {

namespace fs = std::filesystem;

const fs::path kData = fs::path(SLUICE_SOURCE_DIR) / "../shared/data";

std::vector<std::string> FilesIn(const fs::path& root, std::string_view end = "") {
  std::vector<std::string> files;
  if (!fs::exists(root)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file() && entry.path().string().ends_with(end))
      files.push_back(entry.path().string());
  return files;
}

TEST(PublicFiles, HostileFilesAreRefusedOrOpenedWithoutACrash) {
  const auto files = FilesIn(kData / "hostile_gguf_corpus");
  if (files.empty()) GTEST_SKIP() << "the hostile corpus is absent";
  size_t opened = 0, refused = 0;
  for (const std::string& path : files) {
    SCOPED_TRACE(path);
    const auto file = MappedFile::Open(path);
    ASSERT_TRUE(file);
    const auto gguf = ParseGguf(*file);
    const auto safetensors = ParseSafetensors(*file);
    for (const auto* error : {gguf ? nullptr : &gguf.error(), safetensors ? nullptr : &safetensors.error()}) {
      if (error == nullptr) {
        ++opened;
        continue;
      }
      ++refused;
      EXPECT_EQ(error->code, ErrorCode::kBadFile);
      EXPECT_TRUE(error->message.starts_with(path + ": offset ")) << error->message;
    }
  }
  EXPECT_EQ(opened + refused, 2 * files.size());
  EXPECT_GT(files.size(), 200u);
  EXPECT_LT(opened, files.size() / 10) << "they are hostile";
}

TEST(PublicFiles, VocabulariesOpen) {
  const auto files = FilesIn(kData / "tok_llamacpp", ".gguf");
  if (files.empty()) GTEST_SKIP() << "the vocabularies are absent";
  for (const std::string& path : files) {
    const auto checkpoint = OpenCheckpoint(path);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    const auto* tokens = checkpoint->gguf.Strings("tokenizer.ggml.tokens");
    ASSERT_NE(tokens, nullptr) << path;
    EXPECT_GT(tokens->size(), 1000u);
  }
}

TEST(PublicFiles, PublishedConfigsParse) {
  const auto files = FilesIn(kData / "configs_moe", ".json");
  if (files.empty()) GTEST_SKIP() << "the configs are absent";
  EXPECT_GT(files.size(), 100u);
  for (const std::string& path : files) {
    const auto file = MappedFile::Open(path);
    ASSERT_TRUE(file);
    const auto config = ParseJson(*file);
    EXPECT_TRUE(config) << config.error().message;
  }
}

}  // namespace
}  // namespace sluice::formats
