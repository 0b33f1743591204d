#include "model/scale_grid.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "formats/file_error.h"

namespace sluice::model {
namespace {

constexpr int64_t kBlock = 128;

std::vector<std::byte> Widen(std::span<const std::byte> bytes, DType type) {
  const size_t width = type == DType::kF32 ? 4 : 2;
  std::vector<std::byte> out(bytes.size() / width * sizeof(float));
  for (size_t i = 0; i < bytes.size() / width; ++i) {
    float value = 0;
    if (type == DType::kF32) {
      std::memcpy(&value, &bytes[i * 4], 4);
    } else {
      uint16_t half = 0;
      std::memcpy(&half, &bytes[i * 2], 2);
      value = type == DType::kBF16 ? Bf16ToFloat(half) : F16ToFloat(half);
    }
    std::memcpy(&out[i * sizeof(float)], &value, sizeof value);
  }
  return out;
}

}  // namespace

Status AttachScaleGrid(const formats::Checkpoint& checkpoint, const formats::Tensor& scales, WeightView* view,
                       WeightMap* map) {
  const std::vector<int64_t> grid = {(view->rows + kBlock - 1) / kBlock, (view->cols + kBlock - 1) / kBlock};
  if (scales.shape != grid) {
    return Fail(ErrorCode::kBadFile,
                fmt::format("{}: tensor {}: expected [{}] (a scale for each 128 x 128 block), file has [{}]",
                            checkpoint.path, formats::Printable(scales.name), fmt::join(grid, ", "),
                            fmt::join(scales.shape, ", ")));
  }
  const std::span<const std::byte> bytes = checkpoint.Bytes(scales);
  const bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % alignof(float) == 0;
  switch (scales.dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      break;
    default:
      return Fail(ErrorCode::kBadFile,
                  fmt::format("{}: tensor {}: scales of type {}, not F32, BF16 or F16", checkpoint.path,
                              formats::Printable(scales.name), Name(scales.dtype)));
  }
  const std::byte* data =
      scales.dtype == DType::kF32 && aligned ? bytes.data() : map->Own(Widen(bytes, scales.dtype));
  view->block_scale = reinterpret_cast<const float*>(data);
  for (int64_t i = 0; i < grid[0] * grid[1]; ++i) {
    if (std::isfinite(view->block_scale[i])) continue;
    return Fail(ErrorCode::kBadFile,
                fmt::format("{}: tensor {}: scale [{}, {}] is {}", checkpoint.path,
                            formats::Printable(scales.name), i / grid[1], i % grid[1], view->block_scale[i]),
                "the file is damaged or was converted wrongly: fetch or convert it again");
  }
  view->scale_stride = grid[1];
  return {};
}

}  // namespace sluice::model
