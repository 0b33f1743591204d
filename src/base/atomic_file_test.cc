#include "base/atomic_file.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/temporary_directory.h"

namespace sluice {
namespace {

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

class AtomicFileNaming : public testing::TestWithParam<AtomicFile::Naming> {};

TEST_P(AtomicFileNaming, AppearsOnlyWhenCommitted) {
  const TemporaryDirectory directory;
  auto file = AtomicFile::Create(directory / "out", 1000, GetParam());
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->Write(Bytes("one ")));
  ASSERT_TRUE(file->Write(Bytes("two")));
  EXPECT_FALSE(std::filesystem::exists(directory / "out"));
  ASSERT_TRUE(file->Commit());
  EXPECT_EQ(MappedFile::Open(directory / "out")->text(), "one two");
  EXPECT_EQ(directory.FileCount(), 1u);
  EXPECT_EQ(file->Write(Bytes("late")).has_value() && file->Commit().has_value(), false);
}

TEST_P(AtomicFileNaming, ReplacesAFileAtTheEnd) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("out", "old");
  auto file = AtomicFile::Create(path, 0, GetParam());
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->Write(Bytes("new")));
  EXPECT_EQ(MappedFile::Open(path)->text(), "old");
  ASSERT_TRUE(file->Commit());
  EXPECT_EQ(MappedFile::Open(path)->text(), "new");
  EXPECT_EQ(directory.FileCount(), 1u);
}

TEST_P(AtomicFileNaming, HasTheRightsThatTheUserGivesNewFiles) {
  const TemporaryDirectory directory;
  auto file = AtomicFile::Create(directory / "out", 0, GetParam());
  ASSERT_TRUE(file && file->Commit());
  const std::string plain = directory.Write("plain", "");
  EXPECT_EQ(std::filesystem::status(directory / "out").permissions(),
            std::filesystem::status(plain).permissions());
}

TEST_P(AtomicFileNaming, LeavesNothingWhenDropped) {
  const TemporaryDirectory directory;
  {
    auto file = AtomicFile::Create(directory / "out", 0, GetParam());
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->Write(Bytes("half")));
    const AtomicFile moved = std::move(*file);
    if (GetParam() == AtomicFile::Naming::kTemporary) {
      EXPECT_EQ(directory.FileCount(), 1u);
    }
  }
  EXPECT_EQ(directory.FileCount(), 0u);
}

INSTANTIATE_TEST_SUITE_P(, AtomicFileNaming,
                         testing::Values(AtomicFile::Naming::kUnnamedIfPossible,
                                         AtomicFile::Naming::kTemporary),
                         [](const auto& info) {
                           return info.param == AtomicFile::Naming::kTemporary ? "Temporary" : "Unnamed";
                         });

TEST(AtomicFile, WritesMoreThanItsBuffer) {
  const TemporaryDirectory directory;
  std::string content;
  auto file = AtomicFile::Create(directory / "out");
  ASSERT_TRUE(file);
  for (const size_t size :
       {size_t{10}, size_t{3} << 20, size_t{1} << 20, size_t{700000}, size_t{700000}, size_t{1}}) {
    const std::string piece(size, static_cast<char>('a' + size % 7));
    ASSERT_TRUE(file->Write(Bytes(piece)));
    content += piece;
  }
  EXPECT_EQ(file->written(), content.size());
  ASSERT_TRUE(file->Commit());
  EXPECT_TRUE(MappedFile::Open(directory / "out")->text() == content);
}

TEST(AtomicFile, SaysWhyItCannotBeCreated) {
  const TemporaryDirectory directory;
  const auto absent = AtomicFile::Create(directory / "absent/out");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kCantCreate);
  EXPECT_NE(absent.error().message.find(directory / "absent/out"), std::string::npos);
  EXPECT_EQ(AtomicFile::Create("/dev/null").error().code, ErrorCode::kCantCreate);
}

TEST(AtomicFile, ReservingTooMuchFailsAtOnce) {
  const TemporaryDirectory directory;
  const auto file = AtomicFile::Create(directory / "out", uint64_t{1} << 61);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kIo);
  EXPECT_NE(file.error().message.find("2305843009213693952 bytes are needed"), std::string::npos)
      << file.error().message;
  EXPECT_NE(file.error().message.find("are free"), std::string::npos) << file.error().message;
  EXPECT_EQ(directory.FileCount(), 0u);
}

}  // namespace
}  // namespace sluice
