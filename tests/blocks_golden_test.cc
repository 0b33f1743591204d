// Every block type against the values that the reference implementations give for the same bytes.
#include <gtest/gtest.h>

#include <bit>
#include <cctype>
#include <filesystem>

#include "formats/safetensors.h"
#include "kernels/blocks.h"

namespace sluice {
namespace {

using formats::SafetensorsReader;

const std::string kFolder = std::string(SLUICE_SOURCE_DIR) + "/tests/golden/blocks/";

SafetensorsReader OpenGolden(const std::string& name) {
  auto reader = SafetensorsReader::Open(kFolder + name + ".safetensors");
  EXPECT_TRUE(reader.has_value()) << (reader ? "" : reader.error().message);
  return *reader;
}

bool SameButForZeroSign(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (a == 0.0f && b == 0.0f);
}

void ExpectDecodes(DType dtype, const std::vector<uint8_t>& bytes, const std::vector<float>& expected,
                   int64_t row) {
  const int64_t row_bytes = RowBytes(dtype, row).value();
  const int64_t rows = static_cast<int64_t>(expected.size()) / row;
  ASSERT_EQ(rows * row_bytes, static_cast<int64_t>(bytes.size()));
  std::vector<float> values(static_cast<size_t>(row));
  for (int64_t r = 0; r < rows; ++r) {
    kernels::DecodeRow(dtype, reinterpret_cast<const std::byte*>(bytes.data()) + r * row_bytes, row,
                       values.data());
    for (int64_t j = 0; j < row; ++j) {
      const float want = expected[static_cast<size_t>(r * row + j)], got = values[static_cast<size_t>(j)];
      ASSERT_TRUE(SameButForZeroSign(got, want))
          << Name(dtype) << " row " << r << " element " << j << ": " << got << " instead of " << want;
    }
  }
}

class DecodeGolden : public testing::TestWithParam<const char*> {};

TEST_P(DecodeGolden, GivesTheReferenceBits) {
  const SafetensorsReader golden = OpenGolden(GetParam());
  const DType dtype = DTypeFromName(GetParam()).value();
  ExpectDecodes(dtype, golden.RawBytes("blocks").value(), golden.Floats("values").value(), 256);
  ExpectDecodes(dtype, golden.RawBytes("blocks_1024").value(), golden.Floats("values_1024").value(), 1024);
}

INSTANTIATE_TEST_SUITE_P(Blocks, DecodeGolden,
                         testing::Values("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K",
                                         "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "IQ2_XXS",
                                         "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S", "IQ1_M", "TQ1_0",
                                         "TQ2_0", "MXFP4", "NVFP4", "Q1_0", "Q2_0"),
                         [](const auto& info) { return std::string(info.param); });

class EncodeGolden : public testing::TestWithParam<const char*> {};

TEST_P(EncodeGolden, GivesTheReferenceBytes) {
  std::string file = GetParam();
  for (char& c : file) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const SafetensorsReader golden = OpenGolden(file + "_roundtrip");
  const DType dtype = DTypeFromName(GetParam()).value();
  const std::vector<float> floats = golden.Floats("floats").value();
  const std::vector<uint8_t> expected = golden.RawBytes("blocks_ggml").value();
  std::vector<uint8_t> bytes(expected.size());
  const int64_t row_bytes = RowBytes(dtype, 256).value();
  for (size_t row = 0; row < floats.size() / 256; ++row) {
    uint8_t* out = bytes.data() + static_cast<int64_t>(row) * row_bytes;
    kernels::EncodeRow(dtype, floats.data() + row * 256, 256, reinterpret_cast<std::byte*>(out));
    for (int64_t i = 0; i < row_bytes; ++i)
      ASSERT_EQ(out[i], expected[row * static_cast<size_t>(row_bytes) + static_cast<size_t>(i)])
          << GetParam() << " row " << row << " byte " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, EncodeGolden,
                         testing::Values("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ1_0",
                                         "TQ2_0", "MXFP4"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace sluice
