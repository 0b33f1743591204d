#include "perf/peer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "perf/child_process.h"

namespace sluice::perf {
namespace {

using Kind = Work::Kind;
const Peer kPeer{"bench", "batched", "m.gguf", 2};

TEST(CommandFor, AsksForThePromptAlone) {
  EXPECT_EQ(CommandFor(kPeer, {.kind = Kind::kPrefill, .tokens = 512}),
            (PeerCommand{"bench",
                         {"-m", "m.gguf", "-t", "2", "-p", "512", "-n", "0", "-r", "1", "-o", "json"}}));
}

TEST(CommandFor, AsksForDecodingAtADepth) {
  EXPECT_EQ(CommandFor(kPeer, {.tokens = 64, .depth = 4096}),
            (PeerCommand{"bench",
                         {"-m", "m.gguf", "-t", "2", "-p", "0", "-n", "64", "-r", "1", "-o", "json", "-d",
                          "4096"}}));
}

TEST(CommandFor, AsksTheOtherProgramForSeveralSequences) {
  EXPECT_EQ(CommandFor(kPeer, {.tokens = 64, .sequences = 8}),
            (PeerCommand{"batched",
                         {"-m", "m.gguf", "-t", "2", "-npp", "1", "-ntg", "64", "-npl", "8", "-c", "2048",
                          "--output-format", "jsonl"}}));
}

TEST(CommandFor, HoldsTheWholeContext) {
  const std::optional<PeerCommand> command = CommandFor(kPeer, {.tokens = 256, .sequences = 2});
  ASSERT_TRUE(command);
  EXPECT_EQ(*(std::ranges::find(command->arguments, "-c") + 1), "1024");
}

TEST(CommandFor, LeavesOutWhatNoProgramIsGivenFor) {
  EXPECT_FALSE(CommandFor({.program = "bench"}, {.tokens = 64, .sequences = 8}));
  EXPECT_FALSE(CommandFor({.batched_program = "batched"}, {.tokens = 64}));
}

TEST(ReadPeerOutput, TakesTheSpeed) {
  EXPECT_EQ(ReadPeerOutput(R"([{"n_prompt": 512, "avg_ts": 81.5, "stddev_ts": 0}])").value_or(0), 81.5);
  EXPECT_EQ(ReadPeerOutput("\n{\"pl\": 8, \"speed_pp\": 8.4, \"speed_tg\": 20.5}\n\n").value_or(0), 20.5);
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
