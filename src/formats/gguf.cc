#include "formats/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "base/arena.h"
#include "formats/byte_reader.h"
#include "formats/file_error.h"

namespace sluice::formats {
namespace {

constexpr uint64_t kHeaderBytes = 24;     // magic, version, two counts
constexpr uint64_t kMinEntryBytes = 14;   // key length, one byte of key, type, one byte of value
constexpr uint64_t kMinTensorBytes = 33;  // name length, one byte of name, n_dims, one dim, type, offset
constexpr uint64_t kMaxKeyBytes = 65535;
constexpr std::string_view kDownloadHint =
    "the file is damaged or not complete: download or convert it again";

// Bytes of one value; for a string, of its length field. 0: not a scalar type.
uint64_t MinValueBytes(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kString:
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    case GgufType::kArray:
      break;
  }
  return 0;
}

class Parser {
 public:
  Parser(const MappedFile& file, uint32_t file_number)
      : file_(file), reader_(file.bytes()), number_(file_number) {}

  Result<GgufFile> Run() {
    result_.file = file_;
    SLUICE_CHECK_OK(Header());
    for (uint64_t i = 0; i < entry_count_; ++i) SLUICE_CHECK_OK(Entry(i));
    SLUICE_CHECK_OK(Alignment());
    for (uint64_t i = 0; i < tensor_count_; ++i) SLUICE_CHECK_OK(TensorInfo(i));
    SLUICE_CHECK_OK(Layout());
    return std::move(result_);
  }

 private:
  tl::unexpected<Error> Bad(uint64_t offset, std::string_view field, std::string_view what,
                            std::string hint = std::string(kDownloadHint)) const {
    return Fail(FileError(file_, offset, field, what, std::move(hint)));
  }
  tl::unexpected<Error> Truncated(std::string_view field) const {
    return Bad(reader_.position(), field,
               fmt::format("reaches past the end of the file, {} bytes are left", reader_.remaining()));
  }

  Status NotGguf() const;
  Status Header();
  Status Count(uint64_t* count, std::string_view field, uint64_t min_bytes);
  Status Entry(uint64_t i);
  Result<GgufValue> Value(GgufType type, const std::string& field);
  Result<GgufValue> Array(const std::string& field);
  template <typename Stored, typename Kept>
  Result<GgufArray> Numbers(uint64_t count);
  Result<GgufArray> Bools(uint64_t count, const std::string& field);
  Result<GgufArray> Strings(uint64_t count, const std::string& field);
  Status Alignment();
  Status TensorInfo(uint64_t i);
  Status Shape(Tensor* tensor, const std::string& field);
  Status TypeAndSize(Tensor* tensor, const std::string& field);
  Status Layout();

