#include "perf/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

extern char** environ;

namespace sluice::perf {
namespace {

tl::unexpected<Error> CannotStart(const std::string& path, int error) {
  const ErrorCode code = error == ENOENT                       ? ErrorCode::kMissing
                         : error == EACCES || error == ENOEXEC ? ErrorCode::kPermission
                                                               : ErrorCode::kOs;
  return Fail(code, fmt::format("{} cannot be started: {}", path, std::strerror(error)),
              "name a program's file");
}

std::string ReadAll(int fd) {
  std::string text;
  std::array<char, 4096> part;
  while (true) {
    const ssize_t n = ::read(fd, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(part.data(), static_cast<size_t>(n));
  }
}

}  // namespace

Result<int> StartProgram(const std::string& path, const std::vector<std::string>& arguments, int output) {
  std::vector<char*> argv = {
      const_cast<char*>(path.c_str())};  // posix_spawn takes them so and changes nothing
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, path.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return CannotStart(path, error);
  return child;
}

Result<std::string> RunProgram(const std::string& path, const std::vector<std::string>& arguments) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return Fail(ErrorCode::kOs, fmt::format("no pipe to a program: {}", std::strerror(errno)));
  const Result<int> child = StartProgram(path, arguments, ends[1]);
  ::close(ends[1]);
  std::string output = child ? ReadAll(ends[0]) : std::string();
  ::close(ends[0]);
  if (!child) return Fail(child.error());
  int status = 0;
  while (::waitpid(*child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  return Fail(ErrorCode::kIo,
              WIFSIGNALED(status) ? fmt::format("{} was ended by signal {}", path, WTERMSIG(status))
                                  : fmt::format("{} ended with status {}", path, WEXITSTATUS(status)),
              fmt::format("try it alone: {} {}", path, fmt::join(arguments, " ")));
}

}  // namespace sluice::perf
