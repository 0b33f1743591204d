#include "base/nearest.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr std::string_view kVerbs[] = {"run", "serve", "describe", "verify", "tokenize"};

TEST(Nearest, FindsASlipOfTheKeyboard) {
  EXPECT_EQ(NearestNames("discribe", kVerbs), std::vector<std::string_view>{"describe"});
  EXPECT_EQ(NearestNames("Serv", kVerbs), std::vector<std::string_view>{"serve"});
}

TEST(Nearest, FindsNothingForAnotherWord) {
  EXPECT_TRUE(NearestNames("photograph", kVerbs).empty());
  EXPECT_TRUE(NearestNames("", kVerbs).empty());
  EXPECT_TRUE(NearestNames(std::string(100000, 'a'), kVerbs).empty());
}

TEST(Nearest, AsksInWords) {
  constexpr std::string_view kIsas[] = {"avx2", "avx512", "scalar"};
  EXPECT_EQ(DidYouMean("avx52", kIsas), "did you mean avx2 or avx512?");
  EXPECT_EQ(DidYouMean("quantum", kIsas, "see --help"), "see --help");
}

}  // namespace
}  // namespace sluice
