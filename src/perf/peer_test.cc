#include "perf/peer.h"

#include <gtest/gtest.h>

#include "perf/child_process.h"

namespace sluice::perf {
namespace {

using Kind = Work::Kind;
const Peer kPeer{"bench", "m.gguf", 2};

TEST(PeerArguments, AskForThePromptAlone) {
  EXPECT_EQ(
      PeerArguments(kPeer, {.kind = Kind::kPrefill, .tokens = 512}),
      (std::vector<std::string>{"-m", "m.gguf", "-t", "2", "-p", "512", "-n", "0", "-r", "1", "-o", "json"}));
}

TEST(PeerArguments, AskForDecodingAtADepth) {
  EXPECT_EQ(PeerArguments(kPeer, {.tokens = 64, .depth = 4096}),
            (std::vector<std::string>{"-m", "m.gguf", "-t", "2", "-p", "0", "-n", "64", "-r", "1", "-o",
                                      "json", "-d", "4096"}));
}

TEST(PeerArguments, LeaveOutWhatItCannotDo) {
  EXPECT_FALSE(PeerArguments(kPeer, {.tokens = 64, .sequences = 8}));
}

TEST(ReadPeerOutput, TakesTheSpeed) {
  EXPECT_EQ(ReadPeerOutput(R"([{"n_prompt": 512, "avg_ts": 81.5, "stddev_ts": 0}])").value_or(0), 81.5);
}

TEST(ReadPeerOutput, RefusesAnythingElse) {
  for (const char* output : {"", "[]", "{}", "[1]", "not JSON", R"([{"avg_ts": "x"}])", R"([{"avg_ts": 0}])",
                             R"([{"avg_ts": 1}, {"avg_ts": 2}])"})
    EXPECT_FALSE(ReadPeerOutput(output)) << output;
}

TEST(RunProgram, GivesTheOutput) { EXPECT_EQ(RunProgram("/bin/echo", {"a", "b c"}).value_or(""), "a b c\n"); }

TEST(RunProgram, SaysWhatWentWrong) {
  EXPECT_EQ(RunProgram("/nowhere/program", {}).error().code, ErrorCode::kMissing);
  const Result<std::string> failed = RunProgram("/bin/sh", {"-c", "exit 3"});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("status 3"), std::string::npos) << failed.error().message;
  EXPECT_NE(RunProgram("/bin/sh", {"-c", "kill -9 $$"}).error().message.find("signal 9"), std::string::npos);
}

}  // namespace
}  // namespace sluice::perf