  const MappedFile& file_;
  ByteReader reader_;
  const uint32_t number_;
  GgufFile result_;
  uint64_t entry_count_ = 0;
  uint64_t tensor_count_ = 0;
  uint64_t alignment_ = kGgufDefaultAlignment;
  std::unordered_set<std::string_view> names_;
  std::vector<uint64_t> info_offsets_;  // where each tensor's description starts, for messages
};

Status Parser::NotGguf() const {
  const std::string_view text = file_.text();
  const std::string hint = "Sluice reads GGUF files and Hugging Face directories with safetensors";
  if (text.starts_with("PK\x03\x04"))
    return Bad(0, "magic", "this is a zip archive (PyTorch weights?), not GGUF", hint);
  if (text.starts_with("\x80") && text.size() > 1 && text[1] >= 2 && text[1] <= 5)
    return Bad(0, "magic", "this is a Python pickle, not GGUF; a pickle can run code and is never read",
               hint);
  if (text.starts_with("lmgg") || text.starts_with("fmgg") || text.starts_with("tjgg"))
    return Bad(0, "magic", "this is a GGML file from before GGUF (2023)", "convert the original model again");
  if (text.starts_with("FUGG"))
    return Bad(0, "magic", "the magic is byte-swapped", "convert the model again on a little-endian machine");
  return Bad(0, "magic", fmt::format("\"{}\" instead of \"GGUF\"", Printable(text.substr(0, 4))), hint);
}

Status Parser::Header() {
  if (file_.bytes().size() >= 4 && !file_.text().starts_with("GGUF")) return NotGguf();
  if (file_.bytes().size() < kHeaderBytes)
    return Bad(0, "header",
               fmt::format("the file has {} bytes, a header has {}", file_.bytes().size(), kHeaderBytes));
  reader_.Number<uint32_t>();
  const uint32_t version = *reader_.Number<uint32_t>();
  if (version != 0 && (version & 0xffff) == 0)
    return Bad(4, "version", fmt::format("{:#x}: a file for big-endian machines, or damaged", version),
               "convert the model again for little-endian machines");
  if (version < 2 || version > 3)
    return Bad(4, "version", fmt::format("{} is not known; versions 2 and 3 are read", version),
               version == 1 ? "convert the original model again: version 1 is from August 2023"
                            : std::string(kDownloadHint));
  result_.version = static_cast<int>(version);
  SLUICE_CHECK_OK(Count(&tensor_count_, "tensor count", kMinTensorBytes));
  return Count(&entry_count_, "metadata count", kMinEntryBytes);
}

Status Parser::Count(uint64_t* count, std::string_view field, uint64_t min_bytes) {
  *count = *reader_.Number<uint64_t>();
  const uint64_t left = file_.bytes().size() - kHeaderBytes;
  if (*count > left / min_bytes)
    return Bad(
        reader_.position() - 8, field,
        fmt::format("{} need at least {} bytes each, the file has {} bytes more", *count, min_bytes, left));
  return {};
}

Status Parser::Entry(uint64_t i) {
  const uint64_t start = reader_.position();
  const auto key = reader_.String();
  if (!key) return Truncated(fmt::format("key of metadata {}", i));
  if (key->empty() || key->size() > kMaxKeyBytes)
    return Bad(start, fmt::format("key of metadata {}", i),
               fmt::format("has {} bytes, 1 to {} are allowed", key->size(), kMaxKeyBytes));
  const std::string field = fmt::format("metadata {}", Printable(*key));
  const uint64_t value_start = reader_.position();
  const auto type = reader_.Number<uint32_t>();
  if (!type) return Truncated(field);
  SLUICE_TRY(GgufValue value, Value(static_cast<GgufType>(*type), field));
  Status added = result_.metadata.Add({*key, std::move(value), start, reader_.Since(value_start)});
  if (!added) return Bad(start, field, added.error().message);
  return {};
}

template <typename Stored, typename Kept>
std::optional<GgufValue> Widened(ByteReader& reader) {
  const auto number = reader.Number<Stored>();
  return number ? std::optional<GgufValue>(static_cast<Kept>(*number)) : std::nullopt;
}

// A number or string; nullopt if the file ends before it does.
std::optional<GgufValue> ScalarValue(ByteReader& reader, GgufType type) {
  switch (type) {
    case GgufType::kU8:
      return Widened<uint8_t, uint64_t>(reader);
    case GgufType::kU16:
      return Widened<uint16_t, uint64_t>(reader);
    case GgufType::kU32:
      return Widened<uint32_t, uint64_t>(reader);
    case GgufType::kU64:
      return Widened<uint64_t, uint64_t>(reader);
    case GgufType::kI8:
      return Widened<int8_t, int64_t>(reader);
    case GgufType::kI16:
      return Widened<int16_t, int64_t>(reader);
    case GgufType::kI32:
      return Widened<int32_t, int64_t>(reader);
    case GgufType::kI64:
      return Widened<int64_t, int64_t>(reader);
    case GgufType::kF32:
      return Widened<float, double>(reader);
    case GgufType::kF64:
      return Widened<double, double>(reader);
    case GgufType::kString: {
      const auto text = reader.String();
      return text ? std::optional<GgufValue>(*text) : std::nullopt;
    }
    case GgufType::kBool:
    case GgufType::kArray:
      break;
  }
  return std::nullopt;
}

Result<GgufValue> Parser::Value(GgufType type, const std::string& field) {
  if (type == GgufType::kArray) return Array(field);
  if (MinValueBytes(type) == 0)
    return Bad(reader_.position() - 4, field,
               fmt::format("value type {} is not known", static_cast<uint32_t>(type)));
  if (type == GgufType::kBool) {
    const auto byte = reader_.Number<uint8_t>();
    if (!byte) return Truncated(field);
    if (*byte > 1)
      return Bad(reader_.position() - 1, field, fmt::format("a bool of {}, only 0 and 1 are allowed", *byte));
    return GgufValue(*byte == 1);
  }
  std::optional<GgufValue> value = ScalarValue(reader_, type);
  if (!value) return Truncated(field);
  return std::move(*value);
}

template <typename Stored, typename Kept>
Result<GgufArray> Parser::Numbers(uint64_t count) {
  std::vector<Kept> values(count);
  for (Kept& value : values) value = static_cast<Kept>(*reader_.Number<Stored>());
  return GgufArray(std::move(values));
}

Result<GgufArray> Parser::Bools(uint64_t count, const std::string& field) {
  std::vector<bool> values(count);
  for (uint64_t i = 0; i < count; ++i) {
    const uint8_t byte = *reader_.Number<uint8_t>();
    if (byte > 1)
      return Bad(reader_.position() - 1, fmt::format("{}[{}]", field, i),
                 fmt::format("a bool of {}, only 0 and 1 are allowed", byte));
    values[i] = byte == 1;
  }
  return GgufArray(std::move(values));
}

Result<GgufArray> Parser::Strings(uint64_t count, const std::string& field) {
  std::vector<std::string_view> values;
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const auto text = reader_.String();
    if (!text) return Truncated(fmt::format("{}[{}]", field, i));
    values.push_back(*text);
  }
  return GgufArray(std::move(values));
}

