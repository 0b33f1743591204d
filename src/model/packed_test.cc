// Every way in which a matrix of a file becomes panels gives the matrix back.
#include "model/packed.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "kernels/blocks.h"
#include "model/view_rows.h"

namespace sluice::model {
namespace {

using kernels::kPanelRows;

// A stored matrix and what it means. The bytes start at an odd address: files promise no alignment.
struct Stored {
  std::vector<std::byte> bytes;
  std::vector<float> values;  // [stored rows][stored cols]
  WeightView view;
};

// The values are those that the type holds after encoding.
Stored Store(DType dtype, int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> source(rows * cols);
  for (float& x : source) x = normal(random);
  const int64_t stride = *RowBytes(dtype, cols);
  Stored s{std::vector<std::byte>(1 + rows * stride), std::vector<float>(rows * cols), {}};
  for (int64_t r = 0; r < rows; ++r) {
    std::byte* row = s.bytes.data() + 1 + r * stride;
    if (dtype == DType::kF32) {
      std::memcpy(row, source.data() + r * cols, static_cast<size_t>(stride));
    } else {
      kernels::EncodeRow(dtype, source.data() + r * cols, cols, row);
    }
    kernels::DecodeRow(dtype, row, cols, s.values.data() + r * cols);
  }
  s.view = {.name = "w",
            .dtype = dtype,
            .rows = rows,
            .cols = cols,
            .data = s.bytes.data() + 1,
            .row_stride = stride};
  return s;
}

std::vector<float> Unpack(const PackedMatrix& m) {
  std::vector<float> values(m.rows * m.cols);
  for (int64_t r = 0; r < m.rows; ++r)
    kernels::DecodePanelRow(m.dtype, m.Panel(r / kPanelRows), m.cols, static_cast<int>(r % kPanelRows),
                            values.data() + r * m.cols);
  return values;
}

struct Packed {
  PackedMatrix matrix;
  Arena arena;
};
Packed Pack(const MatrixSource& source, Precision precision = Precision::kNative) {
  Packed packed;
  Packer packer;
  packer.Matrix(source, precision, &packed.matrix);
  ThreadTeam team(2, /*pin=*/false);
  auto arena = packer.Pack(team, {});
  EXPECT_TRUE(arena);
  packed.arena = std::move(*arena);
  return packed;
}

TEST(Packer, KeepsEveryTypeAsItIsAndItsValues) {
  for (const DType dtype :
       {DType::kF32, DType::kBF16, DType::kF16, DType::kQ4_0, DType::kQ5_1, DType::kQ8_0, DType::kQ3_K,
        DType::kQ4_K, DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS}) {
    const Stored s = Store(dtype, 37, 512, 1);
    const Packed p = Pack(MatrixSource::Whole(s.view));
    EXPECT_EQ(p.matrix.dtype, dtype);
    EXPECT_EQ(p.matrix.panels(), 3);
    EXPECT_EQ(Unpack(p.matrix), s.values) << Name(dtype);
    const Packed f = Pack(MatrixSource::Whole(s.view), Precision::kF32);
    EXPECT_EQ(f.matrix.dtype, DType::kF32);
    EXPECT_EQ(Unpack(f.matrix), s.values) << Name(dtype);
  }
}

TEST(Packer, PadsTheLastPanelWithZeros) {
  const Stored s = Store(DType::kF32, 5, 8, 2);
  const Packed p = Pack(MatrixSource::Whole(s.view));
  std::vector<float> row(8);
  for (int r = 5; r < kPanelRows; ++r) {
    kernels::DecodePanelRow(p.matrix.dtype, p.matrix.Panel(0), 8, r, row.data());
    EXPECT_EQ(row, std::vector<float>(8, 0.0f));
  }
}

TEST(Packer, TakesSomeRows) {
  const Stored s = Store(DType::kQ8_0, 60, 64, 3);
  const Packed p = Pack({&s.view, 21, 19, 64, false});
  EXPECT_EQ(Unpack(p.matrix), std::vector<float>(s.values.begin() + 21 * 64, s.values.begin() + 40 * 64));
}

// Rows [first, first + cols) of the view, transposed; quantised blocks do not survive that, F16 holds 8 bits
// or fewer.
TEST(Packer, TransposesSomeRows) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kQ8_0}) {
    const Stored s = Store(dtype, 80, 64, 4);
    const Packed p = Pack({&s.view, 7, 64, 64, true});
    EXPECT_EQ(Name(p.matrix.dtype), Name(dtype == DType::kQ8_0 ? DType::kF16 : dtype));
    const std::vector<float> values = Unpack(p.matrix);
    for (int64_t r = 0; r < 64; ++r)
      for (int64_t c = 0; c < 64; ++c) {
        const float expected = s.values[(7 + c) * 64 + r];
        ASSERT_NEAR(values[r * 64 + c], expected, dtype == DType::kQ8_0 ? std::abs(expected) / 1024 : 0)
            << r << ' ' << c;
      }
  }
}

