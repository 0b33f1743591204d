// The wire format of protocol buffers, as far as SentencePiece models use it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::tokenizer {

// Reads one message field by field. Every length is checked against what is left.
class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message) : rest_(message), size_(message.size()) {}

  // Reads the next field. False: the message has ended, or it is damaged (see ok()).
  bool Next() {
    if (rest_.empty() || !ok_) return false;
    uint64_t tag = 0;
    if (!Varint(tag)) return false;
    field_ = static_cast<uint32_t>(tag >> 3);
    if (tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) return Damaged();
    switch (tag & 7) {
      case 0:
        return Varint(number_);
      case 1:
        return Fixed(8);
      case 2: {
        uint64_t length = 0;
        if (!Varint(length)) return false;
        if (length > rest_.size()) return Damaged();
        bytes_ = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return true;
      }
      case 5:
        return Fixed(4);
      default:
        return Damaged();
    }
  }

  bool ok() const { return ok_; }
  uint32_t field() const { return field_; }
  uint64_t number() const { return number_; }        // of a varint field
  std::string_view bytes() const { return bytes_; }  // of a string or message
  float real() const { return real_; }               // of a 32-bit field
  size_t position() const { return size_ - rest_.size(); }

 private:
  bool Damaged() { return ok_ = false; }
  bool Fixed(size_t length) {
    if (length > rest_.size()) return Damaged();
    if (length == 4) std::memcpy(&real_, rest_.data(), 4);
    rest_.remove_prefix(length);
    return true;
  }
  bool Varint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return Damaged();
  }

  std::string_view rest_;
  size_t size_;
  bool ok_ = true;
  uint32_t field_ = 0;
  uint64_t number_ = 0;
  std::string_view bytes_;
  float real_ = 0;
};

}  // namespace sluice::tokenizer
