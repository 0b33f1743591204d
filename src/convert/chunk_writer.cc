#include "convert/chunk_writer.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace sluice::convert {
namespace {

constexpr int64_t kChunkBytes = 32 << 20;

}  // namespace

void ChunkWriter::Begin(std::string name) {
  name_ = std::move(name);
  in_tensor_ = 0;
}

Status ChunkWriter::Append(const model::PanelRun& run) {
  const int64_t step = run.panels_per_slice();
  for (int64_t p = 0; p < run.panels(); p += step) {
    const int64_t n = std::min(step, run.panels() - p), bytes = n * run.stride();
    if (chunk_bytes_ > 0 && chunk_bytes_ + bytes > kChunkBytes) SLUICE_CHECK_OK(Flush());
    slices_.push_back({&run, p, n, chunk_bytes_});
    chunk_bytes_ += bytes;
  }
  return {};
}

Status ChunkWriter::PadTo(int64_t offset) {
  chunk_bytes_ = offset - in_tensor_;
  return {};
}

Status ChunkWriter::AppendBytes(std::span<const std::byte> bytes) {
  SLUICE_CHECK_OK(Flush());
  return Write(bytes);
}

Status ChunkWriter::End() { return Flush(); }

Status ChunkWriter::Flush() {
  if (chunk_bytes_ == 0) return {};
  if (buffer_.size() < chunk_bytes_) {
    buffer_ = {};
    SLUICE_TRY(buffer_, Arena::Reserve(std::max(chunk_bytes_, kChunkBytes)));
  }
  std::memset(buffer_.data(), 0, static_cast<size_t>(chunk_bytes_));
  std::atomic<size_t> next{0};
  auto work = [&](int) {
    for (size_t i = next++; i < slices_.size(); i = next++) {
      if (interrupted_ && interrupted_()) return;
      const Slice& s = slices_[i];
      s.run->Pack(s.first, s.panels, buffer_.data() + s.at);
    }
  };
  team_.Run(work);
  const int64_t bytes = std::exchange(chunk_bytes_, 0);
  slices_.clear();
  return Write({buffer_.data(), static_cast<size_t>(bytes)});
}

Status ChunkWriter::Write(std::span<const std::byte> bytes) {
  if (interrupted_ && interrupted_()) {
    stopped_ = true;
    return Fail(ErrorCode::kIo, "interrupted");
  }
  SLUICE_CHECK_OK(writer_.Write(name_, bytes));
  in_tensor_ += static_cast<int64_t>(bytes.size());
  written_ += bytes.size();
  if (progress_) progress_(written_, writer_.FileSize());
  return {};
}

}  // namespace sluice::convert
