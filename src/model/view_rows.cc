#include "model/view_rows.h"

#include "kernels/blocks.h"
#include "kernels/panel.h"

namespace sluice::model {
namespace {

constexpr int64_t kScaleBlock = 128;  // rows and columns that share an FP8 scale
constexpr int64_t kMxBlock = 32, kMxCodes = 16, kMxBytes = 17;

// Element 2 i in the low half of byte i becomes element i in the low half, i + 16 in the high one; the scale
// in front.
void JoinMxBlock(const std::byte* codes, std::byte scale, std::byte* out) {
  const auto code = [codes](int64_t i) { return i % 2 ? codes[i / 2] >> 4 : codes[i / 2] & std::byte{15}; };
  out[0] = scale;
  for (int64_t i = 0; i < kMxCodes; ++i) out[1 + i] = code(i) | code(i + kMxCodes) << 4;
}

}  // namespace

int64_t StoredCols(const WeightView& view) {
  return view.transposed ? view.first_column + (view.rows - 1) * view.column_step + 1 : view.cols;
}

const std::byte* StoredRow(const WeightView& view, int64_t r, std::vector<std::byte>& scratch) {
  if (view.split_scale == nullptr) return view.Row(r);
  const int64_t blocks = view.cols / kMxBlock;
  scratch.resize(static_cast<size_t>(blocks * kMxBytes));
  for (int64_t b = 0; b < blocks; ++b)
    JoinMxBlock(view.Row(r) + b * kMxCodes, view.split_scale[r * view.split_scale_stride + b],
                scratch.data() + b * kMxBytes);
  return scratch.data();
}

void DecodeStoredRow(const WeightView& view, int64_t r, float* out) {
  if (view.panel_stride > 0) {
    kernels::DecodePanelRow(view.dtype, view.data + r / kernels::kPanelRows * view.panel_stride, view.cols,
                            static_cast<int>(r % kernels::kPanelRows), out);
    return;
  }
  std::vector<std::byte> scratch;
  kernels::DecodeRow(view.dtype, StoredRow(view, r, scratch), StoredCols(view), out);
  if (view.block_scale == nullptr) return;
  const float* scale = view.block_scale + r / kScaleBlock * view.scale_stride;
  for (int64_t c = 0; c < StoredCols(view); ++c) out[c] *= scale[c / kScaleBlock];
}

void DecodeViewRow(const WeightView& view, int64_t r, float* out) {
  if (!view.transposed) return DecodeStoredRow(view, r, out);
  std::vector<float> stored(static_cast<size_t>(StoredCols(view)));
  for (int64_t c = 0; c < view.cols; ++c) {
    DecodeStoredRow(view, c, stored.data());
    out[c] = stored[static_cast<size_t>(view.first_column + r * view.column_step)];
  }
}

}  // namespace sluice::model
