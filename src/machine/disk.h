// How fast a disk hands over files that are not in memory.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace sluice::machine {

struct DiskRates {
  std::string path;       // what was read
  double sequential = 0;  // bytes a second: 4 MiB at a time, four reads under way
  double random = 0;      // bytes a second: 1 MiB at a time in any order, four reads under way
  bool direct = false;  // past the page cache; else the pages were dropped first, which the system may refuse
  bool own_file = false;  // a file written for this, nameless and gone again
};

// Reads the file at `path`, or, if it is a folder, a temporary file of 256 MiB in it. Stops after about a
// second. Files of less than 64 MiB are refused (kUsage); kIo, kMissing, kPermission as they come.
Result<DiskRates> MeasureDisk(const std::string& path);

}  // namespace sluice::machine
