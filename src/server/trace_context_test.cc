#include "server/trace_context.h"

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

constexpr char kTrace[] = "0af7651916cd43dd8448eb211c80319c", kSpan[] = "b7ad6b7169203331";

std::string Header(const std::string& version, const std::string& trace, const std::string& span,
                   const std::string& rest) {
  return version + "-" + trace + "-" + span + "-" + rest;
}

TEST(TraceParent, ReadsWhatTheSpecificationShows) {
  const auto parent = ParseTraceParent(Header("00", kTrace, kSpan, "01"));
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->trace_id, kTrace);
  EXPECT_EQ(parent->span_id, kSpan);
  EXPECT_TRUE(ParseTraceParent(Header("cc", kTrace, kSpan, "01")));
  EXPECT_TRUE(ParseTraceParent(Header("cc", kTrace, kSpan, "01-what-comes-later")));
}

TEST(TraceParent, IgnoresTheRest) {
  const std::string trace = kTrace, span = kSpan;
  for (const std::string& bad :
       {std::string(), std::string("00"), Header("ff", trace, span, "01"), Header("0", trace, span, "01"),
        Header("00", std::string(32, '0'), span, "01"), Header("00", trace, std::string(16, '0'), "01"),
        Header("00", "0AF7651916CD43DD8448EB211C80319C", span, "01"), Header("00", trace, span, "0x"),
        Header("00", trace, span, "01-more"), Header("00", trace, span, "010"),
        Header("cc", trace, span, "01.x"), Header("00", trace.substr(1), span, "01"),
        Header("00", trace + "0", span, "01"), " " + Header("00", trace, span, "01"),
        Header("00", trace, "b7ad6b716920333\n", "01")})
    EXPECT_FALSE(ParseTraceParent(bad)) << bad;
}

}  // namespace
}  // namespace sluice::server
