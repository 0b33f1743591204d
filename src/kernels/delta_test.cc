#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>

#include "kernels/guarded_buffer.h"
#include "kernels/table.h"

namespace sluice::kernels {
namespace {

using Row = std::vector<float>;

Row RandomRow(int64_t n, float spread, std::mt19937& random) {
  std::normal_distribution<float> normal(0.0f, spread);
  Row row(static_cast<size_t>(n));
  for (float& x : row) x = normal(random);
  return row;
}

bool SameBits(const Row& a, const Row& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// One head's tokens and the state that they meet.
struct Problem {
  Problem(int keys, int values, int64_t n, uint32_t seed) : k_dim(keys), v_dim(values), tokens(n) {
    std::mt19937 random(seed);
    const float length = 1 / std::sqrt(static_cast<float>(k_dim));
    state = RandomRow(int64_t{k_dim} * v_dim, 1.0f, random);
    for (int64_t t = 0; t < n; ++t) {
      q.push_back(RandomRow(k_dim, length, random));
      k.push_back(RandomRow(k_dim, length, random));
      v.push_back(RandomRow(v_dim, 1.0f, random));
      decay.push_back(std::uniform_real_distribution<float>(0.3f, 1.0f)(random));
      beta.push_back(std::uniform_real_distribution<float>(0.0f, 1.0f)(random));
    }
  }
  int k_dim, v_dim;
  int64_t tokens;
  Row state, decay, beta;
  std::vector<Row> q, k, v;
};

struct Answer {
  Row state;
  std::vector<Row> out;
};

// Every operand ends where an unreadable page begins. Tokens go in calls of `chunk`.
Answer Compute(const Problem& p, Isa isa, int64_t chunk) {
  using Guarded = GuardedBuffer<float>;
  std::vector<std::unique_ptr<Guarded>> rows;
  std::vector<const float*> q, k, v;
  std::vector<float*> out;
  const auto guard = [&rows](const Row& row) {
    return rows.emplace_back(std::make_unique<Guarded>(row))->data();
  };
  for (int64_t t = 0; t < p.tokens; ++t) {
    q.push_back(guard(p.q[t]));
    k.push_back(guard(p.k[t]));
    v.push_back(guard(p.v[t]));
    out.push_back(guard(Row(static_cast<size_t>(p.v_dim), NAN)));
  }
  Guarded state(p.state);
  for (int64_t t = 0; t < p.tokens; t += chunk) {
    const int64_t n = std::min(chunk, p.tokens - t);
    TableFor(isa).delta_rule({.state = state.data(),
                              .k_dim = p.k_dim,
                              .v_dim = p.v_dim,
                              .tokens = n,
                              .q = &q[t],
                              .k = &k[t],
                              .v = &v[t],
                              .decay = &p.decay[t],
                              .beta = &p.beta[t],
                              .out = &out[t]});
  }
  EXPECT_TRUE(state.UntouchedBefore());
  Answer answer{state.values(), {}};
  for (const float* row : out) answer.out.emplace_back(row, row + p.v_dim);
  return answer;
}

void ExpectSame(const Answer& want, const Answer& got, Isa isa, const Problem& p) {
  EXPECT_TRUE(SameBits(want.state, got.state)) << Name(isa) << ", " << p.k_dim << " x " << p.v_dim;
  for (size_t t = 0; t < want.out.size(); ++t)
    EXPECT_TRUE(SameBits(want.out[t], got.out[t])) << Name(isa) << ", token " << t << " of " << p.tokens;
}

TEST(DeltaRuleTest, TiersAndChunksAgreeToTheBit) {
  for (const auto& [k_dim, v_dim] :
       {std::pair{1, 1}, {8, 8}, {3, 15}, {16, 16}, {5, 17}, {8, 33}, {64, 63}, {20, 200}, {128, 128}}) {
    for (const int64_t tokens : {1, 2, 9}) {
      const Problem p(k_dim, v_dim, tokens, static_cast<uint32_t>(k_dim * 1000 + v_dim));
      const Answer want = Compute(p, Isa::kScalar, 1);
      for (Isa isa : SupportedTiers())
        for (const int64_t chunk : {int64_t{1}, int64_t{4}, tokens})
          ExpectSame(want, Compute(p, isa, chunk), isa, p);
    }
  }
}

// The rule as it is published, in doubles: the state decays first.
TEST(DeltaRuleTest, MatchesDoubles) {
  const Problem p(48, 40, 30, 5);
  const Answer got = Compute(p, Isa::kScalar, p.tokens);
  std::vector<double> state(p.state.begin(), p.state.end());
  for (int64_t t = 0; t < p.tokens; ++t) {
    for (int j = 0; j < p.v_dim; ++j) {
      double memory = 0, out = 0;
      for (int i = 0; i < p.k_dim; ++i) {
        double& element = state[static_cast<size_t>(i * p.v_dim + j)];
        element *= p.decay[t];
        memory += element * p.k[t][i];
      }
      const double delta = (p.v[t][j] - memory) * p.beta[t];
      for (int i = 0; i < p.k_dim; ++i) {
        double& element = state[static_cast<size_t>(i * p.v_dim + j)];
        element += p.k[t][i] * delta;
        out += element * p.q[t][i];
      }
      EXPECT_NEAR(got.out[t][j], out, 3e-6);
    }
  }
  for (size_t i = 0; i < state.size(); ++i) EXPECT_NEAR(got.state[i], state[i], 3e-6);
}

TEST(ConvSiluTest, TiersAgreeAndMatchDoubles) {
  std::mt19937 random(9);
  for (const int64_t n : {1, 8, 15, 16, 17, 40, 64}) {
    constexpr int kTaps = 4;
    const int64_t stride = n + 3;
    GuardedBuffer<float> weight(RandomRow((kTaps - 1) * stride + n, 1.0f, random));
    std::vector<std::unique_ptr<GuardedBuffer<float>>> rows;
    std::vector<const float*> x;
    for (int tap = 0; tap < kTaps; ++tap) {
      rows.push_back(std::make_unique<GuardedBuffer<float>>(RandomRow(n, 1.0f, random)));
      x.push_back(rows.back()->data());
    }
    Row want;
    for (Isa isa : SupportedTiers()) {
      GuardedBuffer<float> y(static_cast<size_t>(n));
      TableFor(isa).conv_silu(x.data(), weight.data(), stride, kTaps, n, y.data());
      EXPECT_TRUE(y.UntouchedBefore());
      if (isa == Isa::kScalar) want = y.values();
      EXPECT_TRUE(SameBits(want, y.values())) << Name(isa) << ", " << n;
      GuardedBuffer<float> in_place(rows[kTaps - 1]->values());
      std::vector<const float*> aliased(x.begin(), x.end() - 1);
      aliased.push_back(in_place.data());
      TableFor(isa).conv_silu(aliased.data(), weight.data(), stride, kTaps, n, in_place.data());
      EXPECT_TRUE(SameBits(want, in_place.values())) << Name(isa) << ", " << n << ", in place";
    }
    for (int64_t i = 0; i < n; ++i) {
      double sum = 0;
      for (int tap = 0; tap < kTaps; ++tap) sum += double{weight.data()[tap * stride + i]} * x[tap][i];
      EXPECT_NEAR(want[i], sum / (1 + std::exp(-sum)), 1e-6 * (1 + std::abs(sum)));
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
