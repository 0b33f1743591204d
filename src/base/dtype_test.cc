#include "base/dtype.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace sluice {
namespace {

constexpr int kTypeCount = static_cast<int>(DType::kQ2_0) + 1;

TEST(DType, IdsAndNamesLeadBack) {
  std::set<std::string_view> names;
  for (int i = 0; i < kTypeCount; ++i) {
    const DTypeInfo& info = Info(static_cast<DType>(i));
    EXPECT_EQ(info.type, static_cast<DType>(i));
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(DTypeFromName(info.name), info.type);
    if (info.ggml_id >= 0) {
      EXPECT_EQ(DTypeFromGgmlId(info.ggml_id), info.type);
    }
    if (!info.safetensors_name.empty()) {
      EXPECT_EQ(DTypeFromSafetensors(info.safetensors_name), info.type);
    }
  }
}

TEST(DType, RefusesWhatIsNotAType) {
  for (const uint32_t id : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 0xffffffffu})
    EXPECT_EQ(DTypeFromGgmlId(id), std::nullopt) << id;
  EXPECT_EQ(DTypeFromSafetensors(""), std::nullopt);
  EXPECT_EQ(DTypeFromSafetensors("bf16"), std::nullopt) << "safetensors writes capitals";
  EXPECT_EQ(DTypeFromName(""), std::nullopt);
  EXPECT_EQ(DTypeFromName("q4_k"), DType::kQ4_K);
}

TEST(DType, RowsHoldWholeBlocks) {
  EXPECT_EQ(RowBytes(DType::kF32, 5), 20);
  EXPECT_EQ(RowBytes(DType::kQ4_0, 64), 36);
  EXPECT_EQ(RowBytes(DType::kQ4_0, 65), std::nullopt);
  EXPECT_EQ(RowBytes(DType::kQ4_K, 512), 288);
  EXPECT_EQ(RowBytes(DType::kQ4_K, 32), std::nullopt);
  EXPECT_EQ(RowBytes(DType::kMXFP4, 0), 0);
  EXPECT_EQ(RowBytes(DType::kF32, -4), std::nullopt);
  EXPECT_EQ(RowBytes(DType::kF32, std::numeric_limits<int64_t>::max()), std::nullopt) << "overflows";
}

}  // namespace
}  // namespace sluice
