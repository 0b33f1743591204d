// Speed of the products with panels: kernel_bench [--type Q4_K,Q6_K] [--tier avx2,avx512] [--n 1,8]
// [--threads 1] [--mib 256]. Weights are read from memory, not from a cache. Beside each figure stands its
// share of what the machine gives: the measured read bandwidth, and the measured peak of 8-bit dot products.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <immintrin.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <span>
#include <sstream>
#include <thread>

#include "kernels/checkasm/operands.h"

namespace sluice::kernels::checkasm {
namespace {

constexpr int64_t kK = 2048;
constexpr size_t kHugePage = 2 << 20;
constexpr int kRounds = 15;

struct Options {
  std::vector<std::string> types, tiers;  // empty: all
  std::vector<int> tokens = {1, 2, 4, 8, 16, 64};
  int threads = 1;
  int64_t mib = 256;
};

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Best of several rounds of `work(thread)` on all threads at once, in seconds: CPU time of the slowest
// thread, so that other programs' time slices do not count.
double Time(int threads, const std::function<void(int)>& work) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> seconds(static_cast<size_t>(threads));
    const auto timed = [&](int t) {
      const double start = CpuSeconds();
      work(t);
      seconds[static_cast<size_t>(t)] = CpuSeconds() - start;
    };
    std::vector<std::thread> team;
    for (int t = 1; t < threads; ++t) team.emplace_back(timed, t);
    timed(0);
    for (std::thread& t : team) t.join();
    best = std::min(best, *std::max_element(seconds.begin(), seconds.end()));
  }
  return best;
}

typedef int64_t Line __attribute__((vector_size(64)));

// In the widest registers: narrower loads read less a second from memory, too.
__attribute__((target_clones("avx512f", "avx2", "default"))) int64_t ReadLines(const Line* p,
                                                                               const Line* end) {
  Line sum[4] = {};
  for (; p + 4 <= end; p += 4)
    for (int j = 0; j < 4; ++j) sum[j] ^= p[j];
  return (sum[0] ^ sum[1] ^ sum[2] ^ sum[3])[0];
}

double ReadBandwidth(std::span<const std::byte> memory, int threads) {
  const auto* lines = reinterpret_cast<const Line*>(memory.data());
  const int64_t count = static_cast<int64_t>(memory.size() / sizeof(Line));
  const double seconds = Time(threads, [&](int t) {
    volatile int64_t sink = ReadLines(lines + count * t / threads, lines + count * (t + 1) / threads);
    (void)sink;
  });
  return static_cast<double>(memory.size()) / seconds;
}

constexpr int64_t kPeakLoops = 2'000'000;
constexpr int kChains = 16;

// Sixteen independent chains of 64 multiply-adds each.
__attribute__((target("avx512f,avx512vnni"))) void PeakVnni() {
  __m512i sum[kChains] = {};
  const __m512i a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(3);
  for (int64_t i = 0; i < kPeakLoops; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < kChains; ++j) {
      sum[j] = _mm512_dpbusd_epi32(sum[j], a, b);
      asm volatile("" : "+v"(sum[j]));
    }
}

double PeakOps(int threads) {
  if (!Supported(Isa::kAvx512)) return 0;
  return static_cast<double>(kPeakLoops * kChains * 128 * threads) / Time(threads, [](int) { PeakVnni(); });
}

struct Machine {
  double bandwidth, peak;
};

