#include "formats/gguf.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "formats/checkpoint.h"
#include "formats/gguf_bytes.h"

namespace sluice::formats {
namespace {

using Description = GgufBytes::Description;

// A file error names the file, the offset and the field.
void ExpectRefused(const MappedFile& file, std::string_view field, std::string_view what) {
  const auto parsed = ParseGguf(file);
  ASSERT_FALSE(parsed) << "accepted, though " << what;
  const Error& error = parsed.error();
  EXPECT_EQ(error.code, ErrorCode::kBadFile);
  EXPECT_TRUE(error.message.starts_with("test.gguf: offset ")) << error.message;
  EXPECT_NE(error.message.find(field), std::string::npos) << error.message << "\n does not name " << field;
  EXPECT_NE(error.message.find(what), std::string::npos) << error.message << "\n does not say " << what;
  EXPECT_FALSE(error.hint.empty()) << error.message;
}

void ExpectRefused(const GgufBytes& bytes, std::string_view field, std::string_view what) {
  ExpectRefused(bytes.File(), field, what);
}

MappedFile FromText(std::string text) { return MappedFile::FromOwned(std::move(text), "test.gguf"); }

GgufBytes OneTensor(const Description& t, size_t data = 128) { return GgufBytes().Tensor(t).Data(data); }

TEST(Gguf, ReadsASmallFile) {
  const GgufBytes bytes = GgufBytes()
                              .String("general.architecture", "llama")
                              .U32("llama.block_count", 2)
                              .Tensor({.name = "a", .ne = {32, 2}})
                              .Tensor({.name = "b", .ne = {32}, .type = 8, .offset = 256})
                              .Data(256 + 34);
  for (const uint32_t version : {2u, 3u}) {
    GgufBytes copy = bytes;
    copy.version = version;
    const MappedFile file = copy.File();
    const auto parsed = ParseGguf(file, 7);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->version, static_cast<int>(version));
    EXPECT_EQ(parsed->metadata.String("general.architecture"), "llama");
    EXPECT_EQ(parsed->metadata.Int("llama.block_count"), 2);
    ASSERT_EQ(parsed->tensors.size(), 2u);
    EXPECT_EQ(parsed->tensors[0].shape, (std::vector<int64_t>{2, 32}));
    EXPECT_EQ(parsed->tensors[0].file, 7u);
    EXPECT_EQ(parsed->tensors[1].dtype, DType::kQ8_0);
    EXPECT_EQ(parsed->tensors[1].size, 34u);
    EXPECT_EQ(parsed->tensors[1].offset + 34, file.bytes().size());
  }
}

TEST(Gguf, ReadsVocabularyWithoutTensors) {
  const auto parsed = ParseGguf(GgufBytes().String("general.architecture", "llama").File());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(parsed->tensors.empty());
}

TEST(Gguf, ReadsEveryTensorType) {
  for (uint32_t id = 0; id < 64; ++id) {
    const auto type = DTypeFromGgmlId(id);
    const auto parsed = ParseGguf(OneTensor({.ne = {256, 3}, .type = id}, 3 * 256 * 8).File());
    ASSERT_EQ(parsed.has_value(), type.has_value()) << id;
    if (!parsed) continue;
    EXPECT_EQ(parsed->tensors[0].dtype, *type);
    EXPECT_EQ(static_cast<int64_t>(parsed->tensors[0].size), 3 * *RowBytes(*type, 256));
  }
}

TEST(Gguf, RefusesTooShort) {
  const std::string whole = GgufBytes().Build();
  ASSERT_EQ(whole.size(), 24u);
  for (size_t n = 0; n < whole.size(); ++n)
    ExpectRefused(FromText(whole.substr(0, n)), "header", "a header has 24");
}

TEST(Gguf, RefusesEveryTruncation) {
  const GgufBytes bytes =
      GgufBytes()
          .String("general.architecture", "llama")
          .Array("texts", GgufType::kString, 2, GgufBytes::Text("one") + GgufBytes::Text("two"))
          .Entry("flag", GgufType::kBool, std::string(1, '\1'))
          .Tensor({.name = "a", .ne = {32, 2}})
          .Data(256);
  const std::string whole = bytes.Build();
  ASSERT_TRUE(ParseGguf(FromText(whole)));
  for (size_t n = 0; n < whole.size(); ++n) {
    const auto parsed = ParseGguf(FromText(whole.substr(0, n)));
    ASSERT_FALSE(parsed) << n;
    EXPECT_EQ(parsed.error().code, ErrorCode::kBadFile);
  }
}

TEST(Gguf, RefusesBadMagic) {
  GgufBytes bytes;
  bytes.magic = "GGUX";
  ExpectRefused(bytes, "magic", "GGUX");
  bytes.magic = std::string("\0\1\2\xff", 4);
  ExpectRefused(bytes, "magic", "\\x00\\x01\\x02\\xff");
  bytes.magic = "FUGG";
  ExpectRefused(bytes, "magic", "byte-swapped");
  bytes.magic = "tjgg";
  ExpectRefused(bytes, "magic", "GGML");
}

TEST(Gguf, RefusesUnknownVersions) {
  for (const uint32_t version : {0u, 1u, 4u, 0x80000000u, 0x03000000u, 0x02000000u, 0xffffffffu}) {
    GgufBytes bytes;
    bytes.version = version;
    const bool swapped = version != 0 && (version & 0xffff) == 0;
    ExpectRefused(bytes, "version", swapped ? "big-endian" : "is not known");
  }
}

TEST(Gguf, RefusesPickleAndZip) {
  ExpectRefused(FromText("PK\x03\x04" + std::string(100, 'x')), "magic", "zip archive");
  ExpectRefused(FromText("\x80\x02}q" + std::string(100, 'x')), "magic", "pickle");
}

TEST(Gguf, RefusesImpossibleCounts) {
  for (const int64_t count : {INT64_MAX, int64_t{1} << 62, int64_t{1} << 32, int64_t{3}}) {
    GgufBytes bytes;
    bytes.tensor_count = count;
    ExpectRefused(bytes, "tensor count", std::to_string(count));
    bytes.tensor_count = 0;
    bytes.entry_count = count;
    ExpectRefused(bytes, "metadata count", std::to_string(count));
  }
  std::string text = GgufBytes().Build();
  text[15] = '\x80';  // 2^63
  ExpectRefused(FromText(text), "tensor count", "9223372036854775808");
  text[15] = 0;
  text[23] = '\x80';
  ExpectRefused(FromText(text), "metadata count", "9223372036854775808");
}

TEST(Gguf, RefusesStringsLongerThanTheFile) {
  for (const uint64_t length : {uint64_t{100}, uint64_t{1} << 63, UINT64_MAX}) {
    ExpectRefused(GgufBytes().Entry("key", GgufType::kString, GgufBytes::Raw(length) + "short"),
                  "metadata key", "past the end");
    ExpectRefused(GgufBytes().Array("key", GgufType::kString, 1, GgufBytes::Raw(length) + "short"),
                  "metadata key[0]", "past the end");
    std::string text = GgufBytes().U32("key", 1).Build();
    text.replace(24, 8, GgufBytes::Raw(length));
    ExpectRefused(FromText(text), "key of metadata 0", "past the end");
  }
}

TEST(Gguf, RefusesBadValueTypes) {
  ExpectRefused(GgufBytes().Array("key", GgufType::kArray, 1, std::string(64, '\0')), "metadata key",
                "array of arrays");
  ExpectRefused(GgufBytes().Entry("key", static_cast<GgufType>(13), std::string(8, '\0')), "metadata key",
                "value type 13");
  ExpectRefused(GgufBytes().Entry("key", static_cast<GgufType>(UINT32_MAX), std::string(8, '\0')),
                "metadata key", "value type");
  ExpectRefused(GgufBytes().Array("key", static_cast<GgufType>(99), 1, std::string(64, '\0')), "metadata key",
                "element type 99");
  ExpectRefused(GgufBytes().Entry("key", GgufType::kBool, "\2"), "metadata key", "a bool of 2");
  ExpectRefused(GgufBytes().Array("key", GgufType::kBool, 2, "\1\3"), "metadata key[1]", "a bool of 3");
}

TEST(Gguf, RefusesArraysLongerThanTheFile) {
  for (const uint32_t type : {0u, 2u, 4u, 6u, 7u, 8u, 10u, 12u})
    for (const uint64_t count :
         {uint64_t{100}, uint64_t{1} << 60, uint64_t{1} << 61, uint64_t{1} << 62, UINT64_MAX})
      ExpectRefused(GgufBytes().Array("key", static_cast<GgufType>(type), count, std::string(64, '\0')),
                    "metadata key", std::to_string(count));
}

TEST(Gguf, RefusesDuplicates) {
  ExpectRefused(GgufBytes().U32("key", 1).String("other", "x").U32("key", 1), "metadata key",
                "appears twice");
  ExpectRefused(GgufBytes().Tensor({.name = "a"}).Tensor({.name = "a", .offset = 128}).Data(256), "tensor a",
                "appears twice");
}

TEST(Gguf, RefusesEmptyNames) {
  ExpectRefused(GgufBytes().U32("", 1), "key of metadata 0", "0 bytes");
  ExpectRefused(GgufBytes().U32(std::string(70000, 'k'), 1), "key of metadata 0", "70000 bytes");
  ExpectRefused(OneTensor({.name = ""}), "name of tensor 0", "empty");
}

TEST(Gguf, RefusesBadAlignment) {
  for (const uint32_t alignment : {0u, 1u, 3u, 4u, 24u, 1u << 31})
    ExpectRefused(GgufBytes().U32("general.alignment", alignment), "general.alignment",
                  fmt::format("{} is not a power", alignment));
  ExpectRefused(GgufBytes().String("general.alignment", "32"), "general.alignment",
                "not an unsigned integer");
  ExpectRefused(GgufBytes().Entry("general.alignment", GgufType::kI32, GgufBytes::Raw(int32_t{-32})),
                "general.alignment", "not an unsigned");
}

TEST(Gguf, FollowsTheAlignment) {
  GgufBytes bytes = GgufBytes()
                        .U32("general.alignment", 512)
                        .Tensor({.name = "a"})
                        .Tensor({.name = "b", .offset = 512})
                        .Data(640);
  bytes.alignment = 512;
  const auto parsed = ParseGguf(bytes.File());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->tensors[0].offset, 512u);
  EXPECT_EQ(parsed->tensors[1].offset, 1024u);
}

