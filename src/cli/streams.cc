#include "cli/streams.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace sluice::cli {
namespace {

tl::unexpected<Error> InputFailed() {
  return Fail(ErrorCode::kIo, fmt::format("standard input: reading failed: {}", std::strerror(errno)));
}

}  // namespace

bool InputIsTerminal() { return ::isatty(STDIN_FILENO) != 0; }
bool OutputIsTerminal() { return ::isatty(STDOUT_FILENO) != 0; }
bool ErrorIsTerminal() { return ::isatty(STDERR_FILENO) != 0; }

Result<std::string> ReadAllInput() {
  std::string text;
  char buffer[65536];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, stdin)) text.append(buffer, n);
  if (std::ferror(stdin)) return InputFailed();
  return text;
}

Result<std::optional<std::string>> ReadInputLine() {
  char* raw = nullptr;
  size_t capacity = 0;
  const ssize_t length = ::getline(&raw, &capacity, stdin);
  const std::unique_ptr<char, decltype(&std::free)> owner(raw, std::free);
  if (length < 0) {
    if (std::ferror(stdin)) return InputFailed();
    return std::nullopt;
  }
  std::string line(raw, static_cast<size_t>(length));
  if (line.ends_with('\n')) line.pop_back();
  return line;
}

void Print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void PrintNow(std::string_view text) {
  Print(text);
  std::fflush(stdout);
}

Status FlushOutput() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    return Fail(ErrorCode::kIo,
                fmt::format("standard output: writing failed: {}", std::strerror(errno ? errno : EIO)));
  return {};
}

void PrintError(const Error& error) {
  std::string text = fmt::format("sluice: error: {}\n", error.message);
  if (!error.hint.empty())
    text += fmt::format("  {}{}\n", error.hint.ends_with('?') ? "" : "try: ", error.hint);
  std::fflush(stdout);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace sluice::cli
