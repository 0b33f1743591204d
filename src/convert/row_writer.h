// Encodes the rows of a GGUF tensor with every thread and writes them, a bounded piece at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "base/thread_team.h"
#include "convert/write_progress.h"
#include "formats/gguf_writer.h"

namespace sluice::convert {

class RowWriter {
 public:
  // `threads` 0: one for each core.
  RowWriter(formats::GgufWriter& writer, int threads, WriteProgress progress,
            std::function<bool()> interrupted);

  // `read` gives row r as floats, `importance` the weights of its squared error or null; both are called by
  // several threads.
  Status Write(const std::string& name, DType dtype, int64_t rows, int64_t cols,
               const std::function<void(int64_t r, float* out)>& read,
               const std::function<const float*(int64_t r)>& importance);
  Status WriteBytes(const std::string& name, std::span<const std::byte> bytes);

  bool interrupted() const { return stopped_; }

 private:
  formats::GgufWriter& writer_;
  ThreadTeam team_;
  const WriteProgress progress_;
  const std::function<bool()> interrupted_;
  std::vector<std::byte> chunk_;
  uint64_t written_ = 0;
  bool stopped_ = false;
};

}  // namespace sluice::convert
