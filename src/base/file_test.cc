#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/temporary_directory.h"

namespace sluice {
namespace {

bool Mentions(const Error& error, std::string_view text) {
  return error.message.find(text) != std::string::npos;
}

TEST(MappedFile, ShowsTheBytesOfAFile) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("data", std::string_view("a\0b", 3));
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->text(), std::string_view("a\0b", 3));
  EXPECT_EQ(file->path(), path);
}

TEST(MappedFile, CopiesKeepTheMappingAndTheOldContent) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("data", "old");
  MappedFile copy;
  {
    const auto file = MappedFile::Open(path);
    ASSERT_TRUE(file);
    copy = *file;
  }
  std::filesystem::rename(directory.Write("other", "new"), path);
  EXPECT_EQ(copy.text(), "old");
}

TEST(MappedFile, EmptyFileIsEmpty) {
  const TemporaryDirectory directory;
  const auto file = MappedFile::Open(directory.Write("empty", ""));
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->bytes().empty());
}

TEST(MappedFile, AbsentFileIsMissing) {
  const TemporaryDirectory directory;
  const auto file = MappedFile::Open(directory / "absent");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kMissing);
  EXPECT_TRUE(Mentions(file.error(), directory / "absent")) << file.error().message;
  EXPECT_FALSE(file.error().hint.empty());
}

TEST(MappedFile, WhatIsNotARegularFileIsMissing) {
  const TemporaryDirectory directory;
  const std::string fifo = directory / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path :
       {directory.path().string(), fifo, std::string("/dev/zero"), std::string("/dev/null")}) {
    const auto file = MappedFile::Open(path);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().code, ErrorCode::kMissing) << path;
    EXPECT_TRUE(Mentions(file.error(), path) && Mentions(file.error(), "not a regular file"))
        << file.error().message;
  }
}

TEST(MappedFile, SocketIsMissing) {
  const TemporaryDirectory directory;
  sockaddr_un address{.sun_family = AF_UNIX};
  const std::string path = directory / "socket";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(MappedFile::Open(path).error().code, ErrorCode::kMissing);
  ::close(fd);
}

TEST(MappedFile, UnreadableFileIsAPermissionError) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("secret", "x");
  ::chmod(path.c_str(), 0);
  ::chmod(directory.path().c_str(), 0755);
  const auto code_as_nobody = [&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(1);
    const auto file = MappedFile::Open(path);
    ::_exit(file ? 0 : static_cast<int>(file.error().code));
  };
  EXPECT_EXIT(code_as_nobody(), testing::ExitedWithCode(static_cast<int>(ErrorCode::kPermission)), "");
}

TEST(MappedFile, ServesBytesInMemory) {
  static constexpr char kText[] = "static";
  EXPECT_EQ(MappedFile::FromStatic(std::as_bytes(std::span(kText, 6)), "embedded").text(), "static");
  MappedFile copy;
  {
    const MappedFile owned = MappedFile::FromOwned("owned", "memory");
    copy = owned;
  }
  EXPECT_EQ(copy.text(), "owned");
  EXPECT_EQ(copy.path(), "memory");
}

}  // namespace
}  // namespace sluice
