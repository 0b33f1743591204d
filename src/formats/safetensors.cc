#include "formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "formats/file_error.h"
#include "formats/safetensors_header.h"

namespace sluice::formats {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::string_view kDownloadHint = "the file is damaged or not complete: download it again";

tl::unexpected<Error> Bad(const MappedFile& file, uint64_t offset, std::string_view field,
                          std::string_view what) {
  return Fail(FileError(file, offset, field, what, std::string(kDownloadHint)));
}

Result<std::string_view> HeaderText(const MappedFile& file) {
  const std::string_view text = file.text();
  if (text.size() < kLengthBytes)
    return Bad(file, 0, "header length",
               fmt::format("the file has {} bytes, the length alone has {}", text.size(), kLengthBytes));
  uint64_t length = 0;
  std::memcpy(&length, text.data(), sizeof length);
  if (length > kMaxHeaderBytes)
    return Bad(file, 0, "header length",
               fmt::format("{} bytes, at most {} are allowed", length, kMaxHeaderBytes));
  if (length > text.size() - kLengthBytes)
    return Bad(file, 0, "header length",
               fmt::format("{} bytes, the file has {} bytes more", length, text.size() - kLengthBytes));
  return text.substr(kLengthBytes, length);
}

// Bytes that the shape needs; nullopt if that is more than 2^63 or a dimension is.
std::optional<uint64_t> SizeOf(DType dtype, const std::vector<uint64_t>& shape) {
  int64_t size = Info(dtype).block_bytes;
  bool empty = false;
  for (const uint64_t dim : shape) {
    if (dim > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    empty |= dim == 0;
    if (__builtin_mul_overflow(size, std::max<int64_t>(static_cast<int64_t>(dim), 1), &size))
      return std::nullopt;
  }
  return empty ? 0 : static_cast<uint64_t>(size);
}

Result<Tensor> Checked(const MappedFile& file, const HeaderTensor& from, uint64_t data_size) {
  const std::string field = fmt::format("tensor {}", Printable(from.name));
  const std::optional<DType> dtype = DTypeFromSafetensors(from.dtype);
  if (!dtype)
    return Bad(file, kLengthBytes, field, fmt::format("dtype \"{}\" is not known", Printable(from.dtype)));
  const uint64_t begin = from.offsets[0], end = from.offsets[1];
  if (begin > end)
    return Bad(file, kLengthBytes, field, fmt::format("data_offsets {} to {} are reversed", begin, end));
  if (end > data_size)
    return Bad(file, kLengthBytes, field,
               fmt::format("data_offsets end at {}, the data has {} bytes", end, data_size));
  const std::optional<uint64_t> size = SizeOf(*dtype, from.shape);
  if (!size) return Bad(file, kLengthBytes, field, "the shape makes more than 2^63 bytes");
  if (*size != end - begin)
    return Bad(file, kLengthBytes, field,
               fmt::format("shape and dtype {} make {} bytes, data_offsets {} to {} hold {}", from.dtype,
                           *size, begin, end, end - begin));
  Tensor tensor;
  tensor.name = from.name;
  tensor.dtype = *dtype;
  tensor.shape.assign(from.shape.begin(), from.shape.end());
  tensor.offset = begin;
  tensor.size = *size;
  return tensor;
}

// The tensors must tile the data: no overlap, no hole, nothing after the last one.
Status CheckTiling(const MappedFile& file, const std::vector<Tensor>& tensors, uint64_t data_start,
                   uint64_t data_size) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(tensors[a].offset, tensors[a].size) < std::pair(tensors[b].offset, tensors[b].size);
  });
  uint64_t end = 0;
  for (const size_t i : order) {
    const Tensor& tensor = tensors[i];
    if (tensor.offset != end)
      return Bad(file, data_start + std::min(end, tensor.offset),
                 fmt::format("tensor {}", Printable(tensor.name)),
                 fmt::format("starts at {} of the data, the tensors before it end at {}: {}", tensor.offset,
                             end, tensor.offset < end ? "they overlap" : "there is a hole"));
    end += tensor.size;
  }
  if (end != data_size)
    return Bad(file, data_start + end, "data",
               fmt::format("{} bytes follow the last tensor", data_size - end));
  return {};
}

}  // namespace

Result<SafetensorsFile> ParseSafetensors(const MappedFile& file, uint32_t file_number) {
  SLUICE_TRY(const std::string_view text, HeaderText(file));
  auto header = ParseSafetensorsHeader(text);
  if (!header)
    return Bad(file, kLengthBytes + header.error().position, header.error().field, header.error().what);
  const uint64_t data_start = kLengthBytes + text.size();
  const uint64_t data_size = file.bytes().size() - data_start;
  SafetensorsFile result;
  result.metadata = std::move(header->metadata);
  result.tensors.reserve(header->tensors.size());
  for (const HeaderTensor& from : header->tensors) {
    SLUICE_TRY(Tensor tensor, Checked(file, from, data_size));
    result.tensors.push_back(std::move(tensor));
  }
  SLUICE_CHECK_OK(CheckTiling(file, result.tensors, data_start, data_size));
  for (Tensor& tensor : result.tensors) {
    tensor.file = file_number;
    tensor.offset += data_start;
  }
  return result;
}

Result<SafetensorsReader> SafetensorsReader::Open(const std::string& path) {
  SafetensorsReader reader;
  SLUICE_TRY(reader.file_, MappedFile::Open(path));
  SLUICE_TRY(SafetensorsFile parsed, ParseSafetensors(reader.file_));
  for (Tensor& tensor : parsed.tensors) SLUICE_CHECK_OK(reader.tensors_.Add(std::move(tensor)));
  return reader;
}

template <typename T>
Result<std::vector<T>> SafetensorsReader::Read(std::string_view name, DType dtype) const {
  const Tensor* tensor = tensors_.Find(name);
  if (tensor == nullptr)
    return Fail(ErrorCode::kMissing, fmt::format("{}: there is no tensor {}", file_.path(), Printable(name)));
  if (tensor->dtype != dtype)
    return Fail(FileError(file_, tensor->offset, fmt::format("tensor {}", Printable(name)),
                          fmt::format("has dtype {}, {} is expected", Name(tensor->dtype), Name(dtype))));
  std::vector<T> values(tensor->size / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), Bytes(*tensor).data(), tensor->size);
  return values;
}

Result<std::vector<float>> SafetensorsReader::Floats(std::string_view name) const {
  return Read<float>(name, DType::kF32);
}
Result<std::vector<int32_t>> SafetensorsReader::Ints(std::string_view name) const {
  return Read<int32_t>(name, DType::kI32);
}
Result<std::vector<uint8_t>> SafetensorsReader::RawBytes(std::string_view name) const {
  return Read<uint8_t>(name, DType::kU8);
}

}  // namespace sluice::formats
