#include "formats/gguf_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/arena.h"
#include "formats/file_error.h"

namespace sluice::formats {
namespace {

constexpr std::string_view kAlignmentKey = "general.alignment";
constexpr size_t kMaxKeyBytes = 65535;
constexpr uint64_t kMaxDataBytes = uint64_t{1} << 62;

template <typename T>
void AppendTo(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

tl::unexpected<Error> OutOfOrder(std::string_view what) {
  return Fail(ErrorCode::kInternal, fmt::format("GGUF writer: {}", what));
}

}  // namespace

Status GgufWriter::CheckAlignment() const {
  if (alignment_ >= 8 && alignment_ <= kGgufMaxAlignment && (alignment_ & (alignment_ - 1)) == 0) return {};
  return Fail(ErrorCode::kUsage,
              fmt::format("alignment {} is not a power of two from 8 to {}", alignment_, kGgufMaxAlignment));
}

Status GgufWriter::Key(std::string_view key) {
  if (file_) return OutOfOrder(fmt::format("metadata {} comes after Open", Printable(key)));
  if (key.empty() || key.size() > kMaxKeyBytes)
    return Fail(ErrorCode::kUsage,
                fmt::format("a metadata key of {} bytes; 1 to {} are allowed", key.size(), kMaxKeyBytes));
  if (key == kAlignmentKey) return OutOfOrder("general.alignment is set by the constructor");
  if (!keys_.emplace(key).second)
    return Fail(ErrorCode::kUsage, fmt::format("metadata {} is given twice", Printable(key)));
  ++entry_count_;
  AppendText(key);
  return {};
}

void GgufWriter::AppendText(std::string_view text) {
  AppendTo<uint64_t>(metadata_, text.size());
  metadata_ += text;
}

Status GgufWriter::AppendNumber(std::string_view key, GgufType type, const void* value, size_t size) {
  SLUICE_CHECK_OK(Key(key));
  AppendTo(metadata_, type);
  Append(value, size);
  return {};
}

Status GgufWriter::AppendNumbers(std::string_view key, GgufType type, const void* values, size_t count,
                                 size_t size) {
  SLUICE_CHECK_OK(Key(key));
  AppendTo(metadata_, GgufType::kArray);
  AppendTo(metadata_, type);
  AppendTo<uint64_t>(metadata_, count);
  if (count > 0) Append(values, count * size);
  return {};
}

Status GgufWriter::Add(std::string_view key, std::string_view value) {
  SLUICE_CHECK_OK(Key(key));
  AppendTo(metadata_, GgufType::kString);
  AppendText(value);
  return {};
}

template <typename Text>
Status GgufWriter::AppendTexts(std::string_view key, std::span<const Text> values) {
  SLUICE_CHECK_OK(Key(key));
  AppendTo(metadata_, GgufType::kArray);
  AppendTo(metadata_, GgufType::kString);
  AppendTo<uint64_t>(metadata_, values.size());
  for (const Text& value : values) AppendText(value);
  return {};
}

Status GgufWriter::AddArray(std::string_view key, std::span<const std::string_view> values) {
  return AppendTexts(key, values);
}
Status GgufWriter::AddArray(std::string_view key, std::span<const std::string> values) {
  return AppendTexts(key, values);
}

Status GgufWriter::AddCopy(const GgufMetadata::Entry& entry) {
  if (entry.key == kAlignmentKey) return {};
  if (entry.raw.empty())
    return OutOfOrder(fmt::format("metadata {} does not come from a file", Printable(entry.key)));
  SLUICE_CHECK_OK(Key(entry.key));
  Append(entry.raw.data(), entry.raw.size());
  return {};
}

Status GgufWriter::AddTensor(std::string_view name, DType dtype, std::span<const int64_t> shape) {
  if (file_) return OutOfOrder(fmt::format("tensor {} comes after Open", Printable(name)));
  SLUICE_CHECK_OK(CheckAlignment());
  const auto bad = [&](std::string_view what) {
    return Fail(ErrorCode::kUsage, fmt::format("tensor {}: {}", Printable(name), what));
  };
  const DTypeInfo& info = Info(dtype);
  if (name.empty()) return bad("the name is empty");
  if (info.ggml_id < 0) return bad(fmt::format("GGUF has no type {}", info.name));
  if (shape.empty() || shape.size() > kGgufMaxDims)
    return bad(fmt::format("{} dimensions, GGUF holds 1 to {}", shape.size(), kGgufMaxDims));
  std::optional<int64_t> size = RowBytes(dtype, shape.back());
  if (!size)
    return bad(fmt::format("rows of {} do not divide into {} blocks of {}", shape.back(), info.name,
                           info.block_size));
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] < 1) return bad(fmt::format("a dimension is {}", shape[d]));
    if (d + 1 < shape.size() && __builtin_mul_overflow(*size, shape[d], &*size))
      return bad("more than 2^63 bytes");
  }
  if (static_cast<uint64_t>(*size) > kMaxDataBytes - data_size_) return bad("the file would pass 2^62 bytes");
  if (!names_.emplace(name).second) return bad("is given twice");
  AppendTo<uint64_t>(descriptions_, name.size());
  descriptions_ += name;
  AppendTo<uint32_t>(descriptions_, static_cast<uint32_t>(shape.size()));
  for (size_t d = shape.size(); d-- > 0;) AppendTo(descriptions_, shape[d]);
  AppendTo<uint32_t>(descriptions_, static_cast<uint32_t>(info.ggml_id));
  AppendTo<uint64_t>(descriptions_, data_size_);
  data_size_ = RoundUp(data_size_ + *size, alignment_);
  tensors_.push_back({std::string(name), static_cast<uint64_t>(*size)});
  return {};
}

