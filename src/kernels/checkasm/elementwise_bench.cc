// Speed of the elementwise kernels, of attention and of the delta rule, per tier. Usage: elementwise_bench
// [scalar|avx2|avx512]...
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/float16.h"
#include "kernels/attention.h"

namespace sluice::kernels {
namespace {

// Best time of one call, in nanoseconds, over about 0.2 s.
double Nanoseconds(const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  const auto stop = Clock::now() + std::chrono::milliseconds(200);
  double best = 1e30;
  int64_t calls = 1;
  for (auto now = Clock::now(); now < stop;) {
    const auto start = now;
    for (int64_t i = 0; i < calls; ++i) call();
    now = Clock::now();
    const double elapsed = std::chrono::duration<double, std::nano>(now - start).count();
    best = std::min(best, elapsed / static_cast<double>(calls));
    if (elapsed < 1e6) calls *= 2;
  }
  return best;
}

std::vector<float> Random(size_t n) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& x : values) x = normal(random);
  return values;
}

void BenchRows(const Table& t) {
  constexpr int64_t n = 4096;
  const std::vector<float> x = Random(n), w = Random(n);
  std::vector<float> y(n), logits(n);
  std::vector<uint16_t> halves(n);
  const auto print = [&](const char* name, const std::function<void()>& call) {
    fmt::print("{:8} {:20} {:8.3f} ns/element\n", Name(t.isa), name, Nanoseconds(call) / n);
  };
  print("rms_norm", [&] { t.rms_norm(x.data(), w.data(), 1e-6f, n, y.data()); });
  print("layer_norm", [&] { t.layer_norm(x.data(), w.data(), w.data(), 1e-6f, n, y.data()); });
  print("softmax", [&] { t.softmax(logits.data(), n); });
  print("sigmoid", [&] { t.sigmoid(x.data(), n, y.data()); });
  print("glu silu", [&] { t.glu(Activation::kSilu, x.data(), w.data(), n, y.data()); });
  print("glu gelu", [&] { t.glu(Activation::kGelu, x.data(), w.data(), n, y.data()); });
  print("glu gelu tanh", [&] { t.glu(Activation::kGeluTanh, x.data(), w.data(), n, y.data()); });
  print("axpy", [&] { t.axpy(1e-9f, x.data(), n, y.data()); });
  print("rope", [&] { t.rope(y.data(), x.data(), w.data(), n / 2, false); });
  print("rope interleaved", [&] { t.rope(y.data(), x.data(), w.data(), n / 2, true); });
  print("f32_to_f16", [&] { t.f32_to_f16(x.data(), n, halves.data()); });
}

// The same page contents under every page number would stay in cache; each page has its own memory.
std::vector<const std::byte*> Pages(const std::vector<std::byte>& memory, int64_t pages) {
  std::vector<const std::byte*> at;
  const int64_t bytes = static_cast<int64_t>(memory.size()) / pages;
  for (int64_t p = 0; p < pages; ++p) at.push_back(memory.data() + p * bytes);
  return at;
}

// `pages` pages of `dim` elements a position. Of kQ8: codes of all sizes, and scales that make them about 1.
std::vector<std::byte> KvMemory(KvType type, int64_t pages, int64_t dim) {
  const auto elements = static_cast<size_t>(kPageTokens * dim);
  std::vector<std::byte> memory;
  for (int64_t p = 0; p < pages; ++p) {
    const std::vector<float> values = Random(elements);
    std::vector<std::byte> page(static_cast<size_t>(PageBytes(type, dim)));
    for (size_t i = 0; i < elements; ++i) {
      if (type == KvType::kF32) reinterpret_cast<float*>(page.data())[i] = values[i];
      if (type == KvType::kF16) reinterpret_cast<uint16_t*>(page.data())[i] = FloatToF16(values[i]);
      if (type == KvType::kBf16) reinterpret_cast<uint16_t*>(page.data())[i] = FloatToBf16(values[i]);
      if (type == KvType::kQ8) page[i] = static_cast<std::byte>(static_cast<int8_t>(values[i] * 32));
    }
    if (type == KvType::kQ8) {
      auto* scales = reinterpret_cast<float*>(page.data() + elements);
      std::fill_n(scales, (page.size() - elements) / sizeof(float), 1.0f / 32);
    }
    memory.insert(memory.end(), page.begin(), page.end());
  }
  return memory;
}

// Room for n floats from Aligned on.
std::vector<float> AlignedFloats(int64_t n) { return std::vector<float>(static_cast<size_t>(n) + 16); }
float* Aligned(std::vector<float>& floats) {
  return floats.data() + (64 - reinterpret_cast<uintptr_t>(floats.data()) % 64) / 4;
}

void PrintAttention(const Table& t, const std::string& name, double ns, double kv_bytes, double flops) {
  fmt::print("{:8} {:34} {:10.1f} us  {:6.2f} GB/s of KV  {:7.1f} GFLOP/s\n", Name(t.isa), name, ns / 1e3,
             kv_bytes / ns, flops / ns);
}