Result<GgufValue> Parser::Array(const std::string& field) {
  const auto type_id = reader_.Number<uint32_t>();
  const auto count = reader_.Number<uint64_t>();
  if (!type_id || !count) return Truncated(field);
  const auto type = static_cast<GgufType>(*type_id);
  const uint64_t type_offset = reader_.position() - 12;
  if (type == GgufType::kArray) return Bad(type_offset, field, "an array of arrays is not supported");
  const uint64_t min_bytes = MinValueBytes(type);
  if (min_bytes == 0)
    return Bad(type_offset, field, fmt::format("array element type {} is not known", *type_id));
  if (*count > reader_.remaining() / min_bytes)
    return Bad(type_offset + 4, field,
               fmt::format("{} elements of at least {} bytes, {} bytes are left", *count, min_bytes,
                           reader_.remaining()));
  const auto read = [&]() -> Result<GgufArray> {
    switch (type) {
      case GgufType::kU8:
        return Numbers<uint8_t, uint64_t>(*count);
      case GgufType::kU16:
        return Numbers<uint16_t, uint64_t>(*count);
      case GgufType::kU32:
        return Numbers<uint32_t, uint64_t>(*count);
      case GgufType::kU64:
        return Numbers<uint64_t, uint64_t>(*count);
      case GgufType::kI8:
        return Numbers<int8_t, int64_t>(*count);
      case GgufType::kI16:
        return Numbers<int16_t, int64_t>(*count);
      case GgufType::kI32:
        return Numbers<int32_t, int64_t>(*count);
      case GgufType::kI64:
        return Numbers<int64_t, int64_t>(*count);
      case GgufType::kF32:
        return Numbers<float, double>(*count);
      case GgufType::kF64:
        return Numbers<double, double>(*count);
      case GgufType::kBool:
        return Bools(*count, field);
      case GgufType::kString:
      case GgufType::kArray:
        break;
    }
    return Strings(*count, field);
  };
  SLUICE_TRY(GgufArray array, read());
  return GgufValue(std::move(array));
}

Status Parser::Alignment() {
  constexpr std::string_view kKey = "general.alignment";
  for (const GgufMetadata::Entry& entry : result_.metadata.entries()) {
    if (entry.key != kKey) continue;
    const auto* value = std::get_if<uint64_t>(&entry.value);
    if (value == nullptr) return Bad(entry.offset, kKey, "is not an unsigned integer");
    if (*value < 8 || *value > kGgufMaxAlignment || (*value & (*value - 1)) != 0)
      return Bad(entry.offset, kKey,
                 fmt::format("{} is not a power of two from 8 to {}", *value, kGgufMaxAlignment));
    alignment_ = *value;
  }
  return {};
}

Status Parser::TensorInfo(uint64_t i) {
  const uint64_t start = reader_.position();
  const auto name = reader_.String();
  if (!name) return Truncated(fmt::format("name of tensor {}", i));
  if (name->empty()) return Bad(start, fmt::format("name of tensor {}", i), "is empty");
  const std::string field = fmt::format("tensor {}", Printable(*name));
  if (!names_.insert(*name).second) return Bad(start, field, "the name appears twice");
  Tensor tensor;
  tensor.name = *name;
  tensor.file = number_;
  SLUICE_CHECK_OK(Shape(&tensor, field));
  SLUICE_CHECK_OK(TypeAndSize(&tensor, field));
  const auto offset = reader_.Number<uint64_t>();
  if (!offset) return Truncated(field);
  if (*offset % alignment_ != 0)
    return Bad(reader_.position() - 8, field,
               fmt::format("data offset {} is no multiple of the alignment {}", *offset, alignment_));
  tensor.offset = *offset;
  result_.tensors.push_back(std::move(tensor));
  info_offsets_.push_back(start);
  return {};
}

