// Products for the tests: every token's output between guard pages.
#pragma once

#include <gtest/gtest.h>

#include "kernels/checkasm/operands.h"

namespace sluice::kernels::checkasm {

using Rows = std::vector<std::unique_ptr<Bytes>>;
using Outputs = std::vector<std::unique_ptr<GuardedBuffer<float>>>;

// Outputs of n tokens, each alone between guard pages. `order` permutes the tokens of one call.
inline Outputs Multiply(MatmulFn matmul, Bytes& panel, int64_t k, const Rows& x,
                        const std::vector<int>& order) {
  Outputs y;
  for (size_t t = 0; t < x.size(); ++t) y.push_back(std::make_unique<GuardedBuffer<float>>(kPanelRows));
  std::vector<const std::byte*> in;
  std::vector<float*> out;
  for (int t : order) {
    in.push_back(x[static_cast<size_t>(t)]->data());
    out.push_back(y[static_cast<size_t>(t)]->data());
  }
  matmul(panel.data(), k, in.data(), static_cast<int64_t>(in.size()), out.data());
  return y;
}

inline std::vector<int> InOrder(size_t n) {
  std::vector<int> order(n);
  for (size_t i = 0; i < n; ++i) order[i] = static_cast<int>(i);
  return order;
}

inline void ExpectSame(const Outputs& got, const Outputs& want, const std::string& what) {
  for (size_t t = 0; t < got.size(); ++t) {
    const int64_t row = FirstDifference(got[t]->values(), want[t]->values());
    ASSERT_EQ(row, -1) << what << ": token " << t << " of " << got.size() << ": " << got[t]->data()[row]
                       << ", scalar " << want[t]->data()[row];
    ASSERT_TRUE(got[t]->UntouchedBefore()) << what;
  }
}

inline Rows MakeRows(DType type, int64_t k, size_t n, Values values, std::mt19937& random) {
  Rows rows;
  for (size_t t = 0; t < n; ++t)
    rows.push_back(MakeActivations(FindPanelFormat(type)->activations, MakeValues(k, values, random)));
  return rows;
}

}  // namespace sluice::kernels::checkasm
