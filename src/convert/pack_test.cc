#include "convert/pack.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "base/temporary_directory.h"
#include "convert/to_gguf.h"
#include "model/family.h"
#include "model/view_rows.h"

namespace sluice::convert {
namespace {

const std::string kGoldens = SLUICE_SOURCE_DIR "/tests/golden/";
const std::string kModel = SLUICE_SOURCE_DIR "/models/tiny-mixtral.gguf";

formats::Checkpoint Open(const std::string& path) {
  auto checkpoint = formats::OpenCheckpoint(path);
  EXPECT_TRUE(checkpoint) << checkpoint.error().message;
  return std::move(*checkpoint);
}

PackReport Pack(const std::string& model, const std::string& output, const char* recipe,
                const Importance* importance = nullptr) {
  auto report = PackModel(Open(model), {.output = output,
                                        .recipe = ReadRecipe(recipe).value(),
                                        .importance = importance,
                                        .threads = 2,
                                        .progress = {},
                                        .interrupted = {}});
  EXPECT_TRUE(report) << report.error().message;
  return std::move(*report);
}

struct Resolved {
  formats::Checkpoint checkpoint;
  model::WeightMap weights;
};
Resolved Resolve(const std::string& path) {
  Resolved resolved{Open(path), {}};
  const auto described = model::Describe(resolved.checkpoint);
  EXPECT_TRUE(described) << described.error().message;
  auto weights = model::ResolveWeights(resolved.checkpoint, *described);
  EXPECT_TRUE(weights) << weights.error().message;
  resolved.weights = std::move(*weights);
  return resolved;
}

std::vector<float> Row(const Resolved& model, const char* name, int layer, int expert, int64_t r) {
  const model::WeightView* view = model.weights.Find(name, layer, expert);
  EXPECT_NE(view, nullptr) << name;
  std::vector<float> row(static_cast<size_t>(view->cols));
  model::DecodeViewRow(*view, r, row.data());
  return row;
}

TEST(Pack, KeepsEveryWeightToTheBit) {
  const TemporaryDirectory directory;
  const std::string packed = directory / "packed.gguf";
  Pack(kModel, packed, "keep");
  const Resolved a = Resolve(kModel), b = Resolve(packed);
  for (const int64_t r : {0, 17, 255})
    for (const int expert : {0, 7})
      for (const char* name : {"moe.expert.gate", "moe.expert.up", "moe.expert.down"})
        EXPECT_EQ(Row(a, name, 5, expert, r), Row(b, name, 5, expert, r)) << name;
  EXPECT_EQ(Row(a, "embed", -1, -1, 4095), Row(b, "embed", -1, -1, 4095));
  EXPECT_EQ(Row(a, "final_norm", -1, -1, 0), Row(b, "final_norm", -1, -1, 0));
}

TEST(Pack, ExpertsStartOnPages) {
  const TemporaryDirectory directory;
  const std::string packed = directory / "packed.gguf";
  Pack(kModel, packed, "q4-moe");
  const Resolved model = Resolve(packed);
  const std::byte* file = model.checkpoint.files.front().bytes().data();
  for (int expert = 0; expert < 8; ++expert) {
    const model::WeightView* gate = model.weights.Find("moe.expert.gate", 2, expert);
    EXPECT_EQ((gate->data - file) % 4096, 0);
    EXPECT_EQ(gate->dtype, DType::kQ4_K);
    EXPECT_EQ(model.weights.Find("moe.expert.down", 2, expert)->dtype, DType::kQ5_K);
  }
  EXPECT_EQ(model.weights.Find("moe.router", 2)->dtype, DType::kF32);
}

TEST(Pack, TheSameInputsGiveTheSameFile) {
  const TemporaryDirectory directory;
  const std::string one = directory / "one", two = directory / "two";
  Pack(kModel, one, "q3-moe");
  Pack(kModel, two, "q3-moe");
  const auto a = MappedFile::Open(one).value(), b = MappedFile::Open(two).value();
  EXPECT_TRUE(a.text() == b.text());
}

TEST(Pack, InterruptionLeavesNothing) {
  const TemporaryDirectory directory;
  int asked = 0;
  const auto report = PackModel(Open(kModel), {.output = directory / "packed.gguf",
                                               .recipe = ReadRecipe("q8").value(),
                                               .threads = 1,
                                               .progress = {},
                                               .interrupted = [&asked] { return ++asked > 20; }});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->interrupted);
  EXPECT_EQ(directory.FileCount(), 0u);
}

TEST(Pack, APackedFileIsNotPackedAgain) {
  const TemporaryDirectory directory;
  const std::string packed = directory / "packed.gguf";
  Pack(kModel, packed, "keep");
  for (const auto& convert : {PackModel, PackToGguf}) {
    const auto again = convert(Open(packed), {.output = directory / "again"});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::kUsage);
  }
}

