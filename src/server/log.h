// The server's log: one line an event, written by a thread of its own, so that a slow reader holds up nobody.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <thread>

namespace sluice::server {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : uint8_t {
  kJson,  // {"time", "level", "message", ...}
  kText,  // for people
};

// Thread-safe.
class Log {
 public:
  // Writes to `descriptor`, which stays the caller's.
  Log(int descriptor, LogFormat format, LogLevel level);
  ~Log();  // writes what waits, but not for longer than a second

  void SetLevel(LogLevel level);
  // `fields`: an object. Lines that nobody fetches are dropped, and counted.
  void Write(LogLevel level, std::string_view message, const nlohmann::ordered_json& fields);
  void Write(LogLevel level, std::string_view message);

 private:
  const int descriptor_;
  const LogFormat format_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  LogLevel level_;
  std::deque<std::string> lines_;
  size_t bytes_ = 0;  // of lines_
  int64_t dropped_ = 0;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point give_up_;  // when stopping
  std::thread writer_;

  void Run();
  bool WriteOut(std::string_view text);
  bool Abandoned();
};

// The line of one event, with its line feed. No field can break out of it: control characters are escaped.
std::string LogLine(LogFormat format, LogLevel level, std::string_view message,
                    const nlohmann::ordered_json& fields, std::chrono::system_clock::time_point at);

}  // namespace sluice::server