// One token's `kv_heads` groups of `group` query heads over `keys` keys.
void BenchAttention(const Table& t, KvType type, int kv_heads, int group, int dim, int64_t keys) {
  const int64_t pages = keys / kPageTokens;
  const std::vector<std::byte> k = KvMemory(type, kv_heads * pages, dim), v = k;
  const auto k_pages = Pages(k, kv_heads * pages), v_pages = Pages(v, kv_heads * pages);
  std::vector<float> q = Random(static_cast<size_t>(group * dim)), out(q.size());
  for (float& x : q) x *= 0.1f;
  AttendArgs args{.q = q.data(), .heads = group, .k_dim = dim, .v_dim = dim, .end = keys};
  std::vector<float> states = AlignedFloats(AttendAllScratch(group, dim));
  const double ns = Nanoseconds([&] {
    for (int head = 0; head < kv_heads; ++head) {
      args.k_pages = k_pages.data() + head * pages;
      args.v_pages = v_pages.data() + head * pages;
      AttendAll(t, type, args, nullptr, Aligned(states), out.data());
    }
  });
  PrintAttention(t, fmt::format("attend {} {}x{} d{} {} keys", Name(type), kv_heads, group, dim, keys), ns,
                 2.0 * static_cast<double>(k.size()),
                 4.0 * kv_heads * group * dim * static_cast<double>(keys));
}

void BenchLatent(const Table& t, KvType type, int heads, int64_t keys) {
  constexpr int kDim = 576, kValueDim = 512;
  const int64_t pages = keys / kPageTokens;
  const std::vector<std::byte> memory = KvMemory(type, pages, kDim);
  const auto at = Pages(memory, pages);
  std::vector<float> q = Random(static_cast<size_t>(heads * kDim)),
                     out(static_cast<size_t>(heads * kValueDim));
  for (float& x : q) x *= 0.04f;
  std::vector<float> scratch = AlignedFloats(AttendLatentScratch(heads, kDim, kValueDim));
  std::vector<float> states = AlignedFloats(AttendAllScratch(heads, kValueDim));
  const AttendLatentArgs args{.q = q.data(),
                              .heads = heads,
                              .k_dim = kDim,
                              .v_dim = kValueDim,
                              .pages = at.data(),
                              .end = keys,
                              .scratch = Aligned(scratch)};
  const double ns = Nanoseconds([&] { AttendAll(t, type, args, Aligned(states), out.data()); });
  PrintAttention(t, fmt::format("latent {} {} heads {} keys", Name(type), heads, keys), ns,
                 static_cast<double>(memory.size()),
                 2.0 * heads * (kDim + kValueDim) * static_cast<double>(keys));
}

// `heads` heads whose states are [kDim][kDim], each over `tokens` tokens.
void BenchDelta(const Table& t, int heads, int64_t tokens) {
  constexpr int kDim = 128;
  const size_t size = static_cast<size_t>(tokens);
  std::vector<float> state(static_cast<size_t>(heads) * kDim * kDim), rows = Random(size * kDim),
                                                                      out(size * kDim);
  for (float& x : rows) x *= 0.08f;
  const std::vector<float> decay(size, 0.9f), beta(size, 0.5f);
  std::vector<const float*> in;
  std::vector<float*> to;
  for (size_t i = 0; i < size; ++i) {
    in.push_back(&rows[i * kDim]);
    to.push_back(&out[i * kDim]);
  }
  const double ns = Nanoseconds([&] {
    for (size_t head = 0; head < static_cast<size_t>(heads); ++head)
      t.delta_rule({.state = &state[head * kDim * kDim],
                    .k_dim = kDim,
                    .v_dim = kDim,
                    .tokens = tokens,
                    .q = in.data(),
                    .k = in.data(),
                    .v = in.data(),
                    .decay = decay.data(),
                    .beta = beta.data(),
                    .out = to.data()});
  });
  fmt::print("{:8} {:34} {:10.1f} us a token\n", Name(t.isa),
             fmt::format("delta {}x{} {} tokens", heads, kDim, tokens),
             ns / 1e3 / static_cast<double>(tokens));
}

void BenchTier(const Table& t) {
  BenchRows(t);
  for (const int64_t tokens : {1, 64}) BenchDelta(t, 32, tokens);
  for (KvType type : kAllKvTypes) {
    BenchAttention(t, type, 4, 8, 128, 4096);
    BenchAttention(t, type, 4, 1, 128, 4096);
    BenchLatent(t, type, 16, 1024);
    BenchLatent(t, type, 128, 1024);
  }
}

}  // namespace
}  // namespace sluice::kernels

int main(int argc, char** argv) {
  using namespace sluice::kernels;
  for (Isa isa : kAllIsas) {
    const bool wanted =
        argc == 1 || std::any_of(argv + 1, argv + argc, [&](const char* name) { return Name(isa) == name; });
    if (wanted && Supported(isa)) BenchTier(TableFor(isa));
  }
  return EXIT_SUCCESS;
}
