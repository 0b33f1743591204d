#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "base/float16.h"
#include "kernels/guarded_buffer.h"
#include "kernels/table.h"

namespace sluice::kernels {
namespace {

using Row = std::vector<float>;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr int64_t kSizes[] = {1, 2, 7, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 127, 200, 511, 1024, 1091};

Row RandomRow(size_t n, uint32_t seed, float spread = 2.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.1f, spread);
  Row row(n);
  for (float& x : row) x = normal(random);
  return row;
}

// A row with every kind of value that a float can be.
Row SpecialRow(size_t n, uint32_t seed) {
  const float special[] = {0.0f,    -0.0f, kInf,   -kInf,    NAN,      1e-45f,
                           -1e-39f, 3e38f, -3e38f, 65504.0f, 65520.0f, 1e-7f};
  Row row = RandomRow(n, seed, 30.0f);
  std::mt19937 random(seed);
  for (float& x : row) {
    if (random() % 3 == 0) x = special[random() % std::size(special)];
  }
  return row;
}

// Runs `kernel(table, x, y)` on each tier, x and y (a copy of x) guarded, and expects the scalar tier's bits.
void ExpectSameBits(const Row& x, const std::function<void(const Table&, const float*, float*)>& kernel,
                    const char* what) {
  Row want;
  for (Isa isa : SupportedTiers()) {
    GuardedBuffer<float> in(x), out(x);
    kernel(TableFor(isa), in.data(), out.data());
    EXPECT_TRUE(out.UntouchedBefore()) << what << " " << Name(isa);
    if (isa == Isa::kScalar) {
      want = out.values();
    } else {
      const Row got = out.values();
      const int64_t i = FirstDifference(want, got);
      EXPECT_EQ(i, -1) << what << " " << Name(isa) << " n = " << x.size() << ": " << want[i] << " and "
                       << got[i];
    }
  }
}

TEST(ElementwiseTest, TiersAgreeToTheBit) {
  for (int64_t n : kSizes) {
    for (bool special : {false, true}) {
      const auto size = static_cast<size_t>(n);
      const Row x = special ? SpecialRow(size, 7) : RandomRow(size, 7);
      GuardedBuffer<float> weight(RandomRow(size, 8)), bias(RandomRow(size, 9));
      const auto same = [&](const char* what, auto kernel) { ExpectSameBits(x, kernel, what); };
      same("rms_norm", [&](const Table& t, const float* in, float* out) {
        t.rms_norm(in, weight.data(), 1e-6f, n, out);
      });
      same("rms_norm, no weight",
           [&](const Table& t, const float* in, float* out) { t.rms_norm(in, nullptr, 1e-6f, n, out); });
      same("layer_norm", [&](const Table& t, const float* in, float* out) {
        t.layer_norm(in, weight.data(), bias.data(), 1e-5f, n, out);
      });
      same("softmax", [&](const Table& t, const float*, float* out) { t.softmax(out, n); });
      same("sigmoid", [&](const Table& t, const float* in, float* out) { t.sigmoid(in, n, out); });
      for (int act = 0; act < 4; ++act) {
        same("glu", [&](const Table& t, const float* in, float* out) {
          t.glu(static_cast<Activation>(act), in, weight.data(), n, out);
        });
        same("glu, no up", [&](const Table& t, const float*, float* out) {
          t.glu(static_cast<Activation>(act), out, nullptr, n, out);
        });
      }
      same("glu_clamped", [&](const Table& t, const float* in, float* out) {
        t.glu_clamped(in, weight.data(), 0.75f, 1.702f, n, out);
      });
      same("axpy", [&](const Table& t, const float*, float* out) { t.axpy(0.3f, weight.data(), n, out); });
      same("scale", [&](const Table& t, const float*, float* out) { t.scale(-1.7f, n, out); });
      same("clamp", [&](const Table& t, const float*, float* out) { t.clamp(1.5f, n, out); });
    }
  }
}

TEST(ElementwiseTest, RopeTiersAgreeAndRotate) {
  for (int64_t pairs : kSizes) {
    const auto size = static_cast<size_t>(pairs);
    const Row x = RandomRow(2 * size, 3);
    Row cosines(size), sines(size);
    for (size_t i = 0; i < size; ++i) {
      cosines[i] = std::cos(0.1f * static_cast<float>(i));
      sines[i] = std::sin(0.1f * static_cast<float>(i));
    }
    GuardedBuffer<float> cos(cosines), sin(sines);
    for (bool interleaved : {false, true}) {
      ExpectSameBits(
          x,
          [&](const Table& t, const float*, float* out) {
            t.rope(out, cos.data(), sin.data(), pairs, interleaved);
          },
          "rope");
      Row y = x;
      TableFor(Isa::kScalar).rope(y.data(), cos.data(), sin.data(), pairs, interleaved);
      for (size_t i = 0; i < size; ++i) {
        const size_t a = interleaved ? 2 * i : i;
        const size_t b = interleaved ? 2 * i + 1 : i + size;
        EXPECT_NEAR(y[a], double{x[a]} * cosines[i] - double{x[b]} * sines[i], 2e-6);
        EXPECT_NEAR(y[b], double{x[b]} * cosines[i] + double{x[a]} * sines[i], 2e-6);
      }
    }
  }
}

TEST(ElementwiseTest, HalvesRoundToEvenAndSaturate) {
  Row x = {0.0f,  -0.0f, 1.0f,  65504.0f, 65519.0f, 65520.0f,  1e9f,
           -1e9f, kInf,  -kInf, 0x1p-24f, 0x1p-25f, 0x1.8p-24f};
  const std::vector<uint16_t> want = {0x0000, 0x8000, 0x3c00, 0x7bff, 0x7bff, 0x7bff, 0x7bff,
                                      0xfbff, 0x7bff, 0xfbff, 0x0001, 0x0000, 0x0002};
  x.push_back(NAN);
  x.push_back(-NAN);
  for (Isa isa : SupportedTiers()) {
    std::vector<uint16_t> y(x.size());
    TableFor(isa).f32_to_f16(x.data(), static_cast<int64_t>(x.size()), y.data());
    for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(y[i], want[i]) << Name(isa) << " " << x[i];
    EXPECT_EQ(y[want.size()], 0x7e00);
    EXPECT_EQ(y[want.size() + 1], 0x7e00);
  }
  for (int64_t n : kSizes) {
    GuardedBuffer<float> in(SpecialRow(static_cast<size_t>(n), 5));
    for (Isa isa : SupportedTiers()) {
      GuardedBuffer<uint16_t> out(static_cast<size_t>(n));
      TableFor(isa).f32_to_f16(in.data(), n, out.data());
      EXPECT_TRUE(out.UntouchedBefore());
      for (int64_t i = 0; i < n; ++i) {
        const float x_i = in.data()[i];
        const float cut = std::isnan(x_i) ? x_i : std::min(65504.0f, std::max(-65504.0f, x_i));
        EXPECT_EQ(out.data()[i] & 0x7fff, FloatToF16(cut) & 0x7fff) << Name(isa) << " " << x_i;
      }
    }
  }
}

// Relative to the largest possible term: 4 roundings per output and the error of the row's sum.
TEST(ElementwiseTest, NormsMatchDoubles) {
  for (int64_t n : {1, 5, 64, 1000, 16384}) {
    const auto size = static_cast<size_t>(n);
    const Row x = RandomRow(size, 1), weight = RandomRow(size, 2), bias = RandomRow(size, 3);
    double sum = 0, squares = 0, deviations = 0;
    for (float v : x) sum += v, squares += double{v} * v;
    const double mean = sum / static_cast<double>(n);
    for (float v : x) deviations += (v - mean) * (v - mean);
    const double rms = std::sqrt(squares / static_cast<double>(n) + 1e-6);
    const double deviation = std::sqrt(deviations / static_cast<double>(n) + 1e-5);
    Row y(size), z(size);
    TableFor(Isa::kScalar).rms_norm(x.data(), weight.data(), 1e-6f, n, y.data());
    TableFor(Isa::kScalar).layer_norm(x.data(), weight.data(), bias.data(), 1e-5f, n, z.data());
    for (size_t i = 0; i < size; ++i) {
      const double exact = x[i] / rms * weight[i];
      EXPECT_NEAR(y[i], exact, 1e-6 * std::abs(exact)) << n;
      const double centered = (x[i] - mean) / deviation * weight[i];
      EXPECT_NEAR(z[i], centered + bias[i],
                  1e-6 * (std::abs(centered) + std::abs(bias[i]) + std::abs(weight[i])))
          << n;
    }
  }
}

TEST(ElementwiseTest, SoftmaxMatchesDoubles) {
  for (int64_t n : {1, 3, 17, 256, 5000}) {
    Row x = RandomRow(static_cast<size_t>(n), 4, 8.0f);
    if (n > 2) x[1] = -kInf;
    const Row logits = x;
    TableFor(Isa::kScalar).softmax(x.data(), n);
    const double top = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (float v : logits) sum += std::exp(v - top);
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = std::exp(logits[i] - top) / sum;
      EXPECT_NEAR(x[i], exact, 5e-6 * exact + 1e-45)
          << n;  // the rounding of (x - top), up to 60, is exp's error
    }
  }
}

TEST(ElementwiseTest, NothingButSaturationLosesNaN) {
  for (Isa isa : SupportedTiers()) {
    const Table& t = TableFor(isa);
    Row y(20, NAN);
    t.clamp(1.0f, 20, y.data());
    for (float v : y) EXPECT_TRUE(std::isnan(v));
    t.glu(Activation::kRelu, y.data(), nullptr, 20, y.data());
    for (float v : y) EXPECT_TRUE(std::isnan(v));
  }
}

TEST(ElementwiseTest, ClampKeepsWhatIsInside) {
  Row y = {-5, -2, -1, 0, 1, 2, 5, kInf, -kInf};
  TableFor(Isa::kScalar).clamp(2.0f, static_cast<int64_t>(y.size()), y.data());
  EXPECT_EQ(y, (Row{-2, -2, -1, 0, 1, 2, 2, 2, -2}));
}

}  // namespace
}  // namespace sluice::kernels
