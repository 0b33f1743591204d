// Any bytes as a GGUF file: refused with a full message, or opened with every tensor inside the file.
#include <cstdint>

#include "formats/checkpoint.h"
#include "require.h"

namespace {

using sluice::ErrorCode;
using sluice::MappedFile;
namespace formats = sluice::formats;

void CheckMetadata(const formats::GgufMetadata& metadata) {
  for (const auto& entry : metadata.entries()) {
    FUZZ_REQUIRE(metadata.Find(entry.key) == &entry.value);
    FUZZ_REQUIRE(entry.raw.size() >= 5);
    const bool is_text = metadata.String(entry.key).has_value();
    FUZZ_REQUIRE(!is_text || !metadata.Float(entry.key).has_value());
    FUZZ_REQUIRE(!metadata.Int(entry.key) || metadata.Float(entry.key));
    FUZZ_REQUIRE(!metadata.Ints(entry.key) || metadata.Floats(entry.key));
    if (const auto* texts = metadata.Strings(entry.key))
      for (const std::string_view text : *texts) FUZZ_REQUIRE(text.empty() || text.data() != nullptr);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = MappedFile::FromStatic(std::as_bytes(std::span(data, size)), "input.gguf");
  const auto checkpoint = formats::OpenGgufCheckpoint(file);
  if (!checkpoint) {
    FUZZ_REQUIRE(checkpoint.error().code == ErrorCode::kBadFile);
    FUZZ_REQUIRE(checkpoint.error().message.starts_with("input.gguf: offset "));
    return 0;
  }
  CheckMetadata(checkpoint->gguf);
  for (const formats::Tensor& tensor : checkpoint->tensors.tensors()) {
    FUZZ_REQUIRE(tensor.size > 0 && tensor.offset % 8 == 0);
    FUZZ_REQUIRE(tensor.offset <= size && tensor.size <= size - tensor.offset);
    FUZZ_REQUIRE(tensor.elements() > 0);
    FUZZ_REQUIRE(checkpoint->tensors.Find(tensor.name) == &tensor);
  }
  return 0;
}
