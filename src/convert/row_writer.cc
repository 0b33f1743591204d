#include "convert/row_writer.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "kernels/blocks.h"

namespace sluice::convert {
namespace {

constexpr int64_t kChunkElements = 4 << 20;
constexpr size_t kChunkBytes = 16 << 20;

}  // namespace

RowWriter::RowWriter(formats::GgufWriter& writer, int threads, WriteProgress progress,
                     std::function<bool()> interrupted)
    : writer_(writer),
      team_(threads > 0 ? threads : static_cast<int>(PhysicalCpus().size()), /*pin=*/false),
      progress_(std::move(progress)),
      interrupted_(std::move(interrupted)) {}

Status RowWriter::Write(const std::string& name, DType dtype, int64_t rows, int64_t cols,
                        const std::function<void(int64_t, float*)>& read,
                        const std::function<const float*(int64_t)>& importance) {
  const int64_t row_bytes = *RowBytes(dtype, cols);
  const int64_t step = std::max<int64_t>(1, kChunkElements / cols);
  for (int64_t first = 0; first < rows; first += step) {
    const int64_t count = std::min(step, rows - first);
    chunk_.resize(static_cast<size_t>(count * row_bytes));
    std::atomic<int64_t> next{0};
    auto work = [&](int) {
      std::vector<float> row(static_cast<size_t>(cols));
      for (int64_t r = next++; r < count; r = next++) {
        if (interrupted_ && interrupted_()) return;
        read(first + r, row.data());
        kernels::EncodeRow(dtype, row.data(), cols, chunk_.data() + r * row_bytes, importance(first + r));
      }
    };
    team_.Run(work);
    SLUICE_CHECK_OK(WriteBytes(name, chunk_));
  }
  return {};
}

Status RowWriter::WriteBytes(const std::string& name, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (interrupted_ && interrupted_()) {
      stopped_ = true;
      return Fail(ErrorCode::kIo, "interrupted");
    }
    const auto piece = bytes.first(std::min(bytes.size(), kChunkBytes));
    SLUICE_CHECK_OK(writer_.Write(name, piece));
    bytes = bytes.subspan(piece.size());
    written_ += piece.size();
    if (progress_) progress_(written_, writer_.FileSize());
  }
  return {};
}

}  // namespace sluice::convert
