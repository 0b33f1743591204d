// A packed model gives its original's answers, and its weights are used where they are mapped.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/temporary_directory.h"
#include "convert/pack.h"
#include "engine/verify.h"
#include "formats/checkpoint.h"
#include "kernels/isa.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = SLUICE_SOURCE_DIR "/tests/golden";

std::string ModelPath(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".gguf") return entry.path();
  return folder;
}

std::vector<std::string> Folders() {
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(kGoldens)) {
    if (!fs::exists(entry.path() / "golden.safetensors")) continue;
    if (ModelPath(entry.path()) == entry.path() && !fs::exists(entry.path() / "config.json")) continue;
    folders.push_back(entry.path().filename());
  }
  std::ranges::sort(folders);
  return folders;
}

// Latent keys and values that the original holds joined, in blocks: the split form is F16, as when loading.
constexpr std::string_view kRounded[] = {"deepseek_v3_fp8", "gguf_deepseek2_lite_kvb"};

class PackGolden : public testing::TestWithParam<std::string> {};

bool Within(const std::byte* data, const formats::Checkpoint& checkpoint) {
  const auto bytes = checkpoint.files.front().bytes();
  return data >= bytes.data() && data < bytes.data() + bytes.size();
}

TEST_P(PackGolden, KeepsTheAnswersAndIsUsedInPlace) {
  const TemporaryDirectory directory;
  const std::string packed = directory / "packed.gguf";
  const fs::path golden = kGoldens / GetParam();
  const auto original = formats::OpenCheckpoint(ModelPath(golden));
  ASSERT_TRUE(original) << original.error().message;
  const auto report = convert::PackModel(
      *original, {.output = packed, .recipe = {.name = "keep", .types = {}}, .threads = 1});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->file_bytes, fs::file_size(packed));

  const auto checkpoint = formats::OpenCheckpoint(packed);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  ThreadTeam team(1);
  for (const bool exact : {false, true}) {
    const auto model = model::LoadModel(*checkpoint, team, {.exact = exact, .progress = {}, .names = true});
    ASSERT_TRUE(model) << model.error().message;
    for (const auto& [matrix, name] : (*model)->names)
      if (name.expert >= 0 && !exact) {
        EXPECT_TRUE(Within(matrix->data, *checkpoint)) << name.canonical;
      }
    const auto verified =
        engine::Verify(**model, team, golden / "golden.safetensors", {.isa = *kernels::SelectIsa()});
    ASSERT_TRUE(verified) << verified.error().message;
    const bool rounded = exact && std::ranges::find(kRounded, GetParam()) != std::end(kRounded);
    EXPECT_LE(verified->logits.error, rounded ? 2e-3 : verified->tolerance) << verified->tolerance_basis;
    EXPECT_EQ(verified->router_differences, 0);
    EXPECT_EQ(verified->greedy_equal, verified->greedy_tokens);
    EXPECT_EQ(verified->decode_equal, verified->decode_positions);
  }
}

INSTANTIATE_TEST_SUITE_P(All, PackGolden, testing::ValuesIn(Folders()), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace sluice
