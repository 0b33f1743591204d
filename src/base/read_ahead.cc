#include "base/read_ahead.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <utility>

namespace sluice {
namespace {

constexpr size_t kPiece = size_t{8} << 20;
constexpr double kInMemory = 0.98;  // from which share on a file counts as being there

size_t PageSize() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

// What the system could give without swapping; everything where it does not say.
uint64_t AvailableMemory() {
  std::ifstream info("/proc/meminfo");
  std::string key;
  for (uint64_t kilobytes = 0; info >> key >> kilobytes; info.ignore(std::numeric_limits<int>::max(), '\n'))
    if (key == "MemAvailable:") return kilobytes * 1024;
  return std::numeric_limits<uint64_t>::max();
}

void Read(const MappedFile& file, const std::stop_token& stop) {
  const size_t size = file.bytes().size();
  // A file that memory cannot hold would push out its own beginning.
  if (size > AvailableMemory() || ResidentShare(file) >= kInMemory) return;
  auto* data = const_cast<std::byte*>(file.bytes().data());
  for (size_t at = 0; at < size && !stop.stop_requested(); at += kPiece)
    if (::madvise(data + at, std::min(kPiece, size - at), MADV_WILLNEED) != 0) return;
}

}  // namespace

ReadAhead::ReadAhead(std::vector<MappedFile> files)
    : thread_([files = std::move(files)](const std::stop_token& stop) {
        for (const MappedFile& file : files) Read(file, stop);
      }) {}

double ResidentShare(const MappedFile& file) {
  constexpr size_t kSamples = 1024;
  const size_t page = PageSize(), pages = file.bytes().size() / page;
  const auto* data = file.bytes().data();
  if (pages == 0 || reinterpret_cast<uintptr_t>(data) % page != 0) return 1;
  const size_t step = std::max<size_t>(1, pages / kSamples);
  size_t seen = 0, resident = 0;
  for (size_t p = 0; p < pages; p += step, ++seen) {
    unsigned char state = 0;
    if (::mincore(const_cast<std::byte*>(data) + p * page, page, &state) != 0) return 1;
    resident += state & 1;
  }
  return static_cast<double>(resident) / static_cast<double>(seen);
}

}  // namespace sluice
