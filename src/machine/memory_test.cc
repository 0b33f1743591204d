#include "machine/memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_directory.h"

namespace sluice::machine {
namespace {

class FakeSystem : public testing::Test {
 protected:
  void Write(const std::string& name, std::string_view text) {
    const std::filesystem::path path = directory_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  Memory Read() const { return ReadMemory(directory_.path().string()); }

 private:
  TemporaryDirectory directory_;
};

TEST_F(FakeSystem, ReadsMemory) {
  Write("proc/meminfo",
        "MemTotal:       2000 kB\nMemAvailable:    500 kB\nSwapTotal:         0 kB\n"
        "HugePages_Total:       3\nHugepagesize:       2048 kB\n");
  Write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  const Memory memory = Read();
  EXPECT_EQ(memory.total, 2000 * 1024);
  EXPECT_EQ(memory.available, 500 * 1024);
  EXPECT_EQ(memory.swap, 0);
  EXPECT_EQ(memory.reserved_huge_pages, 3);
  EXPECT_EQ(memory.huge_page_bytes, 2048 * 1024);
  EXPECT_EQ(memory.huge_pages, "madvise");
}

TEST_F(FakeSystem, TakesTheSmallestQuotaOfItsGroupAndThoseAbove) {
  Write("proc/self/cgroup", "0::/a/b\n");
  Write("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  Write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(Read().cpu_quota, 1.5);
}

TEST_F(FakeSystem, ReadsQuotasOfTheFirstGeneration) {
  Write("proc/self/cgroup", "4:memory:/x\n1:cpu:/a\n");
  Write("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "50000\n");
  Write("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(Read().cpu_quota, 0.5);
}

TEST_F(FakeSystem, IsEmptyWhereNothingIsKnown) {
  Write("proc/self/cgroup", "garbage\n");
  const Memory memory = Read();
  EXPECT_EQ(memory.total, 0);
  EXPECT_EQ(memory.cpu_quota, 0);
  EXPECT_TRUE(memory.huge_pages.empty());
  EXPECT_FALSE(memory.numa_balancing);
}

}  // namespace
}  // namespace sluice::machine