void BenchType(DType type, Isa isa, std::span<std::byte> memory, const Machine& machine,
               const Options& options) {
  std::mt19937 random(1);
  const auto panel = MakePanel(type, kK, Fill::kRandom, random);
  const int64_t panel_bytes = PanelBytes(type, kK);
  const int64_t panels = static_cast<int64_t>(memory.size()) / panel_bytes;
  for (int64_t i = 0; i < panels; ++i)
    std::memcpy(memory.data() + i * panel_bytes, panel->data(), static_cast<size_t>(panel_bytes));
  // Each token has a row of its own, one after the other, as in a model.
  const ActType act = FindPanelFormat(type)->activations;
  const int64_t row_bytes = ActRowBytes(act, kK);
  const auto most = static_cast<size_t>(*std::ranges::max_element(options.tokens));
  const std::unique_ptr<std::byte, decltype(&std::free)> rows(
      static_cast<std::byte*>(std::aligned_alloc(64, most * static_cast<size_t>(row_bytes))), &std::free);
  for (size_t t = 0; t < most; ++t)
    std::memcpy(rows.get() + static_cast<int64_t>(t) * row_bytes,
                MakeActivations(act, MakeValues(kK, Values::kNormal, random))->data(),
                static_cast<size_t>(row_bytes));
  for (int n : options.tokens) {
    const MatmulFn matmul = TableFor(isa).Matmul(type, n);
    // Enough panels for a tenth of a second or so: all of them for few tokens, fewer for many.
    const int64_t share = isa == Isa::kScalar ? 400 * n : std::max(1, n / 4);
    const int64_t used = std::max<int64_t>(panels / share, options.threads);
    const double seconds = Time(options.threads, [&](int t) {
      std::vector<float> y(static_cast<size_t>(n) * kPanelRows);
      std::vector<const std::byte*> in;
      std::vector<float*> out;
      for (int i = 0; i < n; ++i) {
        in.push_back(rows.get() + i * row_bytes);
        out.push_back(y.data() + i * kPanelRows);
      }
      for (int64_t p = used * t / options.threads; p < used * (t + 1) / options.threads; ++p)
        matmul(memory.data() + p * panel_bytes, kK, in.data(), n, out.data());
    });
    const double bytes = static_cast<double>(used * panel_bytes) / seconds;
    const double ops = 2.0 * static_cast<double>(used * kPanelRows * kK) * n / seconds;
    fmt::print("{:8} {:7} n {:3}  {:7.2f} GB/s {:5.1f} %  {:8.1f} Gop/s {:5.1f} %\n", sluice::Name(type),
               kernels::Name(isa), n, bytes / 1e9, 100 * bytes / machine.bandwidth, ops / 1e9,
               machine.peak > 0 ? 100 * ops / machine.peak : 0.0);
    std::fflush(stdout);
  }
}

std::vector<std::string> ParseList(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

std::vector<int> NumbersOf(const std::vector<std::string>& parts) {
  std::vector<int> numbers;
  for (const std::string& part : parts) numbers.push_back(std::max(1, std::atoi(part.c_str())));
  return numbers;
}

// Names of `wanted` that are none of `known` end the program.
void CheckNames(const char* flag, const std::vector<std::string>& wanted,
                const std::vector<std::string>& known) {
  for (const std::string& name : wanted) {
    if (std::ranges::find(known, name) != known.end()) continue;
    fmt::print(stderr, "kernel_bench: error: {} has no '{}'\n  try: {}\n", flag, name,
               fmt::join(known, ", "));
    std::exit(2);
  }
}

template <typename T>
std::vector<std::string> NamesOf(const std::vector<T>& values, auto name) {
  std::vector<std::string> names;
  for (const T& value : values) names.emplace_back(name(value));
  return names;
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string flag = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    CheckNames("the command line", {flag}, {"--type", "--tier", "--n", "--threads", "--mib"});
    if (flag == "--type") options.types = ParseList(value);
    if (flag == "--tier") options.tiers = ParseList(value);
    if (flag == "--n") options.tokens = NumbersOf(ParseList(value));
    if (flag == "--threads") options.threads = std::max(1, std::atoi(value.c_str()));
    if (flag == "--mib") options.mib = std::max(2, std::atoi(value.c_str()) / 2 * 2);
  }
  CheckNames("--type", options.types, NamesOf(PanelTypes(), [](DType type) { return sluice::Name(type); }));
  CheckNames("--tier", options.tiers, NamesOf(SupportedTiers(), [](Isa isa) { return kernels::Name(isa); }));
  return options;
}

bool Wanted(const std::vector<std::string>& names, std::string_view name) {
  return names.empty() || std::ranges::find(names, name) != names.end();
}

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  const size_t bytes = static_cast<size_t>(options.mib) << 20;
  const std::unique_ptr<void, decltype(&std::free)> owner(std::aligned_alloc(kHugePage, bytes), &std::free);
  const std::span memory(static_cast<std::byte*>(owner.get()), bytes);
  madvise(memory.data(), bytes, MADV_HUGEPAGE);
  std::memset(memory.data(), 1, bytes);
  const Machine machine{ReadBandwidth(memory, options.threads), PeakOps(options.threads)};
  fmt::print("{} threads, k {}: reads {:.1f} GB/s, 8-bit products {:.0f} Gop/s\n", options.threads, kK,
             machine.bandwidth / 1e9, machine.peak / 1e9);
  for (DType type : PanelTypes())
    for (Isa isa : SupportedTiers())
      if (Wanted(options.types, sluice::Name(type)) && Wanted(options.tiers, kernels::Name(isa)))
        BenchType(type, isa, memory, machine, options);
  return 0;
}

}  // namespace
}  // namespace sluice::kernels::checkasm

int main(int argc, char** argv) { return sluice::kernels::checkasm::Main(argc, argv); }
