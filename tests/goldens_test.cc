// Every golden model agrees with its reference on every tier that this machine has, as it is stored and
// exactly.
#include <gtest/gtest.h>

#include <filesystem>

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

struct Case {
  std::string folder;
  kernels::Isa isa;
  bool exact;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const auto& entry : fs::directory_iterator(kGoldens)) {
    if (!fs::exists(entry.path() / "golden.safetensors")) continue;
    if (ModelPath(entry.path()) == entry.path() && !fs::exists(entry.path() / "config.json")) continue;
    for (const auto isa : kernels::kAllIsas)
      for (const bool exact : {false, true}) cases.push_back({entry.path().filename(), isa, exact});
  }
  std::ranges::sort(cases, {}, [](const Case& c) { return std::tuple(c.folder, c.isa, c.exact); });
  return cases;
}

class Goldens : public ::testing::TestWithParam<Case> {};

TEST_P(Goldens, Agree) {
  const Case& c = GetParam();
  if (!kernels::Supported(c.isa)) GTEST_SKIP() << "this CPU has no " << kernels::Name(c.isa);
  ThreadTeam team(1);  // the numeric contract has its own test of thread counts
  const auto checkpoint = formats::OpenCheckpoint(ModelPath(kGoldens / c.folder));
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  const auto model = model::LoadModel(*checkpoint, team, {.exact = c.exact, .progress = {}});
  ASSERT_TRUE(model) << model.error().message;
  const auto report =
      engine::Verify(**model, team, kGoldens / c.folder / "golden.safetensors", {.isa = c.isa});
  ASSERT_TRUE(report) << report.error().message;
  RecordProperty("largest_logit_error", std::to_string(report->logits.error));
  EXPECT_LE(report->logits.error, report->tolerance)
      << report->tolerance_basis << "; at position " << report->logits.position << ", token "
      << report->logits.token;
  EXPECT_EQ(report->router_differences, 0) << "first at layer " << report->first_difference_layer
                                           << ", position " << report->first_difference_position;
  EXPECT_EQ(report->greedy_equal, report->greedy_tokens);
  EXPECT_EQ(report->decode_equal, report->decode_positions);
}

INSTANTIATE_TEST_SUITE_P(All, Goldens, ::testing::ValuesIn(Cases()), [](const auto& info) {
  std::string name = info.param.folder + "_" + std::string(kernels::Name(info.param.isa)) +
                     (info.param.exact ? "_exact" : "");
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace sluice
