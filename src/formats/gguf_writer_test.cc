#include "formats/gguf_writer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <array>
#include <filesystem>

#include "base/temporary_directory.h"
#include "formats/checkpoint.h"

namespace sluice::formats {
namespace {

namespace fs = std::filesystem;

class GgufWriterTest : public testing::Test {
 protected:
  std::string Path() const { return directory_ / "out.gguf"; }

  TemporaryDirectory directory_;
};

std::vector<std::byte> Counting(size_t n) {
  std::vector<std::byte> bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
  return bytes;
}

#define ASSERT_OK(expression)                \
  do {                                       \
    const auto ok_ = (expression);           \
    ASSERT_TRUE(ok_) << ok_.error().message; \
  } while (0)

void AddEveryType(GgufWriter& writer) {
  ASSERT_OK(writer.Add("u8", uint8_t{200}));
  ASSERT_OK(writer.Add("i8", int8_t{-100}));
  ASSERT_OK(writer.Add("u16", uint16_t{60000}));
  ASSERT_OK(writer.Add("i16", int16_t{-30000}));
  ASSERT_OK(writer.Add("u32", uint32_t{4000000000}));
  ASSERT_OK(writer.Add("i32", int32_t{-2000000000}));
  ASSERT_OK(writer.Add("u64", uint64_t{1} << 63));
  ASSERT_OK(writer.Add("i64", -(int64_t{1} << 62)));
  ASSERT_OK(writer.Add("f32", 0.1f));
  ASSERT_OK(writer.Add("f64", 0.1));
  ASSERT_OK(writer.Add("bool", true));
  ASSERT_OK(writer.Add("string", "text with \0 in it"));
  const std::array<int32_t, 3> ints = {-1, 0, 7};
  const std::array<bool, 3> bools = {true, false, true};
  const std::array<float, 2> floats = {0.5f, -2.0f};
  const std::array<std::string_view, 3> texts = {"one", "", "three"};
  ASSERT_OK(writer.AddArray("ints", std::span<const int32_t>(ints)));
  ASSERT_OK(writer.AddArray("bools", std::span<const bool>(bools)));
  ASSERT_OK(writer.AddArray("floats", std::span<const float>(floats)));
  ASSERT_OK(writer.AddArray("texts", std::span<const std::string_view>(texts)));
  ASSERT_OK(writer.AddArray("empty", std::span<const uint64_t>()));
}

void ExpectEveryType(const GgufMetadata& metadata) {
  EXPECT_EQ(metadata.Int("u8"), 200);
  EXPECT_EQ(metadata.Int("i8"), -100);
  EXPECT_EQ(metadata.Int("u16"), 60000);
  EXPECT_EQ(metadata.Int("i16"), -30000);
  EXPECT_EQ(metadata.Int("u32"), 4000000000);
  EXPECT_EQ(metadata.Int("i32"), -2000000000);
  EXPECT_EQ(metadata.Int("u64"), std::nullopt) << "2^63 does not fit";
  EXPECT_EQ(std::get<uint64_t>(*metadata.Find("u64")), uint64_t{1} << 63);
  EXPECT_EQ(metadata.Int("i64"), -(int64_t{1} << 62));
  EXPECT_EQ(metadata.Float("f32"), double{0.1f});
  EXPECT_EQ(metadata.Float("f64"), 0.1);
  EXPECT_EQ(metadata.Float("i8"), -100.0);
  EXPECT_EQ(metadata.Bool("bool"), true);
  EXPECT_EQ(metadata.Bool("u8"), std::nullopt);
  EXPECT_EQ(metadata.String("string"), "text with ");
  EXPECT_EQ(metadata.Ints("ints"), (std::vector<int64_t>{-1, 0, 7}));
  EXPECT_EQ(metadata.Floats("floats"), (std::vector<double>{0.5, -2.0}));
  EXPECT_EQ(*metadata.Strings("texts"), (std::vector<std::string_view>{"one", "", "three"}));
  EXPECT_EQ(metadata.Ints("empty"), std::vector<int64_t>{});
  EXPECT_EQ(std::get<std::vector<bool>>(std::get<GgufArray>(*metadata.Find("bools"))),
            (std::vector<bool>{true, false, true}));
}

TEST_F(GgufWriterTest, ReadsBackWhatWasWritten) {
  for (const uint32_t alignment : {8u, 32u, 4096u}) {
    SCOPED_TRACE(alignment);
    fs::remove(Path());
    GgufWriter writer(alignment);
    AddEveryType(writer);
    const auto a = Counting(3 * 5 * 4), b = Counting(2 * 144), c = Counting(8);
    const std::array<int64_t, 2> shape_a = {3, 5}, shape_b = {2, 256};
    const std::array<int64_t, 4> shape_c = {1, 2, 1, 2};
    ASSERT_OK(writer.AddTensor("a", DType::kF32, shape_a));
    ASSERT_OK(writer.AddTensor("b", DType::kQ4_K, shape_b));
    ASSERT_OK(writer.AddTensor("c", DType::kF16, shape_c));
    ASSERT_OK(writer.Open(Path()));
    ASSERT_OK(writer.Write("a", std::span(a).first(7)));
    ASSERT_OK(writer.Write("a", std::span(a).subspan(7)));
    ASSERT_OK(writer.Write("b", b));
    ASSERT_OK(writer.Write("c", c));
    EXPECT_FALSE(fs::exists(Path())) << "seen before it is whole";
    ASSERT_OK(writer.Finish());
    EXPECT_EQ(fs::file_size(Path()), writer.FileSize());
    EXPECT_EQ(directory_.FileCount(), 1u);

    const auto checkpoint = OpenCheckpoint(Path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    ExpectEveryType(checkpoint->gguf);
    ASSERT_EQ(checkpoint->tensors.tensors().size(), 3u);
    const Tensor& c_read = *checkpoint->tensors.Find("c");
    EXPECT_EQ(c_read.shape, std::vector<int64_t>(shape_c.begin(), shape_c.end()));
    EXPECT_EQ(c_read.offset % alignment, 0u);
    EXPECT_TRUE(std::ranges::equal(checkpoint->Bytes(c_read), c));
    EXPECT_TRUE(std::ranges::equal(checkpoint->Bytes(*checkpoint->tensors.Find("a")), a));
    EXPECT_EQ(checkpoint->tensors.Find("b")->dtype, DType::kQ4_K);
  }
}

TEST_F(GgufWriterTest, CopyOfAPublishedLayoutIsIdentical) {
  for (const char* name :
       {"gguf_mixtral_q4km", "gguf_deepseek3_q", "gguf_qwen3moe_bf16", "gguf_olmoe_iq4xs"}) {
    SCOPED_TRACE(name);
    const auto source = OpenCheckpoint((fs::path(SLUICE_SOURCE_DIR) / "tests/golden" / name).string());
    ASSERT_TRUE(source) << source.error().message;
    GgufWriter writer;
    for (const auto& entry : source->gguf.entries()) ASSERT_OK(writer.AddCopy(entry));
    for (const Tensor& t : source->tensors.tensors()) ASSERT_OK(writer.AddTensor(t.name, t.dtype, t.shape));
    ASSERT_OK(writer.Open(Path()));
    for (const Tensor& t : source->tensors.tensors()) ASSERT_OK(writer.Write(t.name, source->Bytes(t)));
    ASSERT_OK(writer.Finish());
    const auto copy = MappedFile::Open(Path());
    ASSERT_TRUE(copy);
    EXPECT_TRUE(copy->text() == source->files[0].text());
  }
}

TEST_F(GgufWriterTest, RefusesWhatGgufCannotHold) {
  GgufWriter writer;
  const std::array<int64_t, 1> hundred = {100}, zero = {0};
  const std::array<int64_t, 5> five = {1, 1, 1, 1, 32};
  const std::array<int64_t, 3> huge = {int64_t{1} << 31, int64_t{1} << 31, 32};
  EXPECT_EQ(writer.AddTensor("t", DType::kQ4_0, hundred).error().code, ErrorCode::kUsage);
  EXPECT_EQ(writer.AddTensor("t", DType::kF32, zero).error().code, ErrorCode::kUsage);
  EXPECT_EQ(writer.AddTensor("t", DType::kF32, five).error().code, ErrorCode::kUsage);
  EXPECT_EQ(writer.AddTensor("t", DType::kF32, {}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(writer.AddTensor("t", DType::kF32, huge).error().code, ErrorCode::kUsage);
  EXPECT_EQ(writer.AddTensor("t", DType::kF8E4M3, hundred).error().code, ErrorCode::kUsage);
  EXPECT_EQ(writer.AddTensor("", DType::kF32, hundred).error().code, ErrorCode::kUsage);
  ASSERT_OK(writer.AddTensor("t", DType::kF32, hundred));
  EXPECT_EQ(writer.AddTensor("t", DType::kF32, hundred).error().code, ErrorCode::kUsage);
  ASSERT_OK(writer.Add("k", true));
  EXPECT_EQ(writer.Add("k", 1.0f).error().code, ErrorCode::kUsage);
  EXPECT_EQ(writer.Add("", 1.0f).error().code, ErrorCode::kUsage);
  EXPECT_EQ(writer.Add("general.alignment", uint32_t{64}).error().code, ErrorCode::kInternal);
  EXPECT_EQ(GgufWriter(24).Open(Path()).error().code, ErrorCode::kUsage);
  EXPECT_EQ(GgufWriter(0).AddTensor("t", DType::kF32, hundred).error().code, ErrorCode::kUsage);
}

TEST_F(GgufWriterTest, NothingIsLeftOfAnUnfinishedFile) {
  const std::array<int64_t, 1> shape = {4};
  {
    GgufWriter writer;
    ASSERT_OK(writer.AddTensor("a", DType::kF32, shape));
    ASSERT_OK(writer.AddTensor("b", DType::kF32, shape));
    ASSERT_OK(writer.Open(Path()));
    EXPECT_EQ(writer.Write("b", Counting(16)).error().code, ErrorCode::kInternal) << "out of order";
    EXPECT_EQ(writer.Write("a", Counting(17)).error().code, ErrorCode::kInternal) << "too long";
    ASSERT_OK(writer.Write("a", Counting(16)));
    const auto finished = writer.Finish();
    ASSERT_FALSE(finished);
    EXPECT_NE(finished.error().message.find("b has 0 of 16 bytes"), std::string::npos)
        << finished.error().message;
    EXPECT_FALSE(fs::exists(Path()));
  }
  EXPECT_EQ(directory_.FileCount(), 0u);
}

TEST_F(GgufWriterTest, FullDiskIsToldWithNumbersAndLeavesNothing) {
  // A file size limit stands in for the full disk: the system answers EFBIG where it would answer ENOSPC.
  const auto previous = ::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{4096, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  GgufWriter writer;
  const std::array<int64_t, 1> shape = {100000};
  const auto declared = writer.AddTensor("a", DType::kF32, shape);
  Status status = writer.Open(Path());
  if (status) status = writer.Write("a", Counting(400000));
  if (status) status = writer.Finish();
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, previous);
  ASSERT_TRUE(declared);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kIo);
  EXPECT_NE(status.error().message.find("bytes are needed"), std::string::npos) << status.error().message;
  EXPECT_NE(status.error().message.find(" are free"), std::string::npos) << status.error().message;
  EXPECT_EQ(directory_.FileCount(), 0u);
}

TEST_F(GgufWriterTest, KeepsTheOldFileUntilTheNewOneIsWhole) {
  const std::array<int64_t, 1> shape = {4};
  const auto write = [&](const char* name) -> Status {
    GgufWriter writer;
    SLUICE_CHECK_OK(writer.AddTensor(name, DType::kF32, shape));
    SLUICE_CHECK_OK(writer.Open(Path()));
    SLUICE_CHECK_OK(writer.Write(name, Counting(16)));
    return writer.Finish();
  };
  ASSERT_OK(write("old"));
  const auto mapped = OpenCheckpoint(Path());
  ASSERT_TRUE(mapped);
  ASSERT_OK(write("new"));
  EXPECT_NE(mapped->tensors.Find("old"), nullptr);
  EXPECT_TRUE(std::ranges::equal(mapped->Bytes(*mapped->tensors.Find("old")), Counting(16)));
  EXPECT_NE(OpenCheckpoint(Path())->tensors.Find("new"), nullptr);
}

TEST_F(GgufWriterTest, NamesADirectoryThatIsNotThere) {
  GgufWriter writer;
  const Status status = writer.Open(directory_ / "absent/out.gguf");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kCantCreate);
  EXPECT_EQ(GgufWriter().Open(directory_.path().string()).error().code, ErrorCode::kCantCreate);
}

}  // namespace
}  // namespace sluice::formats
