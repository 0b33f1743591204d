#include "formats/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/temporary_directory.h"

namespace sluice::formats {
namespace {

std::string WithHeader(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data_bytes, '\1');
}

MappedFile File(std::string bytes) { return MappedFile::FromOwned(std::move(bytes), "test.safetensors"); }

// The message names the file, the offset and the field.
void ExpectRefused(std::string bytes, std::string_view field, std::string_view what) {
  const auto parsed = ParseSafetensors(File(std::move(bytes)));
  ASSERT_FALSE(parsed) << "accepted, though " << what;
  const Error& error = parsed.error();
  EXPECT_EQ(error.code, ErrorCode::kBadFile);
  EXPECT_TRUE(error.message.starts_with("test.safetensors: offset ")) << error.message;
  EXPECT_NE(error.message.find(field), std::string::npos) << error.message << "\n does not name " << field;
  EXPECT_NE(error.message.find(what), std::string::npos) << error.message << "\n does not say " << what;
  EXPECT_FALSE(error.hint.empty()) << error.message;
}

std::string Entry(std::string_view name, std::string_view dtype, std::string_view shape, uint64_t begin,
                  uint64_t end) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", name, dtype, shape, begin,
                     end);
}

std::string Object(const std::string& entries) { return fmt::format("{{{}}}", entries); }

TEST(Safetensors, ReadsAFile) {
  const std::string header =
      Object(Entry("b", "BF16", "[2,3]", 8, 20) + R"(,"__metadata__":{"format":"pt"},)" +
             Entry("a", "F32", "[2]", 0, 8) + "," + Entry("none", "I8", "[0,4]", 20, 20) + "," +
             Entry("scalar", "U8", "[]", 20, 21)) +
      "   ";
  const MappedFile file = File(WithHeader(header, 21));
  const auto parsed = ParseSafetensors(file, 3);
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->tensors.size(), 4u);
  EXPECT_EQ(parsed->tensors[0].name, "b");
  EXPECT_EQ(parsed->tensors[0].dtype, DType::kBF16);
  EXPECT_EQ(parsed->tensors[0].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(parsed->tensors[0].file, 3u);
  EXPECT_EQ(parsed->tensors[0].offset, 8 + header.size() + 8);
  EXPECT_EQ(parsed->tensors[2].size, 0u);
  EXPECT_EQ(parsed->tensors[3].size, 1u);
  EXPECT_EQ(parsed->metadata, (std::vector<std::pair<std::string, std::string>>{{"format", "pt"}}));
}

TEST(Safetensors, KnowsEveryDtype) {
  for (const auto& [name, bytes] : {std::pair("F64", 8),
                                    {"F32", 4},
                                    {"F16", 2},
                                    {"BF16", 2},
                                    {"F8_E4M3", 1},
                                    {"F8_E5M2", 1},
                                    {"F8_E8M0", 1},
                                    {"I64", 8},
                                    {"I32", 4},
                                    {"I16", 2},
                                    {"I8", 1},
                                    {"U64", 8},
                                    {"U32", 4},
                                    {"U16", 2},
                                    {"U8", 1},
                                    {"BOOL", 1}}) {
    const auto parsed =
        ParseSafetensors(File(WithHeader(Object(Entry("t", name, "[3]", 0, 3 * bytes)), 3 * bytes)));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(Name(parsed->tensors[0].dtype), name);
  }
  ExpectRefused(WithHeader(Object(Entry("t", "Q4_K", "[3]", 0, 3)), 3), "tensor t",
                "dtype \"Q4_K\" is not known");
}

TEST(Safetensors, RefusesEveryTruncation) {
  const std::string whole = WithHeader(Object(Entry("t", "F32", "[2,2]", 0, 16)), 16);
  ASSERT_TRUE(ParseSafetensors(File(whole)));
  for (size_t n = 0; n < whole.size(); ++n) {
    const auto parsed = ParseSafetensors(File(whole.substr(0, n)));
    ASSERT_FALSE(parsed) << n;
    EXPECT_EQ(parsed.error().code, ErrorCode::kBadFile);
  }
}

TEST(Safetensors, RefusesImpossibleHeaderLengths) {
  const auto with_length = [](uint64_t length) {
    return std::string(reinterpret_cast<const char*>(&length), 8) + "{}";
  };
  ExpectRefused("", "header length", "0 bytes");
  ExpectRefused(with_length(3), "header length", "the file has 2 bytes more");
  ExpectRefused(with_length(100'000'000), "header length", "the file has 2 bytes more");
  ExpectRefused(with_length(100'000'001), "header length", "at most 100000000");
  ExpectRefused(with_length(UINT64_MAX), "header length", "at most 100000000");
}

TEST(Safetensors, OpensAHundredThousandEntries) {
  std::string header = "{";
  constexpr int kCount = 100000;
  for (int i = 0; i < kCount; ++i)
    header += Entry(fmt::format("t{}", i), "U8", "[1]", i, i + 1) + (i + 1 < kCount ? "," : "}");
  const auto parsed = ParseSafetensors(File(WithHeader(header, kCount)));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->tensors.size(), static_cast<size_t>(kCount));
}

