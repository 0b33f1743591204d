#include "server/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "server/json_input.h"

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostBytes = size_t{4} << 20;  // of lines that wait
constexpr size_t kPipeBytes = 4096;             // that a pipe which is ready takes without waiting

const char* NameOf(LogLevel level) {
  static constexpr const char* kNames[] = {"debug", "info", "warning", "error"};
  return kNames[static_cast<size_t>(level)];
}

std::string TimeOf(std::chrono::system_clock::time_point at) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(milliseconds / 1000)), milliseconds % 1000);
}

bool IsPlain(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
}

// As JSON, without quotation marks where there is nothing to quote.
std::string Shown(const Json& value) {
  return value.is_string() && IsPlain(value.get_ref<const std::string&>()) ? value.get<std::string>()
                                                                           : Dump(value);
}

// A terminal obeys control characters: they are written as in JSON.
std::string Escaped(std::string_view text) {
  const std::string quoted = Dump(Json(text));
  return quoted.substr(1, quoted.size() - 2);
}

// What JSON allows and a terminal obeys all the same: DEL and the C1 controls of Unicode.
std::string WithoutControls(const std::string& line) {
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    const auto next = static_cast<unsigned char>(i + 1 < line.size() ? line[i + 1] : 0);
    if (byte == 0x7f) {
      out += "\\u007f";
    } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
      out += fmt::format("\\u{:04x}", next);
      ++i;
    } else {
      out += line[i];
    }
  }
  return out;
}

}  // namespace

std::string LogLine(LogFormat format, LogLevel level, std::string_view message, const Json& fields,
                    std::chrono::system_clock::time_point at) {
  std::string line;
  if (format == LogFormat::kJson) {
    Json object = {{"time", TimeOf(at)}, {"level", NameOf(level)}, {"message", message}};
    for (const auto& [name, value] : fields.items()) object[name] = value;
    line = Dump(object);
  } else {
    line = fmt::format("{} {:<7} {}", TimeOf(at), NameOf(level), Escaped(message));
    for (const auto& [name, value] : fields.items()) line += fmt::format(" {}={}", name, Shown(value));
  }
  return WithoutControls(line) + '\n';
}

Log::Log(int descriptor, LogFormat format, LogLevel level)
    : descriptor_(descriptor), format_(format), level_(level), writer_([this] { Run(); }) {}

Log::~Log() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    give_up_ = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  }
  arrived_.notify_one();
  writer_.join();
}

void Log::SetLevel(LogLevel level) {
  const std::lock_guard lock(mutex_);
  level_ = level;
}

void Log::Write(LogLevel level, std::string_view message) { Write(level, message, Json::object()); }

void Log::Write(LogLevel level, std::string_view message, const Json& fields) {
  {
    const std::lock_guard lock(mutex_);
    if (level < level_) return;
  }
  std::string line = LogLine(format_, level, message, fields, std::chrono::system_clock::now());
  {
    const std::lock_guard lock(mutex_);
    if (bytes_ + line.size() > kMostBytes) {
      ++dropped_;
      return;
    }
    bytes_ += line.size();
    lines_.push_back(std::move(line));
  }
  arrived_.notify_one();
}

void Log::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    arrived_.wait(lock, [this] { return stopping_ || !lines_.empty(); });
    if (lines_.empty()) return;
    std::string text = std::move(lines_.front());
    lines_.pop_front();
    bytes_ -= text.size();
    if (const int64_t dropped = std::exchange(dropped_, 0); dropped > 0)
      text += LogLine(format_, LogLevel::kWarning, "lines of the log were dropped",
                      {{"dropped_lines", dropped}}, std::chrono::system_clock::now());
    lock.unlock();
    const bool written = WriteOut(text);
    lock.lock();
    if (!written && stopping_) return;
  }
}

bool Log::Abandoned() {
  const std::lock_guard lock(mutex_);
  return stopping_ && std::chrono::steady_clock::now() >= give_up_;
}

// False: it cannot be written now, or ever.
bool Log::WriteOut(std::string_view text) {
  while (!text.empty()) {
    pollfd ready{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    constexpr int kPatience = 100;  // milliseconds
    const int count = ::poll(&ready, 1, kPatience);
    if (count == 0 || (count < 0 && errno == EINTR)) {
      if (Abandoned()) return false;
      continue;
    }
    const ssize_t written = ::write(descriptor_, text.data(), std::min(text.size(), kPipeBytes));
    if (written < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace sluice::server
