// Reads little-endian numbers and strings from bytes, never past their end.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::formats {

static_assert(std::endian::native == std::endian::little, "files are mapped and used as they are");

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return bytes_.size() - position_; }
  std::span<const std::byte> Since(uint64_t start) const { return bytes_.subspan(start, position_ - start); }

  template <typename T>
  std::optional<T> Number() {
    if (remaining() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  // A 64-bit length and that many bytes. On failure the position is that of the length.
  std::optional<std::string_view> String() {
    const uint64_t start = position_;
    const std::optional<uint64_t> length = Number<uint64_t>();
    if (!length) return std::nullopt;
    if (*length > remaining()) {
      position_ = start;
      return std::nullopt;
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data() + position_), *length);
    position_ += *length;
    return text;
  }

 private:
  std::span<const std::byte> bytes_;
  uint64_t position_ = 0;
};

}  // namespace sluice::formats
