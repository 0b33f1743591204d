#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>

#include "base/float16.h"
#include "kernels/attention.h"
#include "kernels/guarded_buffer.h"

namespace sluice::kernels {
namespace {

using Row = std::vector<float>;
constexpr float kInf = std::numeric_limits<float>::infinity();

struct Shape {
  int heads, k_dim, v_dim;
  int64_t begin, end;
  bool sinks = false, bias = false;
  float cap = 0;
};

enum class Form { kColumns, kRows };

// A page of `dim` elements a position, written as the type's definition says, by plain C++. A position whose
// elements are NaN gets a scale that is NaN.
std::vector<std::byte> PageOf(KvType type, const Row& page, int dim, Form form) {
  std::vector<std::byte> bytes(static_cast<size_t>(PageBytes(type, dim)));
  const auto at = [&](int slot, int d) {
    return static_cast<size_t>(form == Form::kRows ? slot * dim + d : d * kPageTokens + slot);
  };
  const auto put = [&](size_t offset, auto value) { std::memcpy(&bytes[offset], &value, sizeof(value)); };
  for (int slot = 0; slot < kPageTokens; ++slot)
    for (int first = 0; first < dim; first += kQ8Block) {
      const int end = std::min<int>(dim, first + kQ8Block);
      float most = 0;
      for (int d = first; d < end; ++d)
        most = std::isnan(page[at(slot, d)]) ? NAN : std::max(most, std::abs(page[at(slot, d)]));
      const float scale = most / 127;
      for (int d = first; d < end; ++d) {
        const size_t i = at(slot, d);
        if (type == KvType::kF32) put(4 * i, page[i]);
        if (type == KvType::kF16) put(2 * i, FloatToF16(page[i]));
        if (type == KvType::kBf16) put(2 * i, FloatToBf16(page[i]));
        if (type == KvType::kQ8)
          put(i, static_cast<int8_t>(scale > 0 ? std::lrintf(page[i] * (127 / most)) : 0));
      }
      if (type == KvType::kQ8)
        put(static_cast<size_t>(kPageTokens * (dim + first / kQ8Block * 4) + slot * 4), scale);
    }
  return bytes;
}

// What a type keeps of it.
Row Kept(KvType type, const Row& page, int dim, Form form) {
  const std::vector<std::byte> bytes = PageOf(type, page, dim, form);
  Row kept(page.size());
  for (int slot = 0; slot < kPageTokens; ++slot)
    for (int d = 0; d < dim; ++d) {
      const auto i = static_cast<size_t>(form == Form::kRows ? slot * dim + d : d * kPageTokens + slot);
      const auto get = [&]<typename T>(size_t offset, T value) {
        std::memcpy(&value, &bytes[offset], sizeof(value));
        return value;
      };
      if (type == KvType::kF32) kept[i] = get(4 * i, 0.0f);
      if (type == KvType::kF16) kept[i] = F16ToFloat(get(2 * i, uint16_t{}));
      if (type == KvType::kBf16) kept[i] = Bf16ToFloat(get(2 * i, uint16_t{}));
      if (type == KvType::kQ8)
        kept[i] = static_cast<float>(get(i, int8_t{})) *
                  get(static_cast<size_t>(kPageTokens * (dim + d / kQ8Block * 4) + slot * 4), 0.0f);
    }
  return kept;
}

// Pages of one kind, each at the end of readable memory.
class Pages {
 public:
  Pages(KvType type, const std::vector<Row>& pages, int dim, Form form) {
    for (const Row& page : pages) {
      pages_.push_back(std::make_unique<GuardedBuffer<std::byte>>(PageOf(type, page, dim, form)));
      at_.push_back(pages_.back()->data());
    }
  }
  const std::byte* const* data() const { return at_.data(); }