TEST(Packer, ReadsAMatrixThatTheFileHoldsTransposed) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kQ4_0}) {
    Stored s = Store(dtype, 32, 64, 5);
    std::swap(s.view.rows, s.view.cols);
    s.view.transposed = true;
    const std::vector<float> values = Unpack(Pack(MatrixSource::Whole(s.view), Precision::kF32).matrix);
    for (int64_t r = 0; r < 64; ++r)
      for (int64_t c = 0; c < 32; ++c) ASSERT_EQ(values[r * 32 + c], s.values[c * 64 + r]);
  }
}

TEST(Packer, MultipliesFp8ByTheScaleOfItsBlock) {
  Stored s{std::vector<std::byte>(1 + 130 * 200), {}, {}};
  std::mt19937 random(6);
  for (std::byte& b : s.bytes) b = static_cast<std::byte>(random() % 126);
  const std::vector<float> scales = {0.5f, 2, 4, 8};  // [2][2]
  s.view = {.name = "w",
            .dtype = DType::kF8E4M3,
            .rows = 130,
            .cols = 200,
            .data = s.bytes.data() + 1,
            .row_stride = 200,
            .block_scale = scales.data(),
            .scale_stride = 2};
  std::vector<float> expected(130 * 200), row(200);
  for (int64_t r = 0; r < 130; ++r) {
    kernels::DecodeRow(DType::kF8E4M3, s.view.Row(r), 200, expected.data() + r * 200);
    for (int64_t c = 0; c < 200; ++c) expected[r * 200 + c] *= scales[r / 128 * 2 + c / 128];
    DecodeViewRow(s.view, r, row.data());
    ASSERT_TRUE(std::equal(row.begin(), row.end(), expected.begin() + r * 200));
  }
  for (const Precision precision : {Precision::kNative, Precision::kF32})
    EXPECT_EQ(Unpack(Pack(MatrixSource::Whole(s.view), precision).matrix), expected);
  // Rows that start within a block of scales.
  const Packed part = Pack({&s.view, 120, 10, 200, false});
  EXPECT_EQ(Unpack(part.matrix), std::vector<float>(expected.begin() + 120 * 200, expected.end()));
}

TEST(Packer, AnExpertIsContiguousAndAligned) {
  const Stored gate = Store(DType::kQ4_0, 40, 64, 7), up = Store(DType::kQ4_0, 40, 64, 8),
               down = Store(DType::kQ8_0, 64, 64, 9);
  const MatrixSource gate_source = MatrixSource::Whole(gate.view);
  PackedMatrix first, g, u, d;
  Packer packer;
  packer.Matrix(MatrixSource::Whole(gate.view), Precision::kNative, &first);
  packer.Expert(&gate_source, MatrixSource::Whole(up.view), MatrixSource::Whole(down.view),
                Precision::kNative, &g, &u, &d);
  ThreadTeam team(1);
  const auto arena = packer.Pack(team, {});
  ASSERT_TRUE(arena);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(g.data) % 4096, 0u);
  EXPECT_EQ(u.data - g.data, kernels::PanelBytes(DType::kQ4_0, 64));
  EXPECT_EQ(g.panel_stride, 2 * kernels::PanelBytes(DType::kQ4_0, 64));
  EXPECT_EQ(d.data - g.data, g.bytes() + u.bytes());
  EXPECT_EQ(d.data + d.bytes(), arena->data() + arena->size());
  EXPECT_EQ(Unpack(first), gate.values);
  EXPECT_EQ(Unpack(g), gate.values);
  EXPECT_EQ(Unpack(u), up.values);
  EXPECT_EQ(Unpack(d), down.values);
}