// Replaces the first occurrence of `from` in a file by as many bytes.
void Patch(const std::string& path, std::string_view from, std::string_view to) {
  ASSERT_EQ(from.size(), to.size());
  const auto file = MappedFile::Open(path).value();
  const size_t at = file.text().find(from);
  ASSERT_NE(at, std::string_view::npos);
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(static_cast<std::streamoff>(at))
      .write(to.data(), static_cast<std::streamsize>(to.size()));
}

TEST(Pack, AnotherLayoutIsRefusedWithTheRemedy) {
  const TemporaryDirectory directory;
  const std::string packed = directory / "packed.gguf";
  Pack(kModel, packed, "keep");
  constexpr std::string_view kKey = "sluice.packed.layout";
  const std::string u32("\4\0\0\0", 4);  // the type of the value
  const auto layout = [&](uint32_t version) { return std::string(kKey) + u32 + static_cast<char>(version); };
  Patch(packed, layout(formats::kPackedLayout), layout(7));
  const auto opened = formats::OpenCheckpoint(packed);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kBadFile);
  EXPECT_NE(opened.error().message.find("is 7"), std::string::npos) << opened.error().message;
  EXPECT_NE(opened.error().hint.find("sluice pack"), std::string::npos) << opened.error().hint;
}

TEST(Pack, TypesThatDoNotFitAreRefused) {
  const TemporaryDirectory directory;
  const std::string packed = directory / "packed.gguf";
  Pack(kModel, packed, "keep");
  Patch(packed, "Q6_K Q6_K Q6_K", "Q5_K Q6_K Q6_K");
  const formats::Checkpoint checkpoint = Open(packed);
  const auto described = model::Describe(checkpoint);
  ASSERT_TRUE(described);
  const auto weights = model::ResolveWeights(checkpoint, *described);
  ASSERT_FALSE(weights);
  EXPECT_EQ(weights.error().code, ErrorCode::kBadFile);
  EXPECT_NE(weights.error().message.find("bytes"), std::string::npos) << weights.error().message;
  Patch(packed, "Q5_K Q6_K Q6_K", "Q5_X Q6_K Q6_K");
  EXPECT_FALSE(formats::OpenCheckpoint(packed));
}

TEST(Pack, BitsAreCountedByClass) {
  const TemporaryDirectory directory;
  const PackReport report = Pack(kModel, directory / "packed.gguf", "q4-moe");
  for (const PackReport::Share& share : report.shares) {
    const double expected = share.weights == WeightClass::kGateUp  ? 4.5
                            : share.weights == WeightClass::kDown  ? 5.5
                            : share.weights == WeightClass::kExact ? 32
                                                                   : 0;
    if (expected > 0) {
      EXPECT_DOUBLE_EQ(share.bits(), expected);
    }
  }
  EXPECT_EQ(report.total().parameters, 22166784);
}

TEST(PackToGguf, KeepsNamesAndMetadataAndChangesTypes) {
  const TemporaryDirectory directory;
  const std::string output = directory / "q4.gguf";
  const auto report = PackToGguf(Open(kModel), {.output = output, .recipe = ReadRecipe("q4-moe").value()});
  ASSERT_TRUE(report) << report.error().message;
  const formats::Checkpoint before = Open(kModel), after = Open(output);
  EXPECT_TRUE(after.packed.empty());
  EXPECT_EQ(before.tensors.tensors().size(), after.tensors.tensors().size());
  EXPECT_EQ(after.tensors.Find("blk.0.ffn_gate_exps.weight")->dtype, DType::kQ4_K);
  EXPECT_EQ(after.tensors.Find("blk.0.ffn_gate_inp.weight")->dtype, DType::kF32);
  EXPECT_EQ(after.tensors.Find("blk.0.attn_q.weight")->dtype, DType::kQ8_0);
  EXPECT_EQ(after.gguf.String("general.architecture"), before.gguf.String("general.architecture"));
  const Resolved resolved = Resolve(output);
  EXPECT_NE(resolved.weights.Find("moe.expert.up", 5, 7), nullptr);
}

}  // namespace
}  // namespace sluice::convert