 private:
  std::vector<std::unique_ptr<GuardedBuffer<std::byte>>> pages_;
  std::vector<const std::byte*> at_;
};

// Queries, keys and values as rows, and as pages. Positions outside [begin, end) hold NaN.
struct Problem {
  Problem(const Shape& s, uint32_t seed) : shape(s) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    const auto fill = [&](int64_t n, float spread) {
      Row row(static_cast<size_t>(n));
      for (float& x : row) x = F16ToFloat(FloatToF16(spread * normal(random)));
      return row;
    };
    q = fill(int64_t{s.heads} * s.k_dim, 2.0f / std::sqrt(static_cast<float>(s.k_dim)));
    keys = fill(s.end * s.k_dim, 1.0f);
    values = fill(s.end * s.v_dim, 1.0f);
    sinks = fill(s.heads, 2.0f);
    bias = fill(s.heads * s.end, 1.0f);
    const int64_t pages = (s.end + kPageTokens - 1) / kPageTokens;
    k_pages.assign(static_cast<size_t>(pages), Row(static_cast<size_t>(kPageTokens) * s.k_dim, NAN));
    v_pages.assign(static_cast<size_t>(pages), Row(static_cast<size_t>(kPageTokens) * s.v_dim, NAN));
    rows.assign(static_cast<size_t>(pages), Row(static_cast<size_t>(kPageTokens) * s.k_dim, NAN));
    for (int64_t j = s.begin; j < s.end; ++j) {
      const int64_t slot = j % kPageTokens;
      Row& k = k_pages[static_cast<size_t>(j / kPageTokens)];
      for (int d = 0; d < s.k_dim; ++d) {
        k[static_cast<size_t>(d * kPageTokens + slot)] = Key(j, d);
        rows[static_cast<size_t>(j / kPageTokens)][static_cast<size_t>(slot * s.k_dim + d)] = Key(j, d);
      }
      for (int d = 0; d < s.v_dim; ++d) {
        v_pages[static_cast<size_t>(j / kPageTokens)][static_cast<size_t>(slot * s.v_dim + d)] = Value(j, d);
      }
    }
  }
  // The same with keys and values as a type keeps them.
  Problem KeptAs(KvType type) const {
    Problem kept = *this;
    for (Row& page : kept.k_pages) page = Kept(type, page, shape.k_dim, Form::kColumns);
    for (Row& page : kept.v_pages) page = Kept(type, page, shape.v_dim, Form::kRows);
    for (Row& page : kept.rows) page = Kept(type, page, shape.k_dim, Form::kRows);
    return kept;
  }
  float Key(int64_t j, int d) const { return keys[static_cast<size_t>(j * shape.k_dim + d)]; }
  float Value(int64_t j, int d) const { return values[static_cast<size_t>(j * shape.v_dim + d)]; }

