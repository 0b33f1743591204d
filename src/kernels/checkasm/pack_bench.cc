// Speed of packing rows into panels: pack_bench [--type Q4_K] [--tier avx512]. One thread, rows of a matrix
// that no cache holds into one panel, in bytes of the file: the best of several passes.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include "kernels/checkasm/operands.h"
#include "kernels/interleave.h"

namespace sluice::kernels::checkasm {
namespace {

constexpr int64_t kK = 2048, kRows = 32 * 1024;
constexpr int kPasses = 7;

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void BenchType(DType type, Isa isa) {
  const int64_t row_bytes = *RowBytes(type, kK);
  std::mt19937_64 random(1);
  std::vector<uint64_t> file(static_cast<size_t>(row_bytes * kRows / 8));
  for (uint64_t& word : file) word = random();
  Bytes panel(static_cast<size_t>(PanelBytes(type, kK)));
  double best = 1e9;
  for (int pass = 0; pass < kPasses; ++pass) {
    const double start = CpuSeconds();
    for (int64_t first = 0; first < kRows; first += kPanelRows) {
      PanelRows rows;
      for (int64_t r = 0; r < kPanelRows; ++r)
        rows.row[r] = reinterpret_cast<const std::byte*>(file.data()) + (first + r) * row_bytes;
      PackPanelWith(isa, type, rows, kK, panel.data());
    }
    best = std::min(best, CpuSeconds() - start);
  }
  fmt::print("{:8} {:7} {:6.2f} GB/s\n", sluice::Name(type), kernels::Name(isa),
             static_cast<double>(row_bytes * kRows) / best / 1e9);
}

int Main(int argc, char** argv) {
  std::string wanted_type, wanted_tier;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--type") wanted_type = argv[i + 1];
    if (flag == "--tier") wanted_tier = argv[i + 1];
  }
  for (DType type : PanelTypes())
    for (Isa isa : SupportedTiers())
      if ((wanted_type.empty() || wanted_type == sluice::Name(type)) &&
          (wanted_tier.empty() || wanted_tier == kernels::Name(isa)))
        BenchType(type, isa);
  return 0;
}

}  // namespace
}  // namespace sluice::kernels::checkasm

int main(int argc, char** argv) { return sluice::kernels::checkasm::Main(argc, argv); }