Status Parser::Shape(Tensor* tensor, const std::string& field) {
  const auto dims = reader_.Number<uint32_t>();
  if (!dims) return Truncated(field);
  if (*dims < 1 || *dims > kGgufMaxDims)
    return Bad(reader_.position() - 4, field,
               fmt::format("{} dimensions, 1 to {} are allowed", *dims, kGgufMaxDims));
  int64_t elements = 1;
  for (uint32_t d = 0; d < *dims; ++d) {
    const auto dim = reader_.Number<int64_t>();
    if (!dim) return Truncated(field);
    if (*dim < 1) return Bad(reader_.position() - 8, field, fmt::format("dimension {} is {}", d, *dim));
    if (__builtin_mul_overflow(elements, *dim, &elements))
      return Bad(reader_.position() - 8, field,
                 fmt::format("dimension {} of {} makes more than 2^63 elements", d, *dim));
    tensor->shape.insert(tensor->shape.begin(), *dim);
  }
  return {};
}

std::string UnknownTypeHint(uint32_t id) {
  const bool repacked = (id >= 31 && id <= 33) || (id >= 36 && id <= 38);
  if (repacked) return "this repacked type was withdrawn: take a Q4_0 or IQ4_NL file of the same model";
  if (id == 4 || id == 5) return "this type was withdrawn in 2023: convert the original model again";
  return "the file is damaged, or newer than this program";
}

Status Parser::TypeAndSize(Tensor* tensor, const std::string& field) {
  const auto id = reader_.Number<uint32_t>();
  if (!id) return Truncated(field);
  const std::optional<DType> type = DTypeFromGgmlId(*id);
  if (!type)
    return Bad(reader_.position() - 4, field,
               fmt::format("tensor type {} is not known", static_cast<int32_t>(*id)), UnknownTypeHint(*id));
  tensor->dtype = *type;
  const int64_t row = tensor->shape.back();
  std::optional<int64_t> size = RowBytes(*type, row);
  if (!size)
    return Bad(reader_.position() - 4, field,
               fmt::format("rows of {} elements do not divide into {} blocks of {}", row, Name(*type),
                           Info(*type).block_size));
  for (size_t d = 0; d + 1 < tensor->shape.size(); ++d)
    if (__builtin_mul_overflow(*size, tensor->shape[d], &*size))
      return Bad(reader_.position() - 4, field, "more than 2^63 bytes");
  tensor->size = static_cast<uint64_t>(*size);
  return {};
}

// Turns offsets into the data section into offsets into the file, once they are known to tile it.
Status Parser::Layout() {
  const uint64_t data_start = RoundUp(reader_.position(), alignment_);
  const uint64_t file_size = file_.bytes().size();
  const uint64_t data_size = file_size > data_start ? file_size - data_start : 0;
  std::vector<size_t> order(result_.tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(result_.tensors[a].offset, a) < std::pair(result_.tensors[b].offset, b);
  });
  uint64_t end = 0;
  std::string before = "the start of the data";
  for (const size_t i : order) {
    Tensor& tensor = result_.tensors[i];
    const std::string field = fmt::format("tensor {}", Printable(tensor.name));
    if (tensor.size > data_size || tensor.offset > data_size - tensor.size)
      return Bad(
          info_offsets_[i], field,
          fmt::format("{} bytes at {} of the data reach past the end of the file: the data has {} bytes",
                      tensor.size, tensor.offset, data_size));
    if (tensor.offset < end)
      return Bad(
          info_offsets_[i], field,
          fmt::format("starts at {} of the data, where {} ends only at {}", tensor.offset, before, end));
    if (tensor.offset != static_cast<uint64_t>(RoundUp(end, alignment_)))
      return Bad(info_offsets_[i], field,
                 fmt::format("starts at {} of the data, leaving a gap after {}, which ends at {}",
                             tensor.offset, before, end));
    end = tensor.offset + tensor.size;
    before = field;
  }
  for (Tensor& tensor : result_.tensors) tensor.offset += data_start;
  return {};
}

}  // namespace

Result<GgufFile> ParseGguf(const MappedFile& file, uint32_t file_number) {
  return Parser(file, file_number).Run();
}

}  // namespace sluice::formats
