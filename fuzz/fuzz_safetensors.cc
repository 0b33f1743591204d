// Any bytes as a safetensors file, and as a JSON file beside one.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "formats/json.h"
#include "formats/safetensors.h"
#include "require.h"

namespace {

using sluice::Error;
using sluice::ErrorCode;
using sluice::MappedFile;
namespace formats = sluice::formats;

void CheckError(const Error& error) {
  FUZZ_REQUIRE(error.code == ErrorCode::kBadFile);
  FUZZ_REQUIRE(error.message.starts_with("input: offset "));
}

void CheckTensors(const formats::SafetensorsFile& parsed, size_t size) {
  uint64_t sum = 0;
  for (const formats::Tensor& tensor : parsed.tensors) {
    FUZZ_REQUIRE(tensor.offset >= 8 && tensor.offset <= size && tensor.size <= size - tensor.offset);
    FUZZ_REQUIRE(static_cast<uint64_t>(tensor.elements()) * sluice::Info(tensor.dtype).block_bytes ==
                 tensor.size);
    sum += tensor.size;
  }
  FUZZ_REQUIRE(sum < size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = MappedFile::FromStatic(std::as_bytes(std::span(data, size)), "input");
  if (const auto parsed = formats::ParseSafetensors(file); parsed)
    CheckTensors(*parsed, size);
  else
    CheckError(parsed.error());
  if (const auto json = formats::ParseJson(file); !json) CheckError(json.error());
  return 0;
}