TEST(Gguf, RefusesBadShapes) {
  ExpectRefused(OneTensor({.ne = {0, 32}}), "tensor t", "dimension 0 is 0");
  ExpectRefused(OneTensor({.ne = {32, -1}}), "tensor t", "dimension 1 is -1");
  ExpectRefused(OneTensor({.ne = {INT64_MIN}}), "tensor t", "dimension 0 is -9223372036854775808");
  ExpectRefused(OneTensor({.ne = {int64_t{1} << 32, int64_t{1} << 32}}), "tensor t", "2^63 elements");
  ExpectRefused(OneTensor({.ne = {INT64_MAX}}), "tensor t", "rows of 9223372036854775807");
  ExpectRefused(OneTensor({.ne = {int64_t{1} << 60, 4}}), "tensor t", "2^63 bytes");
  ExpectRefused(OneTensor({.n_dims = 0}), "tensor t", "0 dimensions");
  ExpectRefused(OneTensor({.n_dims = 9}), "tensor t", "9 dimensions");
  ExpectRefused(OneTensor({.n_dims = UINT32_MAX - 1}), "tensor t", "dimensions");
}

TEST(Gguf, RefusesDataPastTheEnd) {
  ExpectRefused(OneTensor({}, 127), "tensor t", "past the end of the file");
  ExpectRefused(OneTensor({.offset = 32}), "tensor t", "past the end of the file");
  ExpectRefused(OneTensor({.offset = UINT64_MAX - 31}), "tensor t", "past the end of the file");
  ExpectRefused(OneTensor({}, 0), "tensor t", "past the end of the file");
}