  Shape shape;
  Row q, keys, values, sinks, bias;
  std::vector<int64_t> begins, ends;        // of each head, or empty
  std::vector<Row> k_pages, v_pages, rows;  // rows: the latent form, [32][k_dim]
};

// As several workers do it: all spans, the last first, each with a state of its own; then joined.
template <typename Args>
void AttendApart(const Table& table, KvType type, const Args& args, const float* sinks, float* out) {
  const int64_t first = args.begin / kSpanTokens, last = (args.end - 1) / kSpanTokens;
  std::vector<std::unique_ptr<GuardedBuffer<float>>> floats(static_cast<size_t>(last + 1));
  std::vector<AttendState> states(floats.size());
  for (int64_t span = last; span >= first; --span) {
    auto& own = floats[static_cast<size_t>(span)];
    own = std::make_unique<GuardedBuffer<float>>(
        static_cast<size_t>(AttendStateFloats(args.heads, args.v_dim)));
    states[static_cast<size_t>(span)] = AttendStateAt(own->data(), args.heads, args.v_dim);
    AttendSpan(table, type, args, span, states[static_cast<size_t>(span)]);
  }
  const AttendState& state = states[static_cast<size_t>(first)];
  for (int64_t span = first + 1; span <= last; ++span)
    JoinSpan(table, args, span, states[static_cast<size_t>(span)], state);
  table.attend_finish(state, sinks, out);
}

enum class How { kWhole, kApart };

// Heads [first, first + heads) of the problem; every operand guarded.
Row RunPlain(Isa isa, KvType type, const Problem& p, int first = 0, int heads = -1, How how = How::kWhole) {
  const Shape& s = p.shape;
  if (heads < 0) heads = s.heads;
  const Pages k(type, p.k_pages, s.k_dim, Form::kColumns), v(type, p.v_pages, s.v_dim, Form::kRows);
  const auto part = [&](const Row& row, int64_t width) {
    return Row(row.begin() + first * width, row.begin() + (first + heads) * width);
  };
  GuardedBuffer<float> q(part(p.q, s.k_dim)), sinks(part(p.sinks, 1)), bias(part(p.bias, s.end));
  GuardedBuffer<float> out(static_cast<size_t>(heads) * s.v_dim);
  AttendArgs args;
  args.q = q.data();
  args.heads = heads;
  args.k_dim = s.k_dim;
  args.v_dim = s.v_dim;
  args.k_pages = k.data();
  args.v_pages = v.data();
  args.begin = s.begin;
  args.end = s.end;
  if (!p.ends.empty()) {
    args.begins = p.begins.data() + first;
    args.ends = p.ends.data() + first;
  }
  args.logit_cap = s.cap;
  args.bias = s.bias ? bias.data() : nullptr;
  args.bias_stride = s.end;
  const float* all_sinks = s.sinks ? sinks.data() : nullptr;
  GuardedBuffer<float> scratch(static_cast<size_t>(AttendAllScratch(heads, s.v_dim)));
  if (how == How::kWhole) {
    AttendAll(TableFor(isa), type, args, all_sinks, scratch.data(), out.data());
  } else {
    AttendApart(TableFor(isa), type, args, all_sinks, out.data());
  }
  EXPECT_TRUE(out.UntouchedBefore());
  EXPECT_TRUE(scratch.UntouchedBefore());
  return out.values();
}

Row RunLatent(Isa isa, KvType type, const Problem& p, int first = 0, int heads = -1, How how = How::kWhole) {
  const Shape& s = p.shape;
  if (heads < 0) heads = s.heads;
  const Pages pages(type, p.rows, s.k_dim, Form::kRows);
  GuardedBuffer<float> q(
      Row(p.q.begin() + int64_t{first} * s.k_dim, p.q.begin() + int64_t{first + heads} * s.k_dim));
  GuardedBuffer<float> out(static_cast<size_t>(heads) * s.v_dim);
  const int64_t floats = AttendLatentScratch(heads, s.k_dim, s.v_dim);
  EXPECT_EQ(floats % 16, 0) << "so that scratch at the end of a page is 64-byte aligned";
  GuardedBuffer<float> scratch(static_cast<size_t>(floats));
  AttendLatentArgs args;
  args.q = q.data();
  args.heads = heads;
  args.k_dim = s.k_dim;
  args.v_dim = s.v_dim;
  args.pages = pages.data();
  args.begin = s.begin;
  args.end = s.end;
  args.scratch = scratch.data();
  GuardedBuffer<float> states(static_cast<size_t>(AttendAllScratch(heads, s.v_dim)));
  if (how == How::kWhole) {
    AttendAll(TableFor(isa), type, args, states.data(), out.data());
  } else {
    AttendApart(TableFor(isa), type, args, nullptr, out.data());
  }
  EXPECT_TRUE(out.UntouchedBefore());
  EXPECT_TRUE(scratch.UntouchedBefore());
  return out.values();
}

// The heads' weights are the problem's sinks.
Row RunScores(Isa isa, KvType type, const Problem& p, int64_t begin, int64_t end) {
  const Shape& s = p.shape;
  const Pages k(type, p.k_pages, s.k_dim, Form::kColumns);
  GuardedBuffer<float> q(p.q), weights(p.sinks);
  GuardedBuffer<float> out(static_cast<size_t>(end - begin));
  ScoreKeysArgs args;
  args.q = q.data();
  args.weights = weights.data();
  args.heads = s.heads;
  args.k_dim = s.k_dim;
  args.k_pages = k.data();
  args.begin = begin;
  args.end = end;
  args.out = out.data() - begin;
  TableFor(isa).Kv(type).score_keys(args);
  EXPECT_TRUE(out.UntouchedBefore());
  return out.values();
}

// One head in doubles.
std::vector<double> Reference(const Problem& p, int head, bool latent) {
  const Shape& s = p.shape;
  std::vector<double> logits;
  for (int64_t j = s.begin; j < s.end; ++j) {
    double dot = 0;
    for (int d = 0; d < s.k_dim; ++d)
      dot += double{p.q[static_cast<size_t>(head * s.k_dim + d)]} * p.Key(j, d);
    if (s.cap != 0) dot = s.cap * std::tanh(dot / s.cap);
    if (s.bias) dot += p.bias[static_cast<size_t>(head * s.end + j)];
    logits.push_back(dot);
  }
  double top = *std::ranges::max_element(logits);
  const double sink = s.sinks ? p.sinks[static_cast<size_t>(head)] : -kInf;
  top = std::max(top, sink);
  double sum = std::exp(sink - top);
  std::vector<double> out(static_cast<size_t>(s.v_dim));
  for (int64_t j = s.begin; j < s.end; ++j) {
    const double weight = std::exp(logits[static_cast<size_t>(j - s.begin)] - top);
    sum += weight;
    for (int d = 0; d < s.v_dim; ++d)
      out[static_cast<size_t>(d)] += weight * (latent ? p.Key(j, d) : p.Value(j, d));
  }
  for (double& x : out) x /= sum;
  return out;
}

// Values are about 1 and logits below 20: 2e-5 covers the rounding of the logits, the weights and the sums.
void ExpectMatchesDoubles(const Problem& p, const Row& got, bool latent) {
  for (int h = 0; h < p.shape.heads; ++h) {
    const std::vector<double> want = Reference(p, h, latent);
    for (size_t d = 0; d < want.size(); ++d) {
      ASSERT_NEAR(got[static_cast<size_t>(h) * want.size() + d], want[d], 2e-5) << "head " << h << " d " << d;
    }
  }
}

const Shape kShapes[] = {
    {1, 4, 4, 0, 1},                            // the smallest
    {1, 64, 64, 0, 33},                         // MHA
    {2, 16, 16, 31, 33},                        // one key on each side of a page's end
    {3, 40, 24, 5, 20, true},                   // a range inside one page; v_dim with a tail
    {4, 128, 128, 0, 96, false, true},          // whole pages
    {7, 80, 80, 40, 131, true, true},           // pages skipped at the start
    {8, 128, 64, 64, 200, false, false, 5.0f},  // GQA, capped logits
    {11, 33, 17, 1, 65, true, true, 3.0f},      // nothing is a multiple of anything
    {16, 192, 128, 0, 70, true, false, 30.0f},  //
    {48, 96, 112, 3, 127, true, true},          // MQA: more heads than a group
    {3, 24, 20, 100, 700, true, true},          // spans, the outer ones not whole
    {17, 16, 16, 250, 513},                     // a few keys of three spans
};

// Of the attention to random keys and values, in every type: what rounding them costs, of values about 1.
TEST(AttentionTest, TypesKeepWhatTheirBitsAllow) {
  const Problem p({8, 128, 128, 0, 256}, 17);
  const Row exact = RunPlain(Isa::kScalar, KvType::kF32, p);
  const auto worst = [&](KvType type) {
    const Row kept = RunPlain(Isa::kScalar, type, p);
    float error = 0;
    for (size_t i = 0; i < exact.size(); ++i) error = std::max(error, std::abs(kept[i] - exact[i]));
    return error;
  };
  EXPECT_EQ(worst(KvType::kF16), 0) << "the problem's numbers are halves";
  EXPECT_GT(worst(KvType::kBf16), 1e-4f);
  EXPECT_LT(worst(KvType::kBf16), 1e-2f);
  EXPECT_GT(worst(KvType::kQ8), 1e-4f);
  EXPECT_LT(worst(KvType::kQ8), 3e-2f);
}

TEST(AttentionTest, TiersAgreeToTheBitAndMatchDoubles) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(testing::Message() << shape.heads << " heads, dims " << shape.k_dim << " " << shape.v_dim
                                    << ", keys " << shape.begin << ".." << shape.end);
    const Problem p(shape, 17);
    ExpectMatchesDoubles(p, RunPlain(Isa::kScalar, KvType::kF32, p), false);
    for (KvType type : kAllKvTypes) {
      const Row want = RunPlain(Isa::kScalar, KvType::kF32, p.KeptAs(type));
      for (Isa isa : SupportedTiers())
        EXPECT_EQ(FirstDifference(want, RunPlain(isa, type, p)), -1) << Name(isa) << " " << Name(type);
    }
  }
}

