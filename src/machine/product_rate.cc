#include "machine/product_rate.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <vector>

#include "base/arena.h"
#include "kernels/table.h"
#include "machine/rate.h"

namespace sluice::machine {
namespace {

constexpr int64_t kCols = 2048;  // a usual width, and a multiple of every block
constexpr int64_t kLeastBytes = int64_t{1} << 20;
constexpr int64_t kMostBytes = int64_t{256} << 20;  // more than any cache on the way
constexpr int64_t kPromptBytes = kMostBytes / 8;
constexpr int64_t kTokens = 64;
constexpr int64_t kPanelsAtOnce = 8;  // what a worker claims
constexpr int kPasses = 3;

// Rows of activations in the form that a type's products read.
class Activations {
 public:
  static Result<Activations> Create(const kernels::Table& kernels, kernels::ActType type) {
    Activations a;
    const int64_t row_bytes = kernels::ActRowBytes(type, kCols);
    SLUICE_TRY(a.arena_, Arena::Reserve(kTokens * row_bytes));
    std::vector<float> row(kCols);
    for (int64_t i = 0; i < kCols; ++i) row[i] = static_cast<float>(i % 17 - 8);
    for (int64_t t = 0; t < kTokens; ++t) {
      std::byte* out = a.arena_.data() + t * row_bytes;
      if (type == kernels::ActType::kF32) std::memcpy(out, row.data(), kCols * sizeof(float));
      if (type == kernels::ActType::kQ8x32) kernels.quantize_q8x32(row.data(), kCols, out);
      if (type == kernels::ActType::kQ8x256) kernels.quantize_q8x256(row.data(), kCols, out);
      a.rows_[t] = out;
    }
    return a;
  }
  const std::byte* const* rows() const { return rows_.data(); }

 private:
  Arena arena_;
  std::array<const std::byte*, kTokens> rows_;
};

// Panels multiplied with `tokens` rows, all of them by all workers. Weights times tokens a second.
double Measure(ThreadTeam& team, kernels::MatmulFn matmul, const Arena& weights, int64_t panel_bytes,
               int64_t panels, const Activations& x, int64_t tokens) {
  std::atomic<int64_t> next{0};
  auto work = [&](int) {
    alignas(64) float out[kTokens][kernels::kPanelRows];
    std::array<float*, kTokens> y;
    for (int64_t t = 0; t < kTokens; ++t) y[t] = out[t];
    for (int64_t p = next.fetch_add(kPanelsAtOnce); p < panels; p = next.fetch_add(kPanelsAtOnce))
      for (int64_t i = p; i < std::min(p + kPanelsAtOnce, panels); ++i)
        matmul(weights.data() + i * panel_bytes, kCols, x.rows(), tokens, y.data());
  };
  const double products = static_cast<double>(panels * kernels::kPanelRows * kCols * tokens);
  return MeasureRate(kPasses, products,
                     [&] {
                       next = 0;
                       team.Run(work);
                     })
      .median;
}

}  // namespace

Result<ProductRate> MeasureProduct(ThreadTeam& team, kernels::Isa isa, DType type, int64_t bytes) {
  bytes = std::clamp(bytes, kLeastBytes, kMostBytes);
  const kernels::PanelFormat* format = kernels::FindPanelFormat(type);
  if (format == nullptr) format = kernels::FindPanelFormat(DType::kF32);
  const kernels::Table& kernels = kernels::TableFor(isa);
  const int64_t panel_bytes = kernels::PanelBytes(format->dtype, kCols), panels = bytes / panel_bytes;
  SLUICE_TRY(const Activations x, Activations::Create(kernels, format->activations));
  SLUICE_TRY(const Arena weights, Arena::Reserve(panels * panel_bytes));
  // Any bits are weights; these are small numbers in every type.
  constexpr int kSmall = 0x11;
  std::memset(weights.data(), kSmall, static_cast<size_t>(panels * panel_bytes));
  const int64_t few = std::min(panels, kPromptBytes / panel_bytes);
  return ProductRate{
      Measure(team, kernels.Matmul(format->dtype, 1), weights, panel_bytes, panels, x, 1),
      Measure(team, kernels.Matmul(format->dtype, kTokens), weights, panel_bytes, few, x, kTokens)};
}

}  // namespace sluice::machine