// Each memory node's slice of every matrix lies in the node's own region, at the same place; whoever packs.
TEST(Packer, SlicesCoverEveryMatrixOnce) {
  const NodeLayout layout{{{0, {0}}, {1, {1}}, {2, {2}}}};
  for (const int64_t rows : {5, 16, 33, 48, 200}) {
    const Stored gate = Store(DType::kQ4_0, rows, 64, 7), up = Store(DType::kQ4_0, rows, 64, 8),
                 down = Store(DType::kQ8_0, 64, 64, 9), norm = Store(DType::kF32, 1, 300, 10);
    for (const int threads : {1, 2, 3}) {
      SCOPED_TRACE(testing::Message() << rows << " rows, " << threads << " threads");
      const MatrixSource gate_source = MatrixSource::Whole(gate.view);
      PackedMatrix g, u, d;
      const float* vector = nullptr;
      Packer packer(3);
      packer.Vector(norm.view, &vector);
      packer.Expert(&gate_source, MatrixSource::Whole(up.view), MatrixSource::Whole(down.view),
                    Precision::kNative, &g, &u, &d);
      ThreadTeam team(threads, layout);
      const auto arena = packer.Pack(team, {});
      ASSERT_TRUE(arena);
      const int64_t region = arena->size() / 3;
      for (const PackedMatrix* m : {&g, &u, &d})
        for (int64_t p = 0; p < m->panels(); ++p) {
          const int64_t node = p / SliceLength(m->panels(), 3), in_slice = p % SliceLength(m->panels(), 3);
          EXPECT_EQ(m->Panel(p), m->data + node * region + in_slice * m->panel_stride) << "panel " << p;
        }
      EXPECT_EQ(Unpack(g), gate.values);
      EXPECT_EQ(Unpack(u), up.values);
      EXPECT_EQ(Unpack(d), down.values);
      EXPECT_TRUE(std::equal(norm.values.begin(), norm.values.end(), vector));
      EXPECT_FALSE(packer.not_placed().empty()) << "no machine that runs this has a node 2";
    }
  }
}

TEST(Packer, ReportsProgressToTheEnd) {
  const Stored s = Store(DType::kF32, 4000, 300, 10);
  PackedMatrix matrix;
  Packer packer;
  packer.Matrix(MatrixSource::Whole(s.view), Precision::kNative, &matrix);
  ThreadTeam team(2, /*pin=*/false);
  int64_t last = 0, total = 0;
  const auto arena = packer.Pack(team, [&](int64_t done, int64_t all) {
    EXPECT_GE(done, last);
    EXPECT_LE(done, all);
    last = done;
    total = all;
  });
  ASSERT_TRUE(arena);
  EXPECT_EQ(last, total);
  EXPECT_EQ(total, arena->size());
  EXPECT_EQ(Unpack(matrix), s.values);
}

TEST(Packer, VectorsAndEmptyMatrices) {
  const Stored v = Store(DType::kBF16, 1, 33, 11);
  WeightView none{
      .name = "none", .dtype = DType::kF32, .rows = 0, .cols = 8, .data = v.view.data, .row_stride = 32};
  WeightView flat{.name = "flat", .dtype = DType::kF32, .rows = 3, .cols = 0, .data = v.view.data};
  const float* values = nullptr;
  PackedMatrix empty, narrow;
  Packer packer;
  packer.Vector(v.view, &values);
  packer.Matrix(MatrixSource::Whole(none), Precision::kNative, &empty);
  packer.Matrix(MatrixSource::Whole(flat), Precision::kNative, &narrow);
  ThreadTeam team(1);
  const auto arena = packer.Pack(team, {});
  ASSERT_TRUE(arena);
  EXPECT_TRUE(std::equal(v.values.begin(), v.values.end(), values));
  EXPECT_FALSE(empty);
  EXPECT_EQ(narrow.bytes(), 0);
}

}  // namespace
}  // namespace sluice::model