TEST(AttentionTest, LatentTiersAgreeToTheBitAndMatchDoubles) {
  for (Shape shape : kShapes) {
    shape.v_dim = std::min(shape.k_dim, shape.v_dim);
    shape.sinks = shape.bias = false;
    shape.cap = 0;
    SCOPED_TRACE(testing::Message() << shape.heads << " heads, dims " << shape.k_dim << " " << shape.v_dim
                                    << ", keys " << shape.begin << ".." << shape.end);
    const Problem p(shape, 18);
    ExpectMatchesDoubles(p, RunLatent(Isa::kScalar, KvType::kF32, p), true);
    for (KvType type : kAllKvTypes) {
      const Row want = RunLatent(Isa::kScalar, KvType::kF32, p.KeptAs(type));
      for (Isa isa : SupportedTiers())
        EXPECT_EQ(FirstDifference(want, RunLatent(isa, type, p)), -1) << Name(isa) << " " << Name(type);
    }
  }
}

// The latent kernel is the plain one with the first v_dim elements of the keys as values.
TEST(AttentionTest, LatentEqualsPlainAttention) {
  for (Shape shape : kShapes) {
    shape.v_dim = std::min(shape.k_dim, shape.v_dim);
    shape.sinks = shape.bias = false;
    shape.cap = 0;
    Problem p(shape, 19);
    for (size_t page = 0; page < p.rows.size(); ++page) {
      for (size_t slot = 0; slot < kPageTokens; ++slot) {
        const auto row = p.rows[page].begin() + static_cast<int64_t>(slot) * shape.k_dim;
        std::copy(row, row + shape.v_dim, p.v_pages[page].begin() + static_cast<int64_t>(slot) * shape.v_dim);
      }
    }
    for (Isa isa : SupportedTiers()) {
      EXPECT_EQ(FirstDifference(RunPlain(isa, KvType::kF32, p), RunLatent(isa, KvType::kF32, p)), -1)
          << Name(isa);
    }
  }
}

