// Brings mapped files into memory ahead of their first use.
#pragma once

#include <stop_token>
#include <thread>
#include <vector>

#include "base/file.h"

namespace sluice {

// While one lives, a thread of its own reads the files from their beginning to their end, as fast as the disk
// gives them, so that whoever touches a page seldom waits for a single one. What is in memory already, and
// what would not fit beside what others use, is left alone.
class ReadAhead {
 public:
  explicit ReadAhead(std::vector<MappedFile> files);

 private:
  std::jthread thread_;  // stops within one piece of some megabytes
};

// The share of a file's pages that is in memory, by a sample.
double ResidentShare(const MappedFile& file);

}  // namespace sluice
