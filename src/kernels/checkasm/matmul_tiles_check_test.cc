// The products of the amx tier against the scalar ones, bit for bit: with emulated tiles wherever there is
// AVX-512, and with the true ones where the processor has them.
#include <algorithm>

#include "kernels/checkasm/emulated_tiles.h"
#include "kernels/checkasm/products.h"

namespace sluice::kernels::checkasm {
namespace {

std::vector<DType> TileTypes() {
  std::vector<DType> types = PanelTypes();
  std::erase_if(types, [](DType t) { return FindPanelFormat(t)->activations != ActType::kQ8x256; });
  return types;
}

struct Kernel {
  const char* name;
  MatmulFn matmul;
};

class TileCheck : public testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    if (!Supported(Isa::kAvx512)) GTEST_SKIP() << Obstacle(Isa::kAvx512);
    kernels_.push_back({"emulated tiles", FindEmulatedTileProduct(type())});
    ASSERT_NE(kernels_.back().matmul, nullptr);
    if (Supported(Isa::kAmx)) kernels_.push_back({"amx", TableFor(Isa::kAmx).Matmul(type())});
  }
  DType type() const { return GetParam(); }

  // What the kernels give for the first n rows in this order, against what each row gives alone.
  void Expect(Bytes& panel, int64_t k, const Rows& x, const std::vector<int>& order, const Outputs& want) {
    for (const Kernel& kernel : kernels_) {
      const Outputs got = Multiply(kernel.matmul, panel, k, x, order);
      for (const int t : order) {
        const auto& one = got[static_cast<size_t>(t)];
        const int64_t row = FirstDifference(one->values(), want[static_cast<size_t>(t)]->values());
        ASSERT_EQ(row, -1) << kernel.name << ", k " << k << ": token " << t << " among " << order.size()
                           << ": " << one->data()[row] << ", scalar "
                           << want[static_cast<size_t>(t)]->data()[row];
        ASSERT_TRUE(one->UntouchedBefore()) << kernel.name;
      }
    }
  }

  std::vector<Kernel> kernels_;
};

// Around the edges of tiles, of the units of tokens that tiles work on, and of what one call takes.
std::vector<size_t> Counts() {
  std::vector<size_t> counts;
  for (size_t n = 1; n <= 68; ++n) counts.push_back(n);
  for (const size_t n :
       {80, 83, 84, 95, 96, 97, 112, 116, 124, 127, 128, 129, 131, 132, 143, 144, 148, 160, 161})
    counts.push_back(n);
  return counts;
}

TEST_P(TileCheck, AnyNumberOfTokensGivesTheBitsOfTheScalarOne) {
  std::mt19937 random(21);
  const int64_t k = 512;
  const auto panel = MakePanel(type(), k, Fill::kRandom, random);
  const Rows x = MakeRows(type(), k, Counts().back(), Values::kNormal, random);
  const Outputs want = Multiply(TableFor(Isa::kScalar).Matmul(type()), *panel, k, x, InOrder(x.size()));
  for (const size_t n : Counts()) {
    std::vector<int> order = InOrder(x.size());
    std::shuffle(order.begin(), order.end(), random);
    order.resize(n);
    ASSERT_NO_FATAL_FAILURE(Expect(*panel, k, x, order, want));
  }
}

// Rows one after the other in one buffer, which tiles load where they lie, upwards and downwards.
TEST_P(TileCheck, EvenlySpacedRowsGiveTheSameBits) {
  std::mt19937 random(22);
  const int64_t k = 768;
  const auto row_bytes = static_cast<size_t>(ActRowBytes(ActType::kQ8x256, k));
  const auto panel = MakePanel(type(), k, Fill::kRandom, random);
  const Rows rows = MakeRows(type(), k, 55, Values::kNormal, random);
  const Outputs want = Multiply(TableFor(Isa::kScalar).Matmul(type()), *panel, k, rows, InOrder(rows.size()));
  for (const size_t distance : {row_bytes, row_bytes + 192})
    for (const bool down : {false, true}) {
      Bytes buffer(distance * (rows.size() - 1) + row_bytes);
      std::vector<const std::byte*> in;
      for (size_t t = 0; t < rows.size(); ++t) {
        std::byte* row = buffer.data() + distance * (down ? rows.size() - 1 - t : t);
        std::memcpy(row, rows[t]->data(), row_bytes);
        in.push_back(row);
      }
      for (const Kernel& kernel : kernels_) {
        Outputs got;
        std::vector<float*> out;
        for (size_t t = 0; t < rows.size(); ++t) {
          got.push_back(std::make_unique<GuardedBuffer<float>>(kPanelRows));
          out.push_back(got.back()->data());
        }
        kernel.matmul(panel->data(), k, in.data(), static_cast<int64_t>(in.size()), out.data());
        ExpectSame(got, want, kernel.name);
      }
    }
}

TEST_P(TileCheck, ExtremesGiveTheBitsOfTheScalarOne) {
  std::mt19937 random(23);
  for (const Fill fill : kFills)
    for (const Values values : {Values::kNormal, Values::kExtremes, Values::kSpecial}) {
      const int64_t k = 256 * (1 + static_cast<int64_t>(random() % 5));
      const size_t n = 16 + random() % 64;
      const auto panel = MakePanel(type(), k, fill, random);
      const Rows x = MakeRows(type(), k, n, values, random);
      const Outputs want = Multiply(TableFor(Isa::kScalar).Matmul(type()), *panel, k, x, InOrder(n));
      SCOPED_TRACE(Name(fill));
      ASSERT_NO_FATAL_FAILURE(Expect(*panel, k, x, InOrder(n), want));
    }
}

INSTANTIATE_TEST_SUITE_P(Types, TileCheck, testing::ValuesIn(TileTypes()),
                         [](const auto& info) { return std::string(sluice::Name(info.param)); });

}  // namespace
}  // namespace sluice::kernels::checkasm