TEST(Gguf, RefusesOverlapGapAndUnaligned) {
  const auto two = [](uint64_t second) {
    return GgufBytes().Tensor({.name = "a"}).Tensor({.name = "b", .offset = second}).Data(512);
  };
  ExpectRefused(two(0), "tensor b", "where tensor a ends only at 128");
  ExpectRefused(two(96), "tensor b", "where tensor a ends only at 128");
  ExpectRefused(two(160), "tensor b", "leaving a gap after tensor a, which ends at 128");
  ExpectRefused(two(130), "tensor b", "no multiple of the alignment 32");
  ExpectRefused(OneTensor({.offset = 32}, 256), "tensor t", "leaving a gap after the start of the data");
}

TEST(Gguf, AcceptsTensorsInAnyOrder) {
  const auto parsed =
      ParseGguf(GgufBytes().Tensor({.name = "a", .offset = 128}).Tensor({.name = "b"}).Data(256).File());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->tensors[0].offset, parsed->tensors[1].offset + 128);
}

TEST(Gguf, RefusesBadTensorTypes) {
  for (const uint32_t type : {4u, 5u, 31u, 36u, 43u, 1000u})
    ExpectRefused(OneTensor({.type = type}), "tensor t", fmt::format("tensor type {}", type));
  ExpectRefused(OneTensor({.type = UINT32_MAX}), "tensor t", "tensor type -1 is not known");
  ExpectRefused(OneTensor({.ne = {33}, .type = 2}), "tensor t",
                "rows of 33 elements do not divide into Q4_0 blocks of 32");
  ExpectRefused(OneTensor({.ne = {128, 2}, .type = 12}), "tensor t", "Q4_K blocks of 256");
}

