#include "perf/serving/trace.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "base/temporary_directory.h"

namespace sluice::perf {
namespace {

class TraceTest : public testing::Test {
 protected:
  Result<Trace> Read(const std::string& text) {
    const std::string path = (directory_.path() / "trace").string();
    std::ofstream(path) << text;
    return ReadTrace(path);
  }
  TemporaryDirectory directory_;
};

TEST_F(TraceTest, ReadsCsv) {
  const auto trace = Read(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n"
      "2023-11-16 18:59:59.5000000,374,44\n2023-11-16 19:00:01.2500000,0,109\r\n");
  ASSERT_TRUE(trace) << trace.error().message;
  ASSERT_EQ(trace->requests.size(), 2);
  EXPECT_EQ(trace->requests[0].arrival, 0);
  EXPECT_EQ(trace->requests[0].prompt_tokens, 374);
  EXPECT_NEAR(trace->requests[1].arrival, 1.75, 1e-6);
  EXPECT_EQ(trace->requests[1].prompt_tokens, 1);  // none is not possible
  EXPECT_EQ(trace->LongestRequest(), 374 + 44);
}

TEST_F(TraceTest, PromptsShareTheBlocksOfTheSameName) {
  const auto trace =
      Read(R"({"timestamp": 500, "input_length": 1100, "output_length": 5, "hash_ids": [7, 8, 9]})"
           "\n"
           R"({"timestamp": 200, "input_length": 600, "output_length": 6, "hash_ids": [7, 5]})"
           "\n");
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->requests[0].prompt_tokens, 600);  // by arrival
  EXPECT_NEAR(trace->requests[1].arrival, 0.3, 1e-9);
  std::vector<int32_t> vocabulary(1000);
  std::iota(vocabulary.begin(), vocabulary.end(), 50);
  const auto first = PromptOf(*trace, 0, vocabulary), second = PromptOf(*trace, 1, vocabulary);
  ASSERT_EQ(first.size(), 600);
  ASSERT_EQ(second.size(), 1100);
  EXPECT_TRUE(std::equal(first.begin(), first.begin() + 512, second.begin()));
  EXPECT_FALSE(std::equal(first.begin() + 512, first.end(), second.begin() + 512));
}

TEST_F(TraceTest, ScalesTimesAndLengths) {
  const auto read =
      Read(R"({"timestamp": 0, "input_length": 1024, "output_length": 100, "hash_ids": [1, 2]})"
           "\n"
           R"({"timestamp": 1000, "input_length": 4096, "output_length": 1, "hash_ids": [1, 2]})"
           "\n"
           R"({"timestamp": 2000, "input_length": 1, "output_length": 1})"
           "\n");
  ASSERT_TRUE(read) << read.error().message;
  const Trace trace = Scale(*read, {.requests = 2, .speed = 4, .length = 0.25, .longest_prompt = 500});
  ASSERT_EQ(trace.requests.size(), 2);
  EXPECT_EQ(trace.block_tokens, 128);
  EXPECT_EQ(trace.requests[0].prompt_tokens, 256);
  EXPECT_EQ(trace.requests[0].answer_tokens, 25);
  EXPECT_EQ(trace.requests[1].arrival, 0.25);
  EXPECT_EQ(trace.requests[1].prompt_tokens, 500);
  EXPECT_EQ(trace.requests[1].answer_tokens, 1);
}

TEST_F(TraceTest, NamesTheLineThatIsNone) {
  for (const char* bad : {"TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,2\n",
                          "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:59:59,1,-2\n",
                          "{\"timestamp\":1,\"input_length\":5,\"output_length\":1}\n{\"timestamp\":1}\n",
                          "{\"timestamp\":1,\"input_length\":1e99,\"output_length\":1}\n"}) {
    const auto trace = Read(bad);
    ASSERT_FALSE(trace) << bad;
    EXPECT_EQ(trace.error().code, ErrorCode::kBadFile);
    EXPECT_NE(trace.error().message.find("line "), std::string::npos) << trace.error().message;
  }
  EXPECT_FALSE(Read(""));
}

}  // namespace
}  // namespace sluice::perf