TEST(Safetensors, RefusesDeepNesting) {
  for (const std::string& open : {std::string("["), std::string("{\"a\":")}) {
    std::string deep;
    for (int i = 0; i < 10000; ++i) deep += open;
    ExpectRefused(WithHeader(deep, 0), "", open == "[" ? "an array is not expected" : "\"a\" is not known");
    ExpectRefused(WithHeader("{\"t\":{\"dtype\":\"U8\",\"shape\":" + deep, 0), "tensor t",
                  "is not expected here");
    ExpectRefused(WithHeader("{\"__metadata__\":{\"m\":" + deep, 0), "__metadata__", "is not expected here");
  }
}

TEST(Safetensors, RefusesWhatIsNotAHeader) {
  for (const char* header :
       {"", "null", "1", "\"x\"", "[]", "{", "{}}", "{\"t\":1}", "{\"t\":null}", "{\"t\":true}", "{\"t\":[]}",
        "{\"t\":1.5}", "{\"__metadata__\":[]}", "{\"__metadata__\":{\"a\":1}}", "{\"t\":{}}", "\xff\xfe"})
    ExpectRefused(WithHeader(header, 0), "", "");
  ExpectRefused(WithHeader(R"({"t":{"dtype":"U8","shape":[]}})", 0), "tensor t", "is missing");
  ExpectRefused(WithHeader(R"({"t":{"dtype":"U8","shape":[],"data_offsets":[0]}})", 0), "tensor t",
                "fewer than two");
  ExpectRefused(WithHeader(R"({"t":{"dtype":"U8","shape":[],"data_offsets":[0,0,0]}})", 0), "tensor t",
                "more than two");
  ExpectRefused(WithHeader(R"({"t":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}})", 0), "tensor t",
                "-1 is not expected");
  ExpectRefused(WithHeader(R"({"t":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1), "tensor t",
                "1.0 is not expected");
  ExpectRefused(WithHeader(R"({"t":{"dtype":"U8","shape":[1e99],"data_offsets":[0,1]}})", 1), "tensor t",
                "1e99 is not expected");
  ExpectRefused(WithHeader(R"({"t":{"dtype":"U8","shape":[],"data_offsets":[0,1],"more":1}})", 1), "tensor t",
                "\"more\" is not known");
}

TEST(Safetensors, RefusesDuplicates) {
  ExpectRefused(WithHeader(Object(Entry("t", "U8", "[1]", 0, 1) + "," + Entry("t", "U8", "[1]", 1, 2)), 2),
                "tensor t", "twice");
  ExpectRefused(WithHeader(R"({"t":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}})", 1),
                "tensor t", "dtype appears twice");
  ExpectRefused(WithHeader(R"({"__metadata__":{},"__metadata__":{}})", 0), "__metadata__", "twice");
  ExpectRefused(WithHeader(R"({"__metadata__":{"a":"","a":""}})", 0), "__metadata__", "twice");
}

TEST(Safetensors, RefusesBadOffsets) {
  ExpectRefused(WithHeader(Object(Entry("t", "U8", "[1]", 1, 0)), 2), "tensor t", "1 to 0 are reversed");
  ExpectRefused(WithHeader(Object(Entry("t", "U8", "[4]", 0, 4)), 3), "tensor t", "end at 4, the data has 3");
  ExpectRefused(WithHeader(Object(Entry("t", "U8", "[4]", UINT64_MAX - 4, UINT64_MAX)), 3), "tensor t",
                "the data has 3");
  const auto two = [](uint64_t begin, uint64_t end, size_t data) {
    return WithHeader(Object(Entry("a", "U8", "[4]", 0, 4) + "," +
                             Entry("b", "U8", fmt::format("[{}]", end - begin), begin, end)),
                      data);
  };
  ExpectRefused(two(2, 6, 6), "tensor b", "they overlap");
  ExpectRefused(two(0, 4, 4), "tensor", "they overlap");
  ExpectRefused(two(6, 8, 8), "tensor b", "there is a hole");
  ExpectRefused(two(4, 8, 11), "data", "3 bytes follow the last tensor");
  ExpectRefused(WithHeader("{}", 1), "data", "1 bytes follow");
}

TEST(Safetensors, RefusesShapesThatContradictTheOffsets) {
  ExpectRefused(WithHeader(Object(Entry("t", "F32", "[3]", 0, 8)), 8), "tensor t",
                "make 12 bytes, data_offsets 0 to 8 hold 8");
  ExpectRefused(WithHeader(Object(Entry("t", "U8", "[9223372036854775807,3]", 0, 8)), 8), "tensor t", "2^63");
  ExpectRefused(WithHeader(Object(Entry("t", "U8", "[18446744073709551615]", 0, 8)), 8), "tensor t", "2^63");
  ExpectRefused(WithHeader(Object(Entry("t", "U8", "[4294967296,4294967296,0]", 0, 0)), 0), "tensor t",
                "2^63");
}

TEST(Safetensors, ReaderNamesWhatIsAbsent) {
  const TemporaryDirectory directory;
  const auto reader = SafetensorsReader::Open(
      directory.Write("x.safetensors", WithHeader(Object(Entry("t", "U8", "[2]", 0, 2)), 2)));
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(*reader->RawBytes("t"), (std::vector<uint8_t>{1, 1}));
  EXPECT_EQ(reader->Floats("t").error().code, ErrorCode::kBadFile);
  EXPECT_NE(reader->Floats("u").error().message.find("there is no tensor u"), std::string::npos);
  EXPECT_EQ(SafetensorsReader::Open(directory / "absent").error().code, ErrorCode::kMissing);
}

}  // namespace
}  // namespace sluice::formats