TEST(AttentionTest, ScoresOfKeysAgreeToTheBitAndMatchDoubles) {
  for (const Shape& shape : kShapes) {
    const Problem p(shape, 25);
    const Row want = RunScores(Isa::kScalar, KvType::kF32, p, shape.begin, shape.end);
    for (int64_t j = shape.begin; j < shape.end; ++j) {
      double score = 0, size = 0;
      for (int h = 0; h < shape.heads; ++h) {
        double dot = 0;
        for (int d = 0; d < shape.k_dim; ++d)
          dot += static_cast<double>(p.q[static_cast<size_t>(h * shape.k_dim + d)]) * p.Key(j, d);
        score += p.sinks[static_cast<size_t>(h)] * std::max(dot, 0.0);
        size += std::abs(p.sinks[static_cast<size_t>(h)] * dot);
      }
      EXPECT_NEAR(want[static_cast<size_t>(j - shape.begin)], score, 1e-5 * (1 + size)) << "key " << j;
    }
    const int64_t middle = (shape.begin + shape.end) / 2;  // a key's score does not depend on its company
    for (KvType type : kAllKvTypes) {
      const Row kept = RunScores(Isa::kScalar, KvType::kF32, p.KeptAs(type), shape.begin, shape.end);
      for (Isa isa : SupportedTiers()) {
        EXPECT_EQ(FirstDifference(kept, RunScores(isa, type, p, shape.begin, shape.end)), -1)
            << Name(isa) << " " << Name(type);
        EXPECT_EQ(FirstDifference(Row(kept.begin() + (middle - shape.begin), kept.end()),
                                  RunScores(isa, type, p, middle, shape.end)),
                  -1)
            << Name(isa) << " from key " << middle;
      }
    }
  }
}

std::vector<std::pair<Isa, KvType>> TiersAndTypes() {
  std::vector<std::pair<Isa, KvType>> all;
  for (const Isa isa : SupportedTiers())
    for (const KvType type : kAllKvTypes) all.emplace_back(isa, type);
  return all;
}

TEST(AttentionTest, AHeadDoesNotDependOnItsCompany) {
  const Problem p({21, 48, 40, 7, 101, true, true, 10.0f}, 20);
  for (const auto& [isa, type] : TiersAndTypes()) {
    const Row all = RunPlain(isa, type, p);
    const Row all_latent = RunLatent(isa, type, p);
    for (const auto& [first, heads] : {std::pair{0, 1}, {3, 2}, {5, 7}, {13, 8}, {20, 1}, {2, 19}}) {
      const auto same = [&](const Row& whole, const Row& part) {
        const Row expected(whole.begin() + first * 40, whole.begin() + (first + heads) * 40);
        EXPECT_EQ(FirstDifference(expected, part), -1)
            << Name(isa) << " " << Name(type) << " heads " << first << " + " << heads;
      };
      same(all, RunPlain(isa, type, p, first, heads));
      same(all_latent, RunLatent(isa, type, p, first, heads));
    }
  }
}