std::string GgufWriter::Header() const {
  std::string header = "GGUF";
  const bool states_alignment = alignment_ != kGgufDefaultAlignment;
  AppendTo<uint32_t>(header, 3);
  AppendTo<uint64_t>(header, tensors_.size());
  AppendTo<uint64_t>(header, entry_count_ + (states_alignment ? 1 : 0));
  static_assert(sizeof(GgufType) == 4);
  header += metadata_;
  if (states_alignment) {
    AppendTo<uint64_t>(header, kAlignmentKey.size());
    header += kAlignmentKey;
    AppendTo(header, GgufType::kU32);
    AppendTo(header, alignment_);
  }
  header += descriptions_;
  header.resize(RoundUp(header.size(), alignment_));
  return header;
}

uint64_t GgufWriter::FileSize() const { return Header().size() + data_size_; }

Status GgufWriter::Open(const std::string& path) {
  if (file_) return OutOfOrder("opened twice");
  SLUICE_CHECK_OK(CheckAlignment());
  const std::string header = Header();
  SLUICE_TRY(AtomicFile file, AtomicFile::Create(path, header.size() + data_size_));
  SLUICE_CHECK_OK(file.Write(std::as_bytes(std::span(header))));
  file_ = std::move(file);
  return {};
}

Status GgufWriter::Write(std::string_view name, std::span<const std::byte> bytes) {
  if (!file_) return OutOfOrder("data comes before Open");
  if (current_ == tensors_.size())
    return OutOfOrder(fmt::format("data of {} comes after the last tensor", Printable(name)));
  const Declared& tensor = tensors_[current_];
  if (tensor.name != name)
    return OutOfOrder(
        fmt::format("data of {} comes where {} is due", Printable(name), Printable(tensor.name)));
  if (bytes.size() > tensor.size - current_done_)
    return OutOfOrder(fmt::format("tensor {} has {} bytes, {} came", Printable(name), tensor.size,
                                  current_done_ + bytes.size()));
  SLUICE_CHECK_OK(file_->Write(bytes));
  current_done_ += bytes.size();
  if (current_done_ < tensor.size) return {};
  ++current_;
  current_done_ = 0;
  return PadAfter(tensor.size);
}

Status GgufWriter::PadAfter(uint64_t size) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  uint64_t left = RoundUp(size, alignment_) - size;
  while (left > 0) {
    const size_t n = std::min<uint64_t>(left, kZeros.size());
    SLUICE_CHECK_OK(file_->Write(std::span(kZeros).first(n)));
    left -= n;
  }
  return {};
}

Status GgufWriter::Finish() {
  if (!file_) return OutOfOrder("Finish comes before Open");
  if (current_ != tensors_.size())
    return OutOfOrder(fmt::format("tensor {} has {} of {} bytes at the end",
                                  Printable(tensors_[current_].name), current_done_,
                                  tensors_[current_].size));
  return file_->Commit();
}

}  // namespace sluice::formats
