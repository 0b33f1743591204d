// The parts of SentencePiece's ModelProto (sentencepiece_model.proto) that GGUF carries.
#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <string_view>

#include "convert/vocabulary.h"

namespace sluice::convert {
namespace {

// One field of a protocol buffer message.
struct Field {
  int number = 0;
  uint64_t value = 0;      // of numbers; 32-bit floats as their bits
  std::string_view bytes;  // of strings and messages
};

// Walks the fields of one message. Next gives nothing at the end and where the message is broken.
class FieldReader {
 public:
  explicit FieldReader(std::string_view message) : rest_(message) {}

  std::optional<Field> Next() {
    if (rest_.empty()) return {};
    const auto tag = Varint();
    if (!tag) return {};
    Field field{.number = static_cast<int>(*tag >> 3)};
    std::optional<uint64_t> value;
    switch (*tag & 7) {
      case 0:
        value = Varint();
        break;
      case 1:
        value = Fixed(8);
        break;
      case 5:
        value = Fixed(4);
        break;
      case 2: {
        value = Varint();
        if (!value || *value > rest_.size()) return Broken();
        field.bytes = rest_.substr(0, *value);
        rest_.remove_prefix(*value);
        return field;
      }
      default:
        return Broken();
    }
    if (!value) return {};
    field.value = *value;
    return field;
  }
  bool broken() const { return broken_; }

 private:
  std::nullopt_t Broken() {
    broken_ = true;
    return std::nullopt;
  }

  std::optional<uint64_t> Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const uint8_t byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 127u} << shift;
      if (byte < 128) return value;
    }
    return Broken();
  }
  std::optional<uint64_t> Fixed(size_t bytes) {
    if (rest_.size() < bytes) return Broken();
    uint64_t value = 0;
    std::memcpy(&value, rest_.data(), bytes);
    rest_.remove_prefix(bytes);
    return value;
  }

  std::string_view rest_;
  bool broken_ = false;
};

bool ReadPiece(std::string_view message, Vocabulary& vocabulary) {
  FieldReader fields(message);
  std::string text;
  float score = 0;
  uint64_t type = 1;
  while (const auto field = fields.Next()) {
    if (field->number == 1) text = field->bytes;
    if (field->number == 2) {
      const uint32_t bits = static_cast<uint32_t>(field->value);
      std::memcpy(&score, &bits, sizeof score);
    }
    if (field->number == 3) type = field->value;
  }
  if (fields.broken() || type < 1 || type > 6) return false;
  vocabulary.Add(std::move(text), score, static_cast<TokenType>(type));
  return true;
}

// Member `number` of a message, or the fallback.
uint64_t NumberIn(std::string_view message, int number, uint64_t fallback) {
  FieldReader fields(message);
  while (const auto field = fields.Next())
    if (field->number == number) fallback = field->value;
  return fallback;
}

// How text is normalised before it is cut.
void ReadNormalizer(std::string_view message, Vocabulary& vocabulary, std::string_view* lost) {
  constexpr int kCharsmap = 2, kAddDummyPrefix = 3, kRemoveExtraWhitespaces = 4, kEscapeWhitespaces = 5;
  FieldReader fields(message);
  while (const auto field = fields.Next()) {
    if (field->number == kCharsmap) vocabulary.charsmap.assign(field->bytes.begin(), field->bytes.end());
    if (field->number == kAddDummyPrefix) vocabulary.space_prefix = field->value != 0;
    if (field->number == kRemoveExtraWhitespaces) vocabulary.remove_spaces = field->value != 0;
    if (field->number == kEscapeWhitespaces && field->value == 0) *lost = "escape_whitespaces = false";
  }
}

}  // namespace

Result<Vocabulary> ReadSentencePiece(const MappedFile& file) {
  constexpr int kPieces = 1, kTrainer = 2, kNormalizer = 3;  // of ModelProto
  constexpr int kModelType = 3, kWhitespaceAsSuffix = 24;    // of TrainerSpec
  constexpr uint64_t kUnigram = 1, kBpe = 2;
  Vocabulary vocabulary{.model = "llama", .pre = "default"};
  uint64_t kind = kUnigram;
  FieldReader fields(file.text());
  bool good = true;
  std::string_view lost;  // a setting that GGUF has no key for
  while (const auto field = fields.Next()) {
    if (field->number == kPieces) good = good && ReadPiece(field->bytes, vocabulary);
    if (field->number == kTrainer) {
      kind = NumberIn(field->bytes, kModelType, kind);
      if (NumberIn(field->bytes, kWhitespaceAsSuffix, 0) != 0) lost = "treat_whitespace_as_suffix";
    }
    if (field->number == kNormalizer) ReadNormalizer(field->bytes, vocabulary, &lost);
  }
  if (!good || fields.broken() || vocabulary.tokens.empty())
    return Fail(ErrorCode::kBadFile,
                fmt::format("{}: no SentencePiece model, or a damaged one", file.path()));
  if (kind != kBpe && kind != kUnigram)
    return Fail(ErrorCode::kBadFile,
                fmt::format("{}: the model's type is {}, only unigrams (1) and BPE (2) can be converted",
                            file.path(), kind));
  if (!lost.empty())
    return Fail(ErrorCode::kBadFile, fmt::format("{}: GGUF has no key for {}", file.path(), lost),
                "run the checkpoint as it is");
  if (kind == kUnigram) vocabulary.model = "t5";
  return vocabulary;
}

}  // namespace sluice::convert