TEST(Gguf, PrintsHostileNamesHarmlessly) {
  const std::string name = "\x1b[31m\n" + std::string(1000, 'n');
  const auto parsed = ParseGguf(OneTensor({.name = name, .type = 99}).File());
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message.find('\x1b'), std::string::npos);
  EXPECT_NE(parsed.error().message.find("\\x1b[31m\\x0a"), std::string::npos) << parsed.error().message;
  EXPECT_LT(parsed.error().message.size(), 400u);
}

// Numbers that only a model's family can judge pass through, whatever they are: no count of them is believed.
TEST(Gguf, LeavesModelNumbersToTheModel) {
  const auto parsed = ParseGguf(GgufBytes()
                                    .U32("llama.block_count", 1000000)
                                    .U32("llama.attention.head_count", 0)
                                    .U32("llama.expert_count", 0)
                                    .U32("llama.expert_used_count", UINT32_MAX)
                                    .Entry("llama.expert_weights_scale", GgufType::kF32, GgufBytes::Raw(NAN))
                                    .File());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->metadata.Int("llama.block_count"), 1000000);
  EXPECT_EQ(parsed->metadata.Int("llama.expert_used_count"), int64_t{UINT32_MAX});
  EXPECT_TRUE(std::isnan(*parsed->metadata.Float("llama.expert_weights_scale")));
}

TEST(Gguf, ManyKeysAndTensorsTakeLinearTime) {
  GgufBytes bytes;
  constexpr int kCount = 100000;
  for (int i = 0; i < kCount; ++i) {
    bytes.Entry(fmt::format("k{}", i), GgufType::kU8, "x");
    bytes.Tensor({.name = fmt::format("t{}", i), .ne = {8}, .offset = static_cast<uint64_t>(i) * 32});
  }
  bytes.Data(kCount * 32);
  const auto checkpoint = OpenGgufCheckpoint(bytes.File());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->gguf.Int("k99999"), 'x');
  EXPECT_EQ(checkpoint->tensors.tensors().size(), static_cast<size_t>(kCount));
}

}  // namespace
}  // namespace sluice::formats
