#include "server/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

const std::chrono::system_clock::time_point kTime{std::chrono::milliseconds(1'700'000'000'123)};

TEST(LogLine, IsOneJsonObject) {
  const std::string line =
      LogLine(LogFormat::kJson, LogLevel::kInfo, "request", {{"status", 200}, {"model", "m"}}, kTime);
  EXPECT_EQ(
      line,
      "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\"message\":\"request\",\"status\":200,"
      "\"model\":\"m\"}\n");
}

TEST(LogLine, IsReadableText) {
  EXPECT_EQ(
      LogLine(LogFormat::kText, LogLevel::kWarning, "a b", {{"n", 1.5}, {"s", "x y"}, {"t", "z"}}, kTime),
      "2023-11-14T22:13:20.123Z warning a b n=1.5 s=\"x y\" t=z\n");
}

TEST(LogLine, CannotBeForged) {
  const std::string hostile = "x\n{\"level\":\"error\"}\r\x1b[2J\x7f\xc2\x9b\xff\" =";
  for (const LogFormat format : {LogFormat::kJson, LogFormat::kText}) {
    const std::string line = LogLine(format, LogLevel::kInfo, hostile, {{"model", hostile}}, kTime);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    for (const char c : line.substr(0, line.size() - 1)) {
      EXPECT_GE(static_cast<unsigned char>(c), 0x20) << line;
      EXPECT_NE(c, 0x7f) << line;
    }
    EXPECT_EQ(line.find("\xc2\x9b"), std::string::npos);
    if (format == LogFormat::kJson) {
      EXPECT_EQ(Json::parse(line)["level"], "info");
    }
  }
}

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe(ends_), 0); }
  ~Pipe() {
    ::close(ends_[0]);
    CloseWriting();
  }
  int writing() const { return ends_[1]; }
  void CloseWriting() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }
  std::string ReadAll() {
    std::string all;
    char buffer[65536];
    for (ssize_t n; (n = ::read(ends_[0], buffer, sizeof(buffer))) > 0;)
      all.append(buffer, static_cast<size_t>(n));
    return all;
  }

 private:
  int ends_[2] = {-1, -1};
};

TEST(Log, WritesWhatItsLevelAllows) {
  Pipe pipe;
  {
    Log log(pipe.writing(), LogFormat::kJson, LogLevel::kWarning);
    log.Write(LogLevel::kInfo, "quiet");
    log.Write(LogLevel::kError, "loud");
    log.SetLevel(LogLevel::kDebug);
    log.Write(LogLevel::kDebug, "chatty", {{"n", 1}});
  }
  pipe.CloseWriting();
  const std::string text = pipe.ReadAll();
  EXPECT_EQ(text.find("quiet"), std::string::npos);
  EXPECT_LT(text.find("loud"), text.find("chatty"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

// Nobody reads: whoever writes goes on all the same, what does not fit is dropped, and the end comes.
TEST(Log, AReaderThatSleepsHoldsUpNobody) {
  Pipe pipe;
  const std::string long_text(100'000, 'x');
  {
    Log log(pipe.writing(), LogFormat::kJson, LogLevel::kInfo);
    for (int i = 0; i < 100; ++i) log.Write(LogLevel::kInfo, long_text);
  }
  pipe.CloseWriting();
  const std::string text = pipe.ReadAll();
  EXPECT_GT(text.size(), 0u);
  EXPECT_LT(text.size(), 1'000'000u);
}

}  // namespace
}  // namespace sluice::server
