#include "perf/serving/served_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <thread>
#include <utility>

#include "perf/child_process.h"

namespace sluice::perf {
namespace {

constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::seconds kEndPatience{30};

// True once the child has ended and was reaped.
bool Ended(int pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; }

}  // namespace

Result<ServedProgram> ServedProgram::Start(const std::string& program,
                                           const std::vector<std::string>& arguments,
                                           const Endpoint& endpoint, std::chrono::seconds patience) {
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return Fail(ErrorCode::kOs, "/dev/null cannot be opened");
  const Result<int> pid = StartProgram(program, arguments, nowhere);
  ::close(nowhere);
  if (!pid) return Fail(pid.error());
  ServedProgram served(*pid);
  const std::string alone = fmt::format("try it alone: {} {}", program, fmt::join(arguments, " "));
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!Answers(endpoint, "/health")) {
    if (Ended(*pid)) {
      served.pid_ = -1;
      return Fail(ErrorCode::kIo, fmt::format("{} ended before it answered", program), alone);
    }
    if (std::chrono::steady_clock::now() > end)
      return Fail(ErrorCode::kIo, fmt::format("{} did not answer within {} s", program, patience.count()),
                  alone);
    std::this_thread::sleep_for(kPause);
  }
  return served;
}

ServedProgram::ServedProgram(ServedProgram&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

ServedProgram::~ServedProgram() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGTERM);
  const auto end = std::chrono::steady_clock::now() + kEndPatience;
  while (!Ended(pid_)) {
    if (std::chrono::steady_clock::now() > end) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      return;
    }
    std::this_thread::sleep_for(kPause);
  }
}

Result<uint16_t> FreePort() {
  namespace asio = boost::asio;
  try {
    asio::io_context io(1);
    const asio::ip::tcp::acceptor listener(io, {asio::ip::address_v4::loopback(), 0});
    return listener.local_endpoint().port();
  } catch (const std::exception& failure) {
    return Fail(ErrorCode::kOs, fmt::format("no free port: {}", failure.what()));
  }
}

}  // namespace sluice::perf