// The heads of several tokens in one call, each with its own window.
TEST(AttentionTest, HeadsMayHaveRangesOfTheirOwn) {
  Problem all({14, 40, 24, 3, 120, true, false, 4.0f}, 25);
  for (int h = 0; h < 14; ++h) {
    const int token = h / 2;
    all.begins.push_back(3 + token * 7);
    all.ends.push_back(token == 6 ? 120 : 61 + token);
  }
  for (const auto& [isa, type] : TiersAndTypes()) {
    const Row together = RunPlain(isa, type, all);
    for (int h = 0; h < 14; ++h) {
      Problem alone = all;
      alone.begins.clear();
      alone.ends.clear();
      alone.shape.begin = all.begins[h];
      alone.shape.end = all.ends[h];
      const Row want = RunPlain(isa, type, alone, h, 1);
      const Row got(together.begin() + h * 24, together.begin() + (h + 1) * 24);
      EXPECT_EQ(FirstDifference(want, got), -1) << Name(isa) << " " << Name(type) << " head " << h;
    }
  }
}

TEST(AttentionTest, SpansMayBeComputedInAnyOrder) {
  for (Shape shape :
       {Shape{5, 24, 20, 100, 1000, true, true}, {16, 32, 32, 0, 512}, {20, 16, 16, 200, 600}}) {
    Problem p(shape, 26);
    for (const bool own_ranges : {false, true}) {
      if (own_ranges) {
        for (int h = 0; h < shape.heads; ++h) {
          p.begins.push_back(shape.begin + (h % 3 == 1 ? 190 : 0));
          p.ends.push_back(shape.end - (h % 4 == 2 ? 150 : 0));
        }
        p.begins[0] = shape.end - 1;
      }
      for (const auto& [isa, type] : TiersAndTypes()) {
        const Row whole = RunPlain(isa, type, p);
        EXPECT_EQ(FirstDifference(whole, RunPlain(isa, type, p, 0, -1, How::kApart)), -1)
            << Name(isa) << " " << Name(type);
        EXPECT_EQ(FirstDifference(RunPlain(Isa::kScalar, type, p), whole), -1)
            << Name(isa) << " " << Name(type);
      }
    }
    for (const auto& [isa, type] : TiersAndTypes())
      EXPECT_EQ(FirstDifference(RunLatent(isa, type, p), RunLatent(isa, type, p, 0, -1, How::kApart)), -1)
          << Name(isa) << " " << Name(type);
  }
}

// A key masked by a bias of -infinity counts for nothing, even if no key is left so far, or at all.
TEST(AttentionTest, InfiniteBiasMasks) {
  Problem p({2, 16, 16, 0, 80, false, true}, 21);
  for (int64_t j = 0; j < 80; ++j) {
    if (j < 40) p.bias[static_cast<size_t>(j)] = -kInf;  // head 0 sees 40.. only
    p.bias[static_cast<size_t>(80 + j)] = -kInf;         // head 1 sees nothing
  }
  for (Isa isa : SupportedTiers()) {
    const Row got = RunPlain(isa, KvType::kF32, p);
    const std::vector<double> want = Reference(p, 0, false);
    for (size_t d = 0; d < 16; ++d) {
      EXPECT_NEAR(got[d], want[d], 2e-5);
      EXPECT_EQ(got[16 + d], 0.0f);
    }
  }
}

TEST(AttentionTest, ASinkTakesItsShare) {
  Problem p({2, 8, 8, 0, 3, true}, 22);
  p.sinks = {-kInf, 200.0f};
  const Row with = RunPlain(Isa::kScalar, KvType::kF32, p);
  p.shape.sinks = false;
  const Row without = RunPlain(Isa::kScalar, KvType::kF32, p);
  for (size_t d = 0; d < 8; ++d) {
    EXPECT_EQ(with[d], without[d]);
    EXPECT_EQ(with[8 + d], 0.0f);
  }
}

TEST(AttentionTest, LargeLogitsDoNotOverflow) {
  Problem p({4, 16, 16, 0, 50}, 23);
  for (float& x : p.q) x *= 1000.0f;
  const Row want = RunPlain(Isa::kScalar, KvType::kF32, p);
  for (float x : want) EXPECT_TRUE(std::isfinite(x));
  for (Isa isa : SupportedTiers()) EXPECT_EQ(FirstDifference(want, RunPlain(isa, KvType::kF32, p)), -1);
}

TEST(AttentionTest, NanInAKeyShows) {
  Problem p({2, 16, 16, 0, 50}, 24);
  p.k_pages[0][5] = p.rows[0][5] = NAN;
  for (const auto& [isa, type] : TiersAndTypes()) {
    for (float x : RunPlain(isa, type, p)) EXPECT_TRUE(std::isnan(x)) << Name(type);
    for (float x : RunLatent(isa, type, p)) EXPECT_TRUE(std::isnan(x)) << Name(type);
  }
}

}  // namespace
}  // namespace sluice::kernels
