#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "tokenizer/golden_cases.h"

namespace sluice::tokenizer {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kSource = SLUICE_SOURCE_DIR;
const fs::path kShared = kSource / "../shared/goldens/tokenizers";
const fs::path kData = kSource / "../shared/data";

std::vector<fs::path> FilesIn(const fs::path& directory, std::string_view ending) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (entry.path().filename().string().ends_with(ending)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void Print(const std::string& name, const GoldenScore& score) {
  std::printf("%-44s %5d of %5d cases\n", name.c_str(), score.passed, score.total());
}

GoldenScore RunFile(const fs::path& path) {
  GoldenScore score;
  const json golden = ReadGolden(path);
  if (!golden.contains("cases")) return score;
  const std::string name = path.filename().string();
  const auto tokenizer = LoadForGolden(path, golden, kData);
  if (tokenizer) {
    EXPECT_GE((*tokenizer)->vocab_size(), golden["vocab_size"].get<int>()) << name;
    RunGolden(name, golden, **tokenizer, score);
  } else {
    score.misses.push_back(name + ": " + tokenizer.error().message);
  }
  Print(name, score);
  return score;
}

// Every case must pass, but for `allowed` parts of all.
void RunDirectory(const fs::path& directory, std::string_view ending, double allowed) {
  GoldenScore all;
  for (const fs::path& path : FilesIn(directory, ending)) {
    GoldenScore score = RunFile(path);
    all.passed += score.passed;
    all.excused += score.excused;
    all.misses.insert(all.misses.end(), score.misses.begin(), score.misses.end());
  }
  Print("all", all);
  for (const std::string& miss : all.misses) std::printf("missed: %s\n", miss.c_str());
  EXPECT_GT(all.passed, 0);
  EXPECT_LE(static_cast<double>(all.misses.size()), allowed * all.total());
}

TEST(Goldens, RealVocabularies) {
  if (!fs::exists(kShared)) GTEST_SKIP() << kShared << " is absent";
  RunDirectory(kShared, ".json", 0);
}

TEST(Goldens, MadeVocabularies) {
  if (!fs::exists(kShared)) GTEST_SKIP() << kShared << " is absent";
  RunDirectory(kShared / "made", ".cases.json", 0.05);
}

TEST(Goldens, MadeVocabulariesOfThisRepository) {
  RunDirectory(kSource / "tests/tokenizer/made", ".cases.json", 0);
}

// Vocabularies that need another file than a GGUF; empty: none of the data folders has it.
const std::map<std::string, std::string> kOtherFiles = {
    {"llama-bpe", "tok_llama3/models/llama3/tokenizer.model"},
    {"qwen2", "tok_qwen/examples/model_config/qwen2-0_5b"},
    {"command-r", ""},
    {"gemma-4", ""},
    {"qwen35", ""},
};

TEST(Goldens, ExpectedIdsOfLlamaCpp) {
  const fs::path path = kData / "vectors/llamacpp_vocab_expected_ids.json";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is absent";
  int vocabularies = 0;
  const json golden = ReadGolden(path);
  for (const auto& [name, vocabulary] : golden.items()) {
    const auto other = kOtherFiles.find(name);
    const std::string file =
        other == kOtherFiles.end() ? "tok_llamacpp/models/ggml-vocab-" + name + ".gguf" : other->second;
    if (file.empty()) {
      std::printf("%-44s no file\n", name.c_str());
      continue;
    }
    ++vocabularies;
    const auto tokenizer = LoadTokenizer((kData / file).string());
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    GoldenScore score;
    for (const json& c : vocabulary["cases"]) {
      const auto ids =
          (*tokenizer)->Encode(c["text"].get<std::string>(), {.add_special = false, .parse_special = false});
      ASSERT_TRUE(ids) << ids.error().message;
      const bool same = json(*ids) == c["ids"];
      score.passed += same;
      if (!same)
        score.misses.push_back(c["text"].dump() + " is " + json(*ids).dump() + ", not " + c["ids"].dump());
    }
    Print(name, score);
    EXPECT_EQ(score.passed, score.total()) << name << ": " << (score.misses.empty() ? "" : score.misses[0]);
  }
  EXPECT_GE(vocabularies, 12);
}

TEST(Goldens, RefusedFiles) {
  if (!fs::exists(kShared)) GTEST_SKIP() << kShared << " is absent";
  const json golden = ReadGolden(kShared / "refused.json");
  for (const json& file : golden["files"]) {
    const auto tokenizer =
        LoadTokenizer((kData / file["vocab"].get<std::string>()).string(), {.pre = "cl100k-base"});
    ASSERT_FALSE(tokenizer) << file["vocab"];
    EXPECT_EQ(tokenizer.error().code, ErrorCode::kBadFile) << tokenizer.error().message;
    std::printf("%s\n", tokenizer.error().message.c_str());
  }
}

}  // namespace
}  // namespace sluice::tokenizer
