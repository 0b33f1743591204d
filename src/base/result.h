// Expected failures are values. Exceptions do not cross folders; abort is for our own bugs only.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace sluice {

// The numbers are the program's exit codes (sysexits.h).
enum class ErrorCode : int {
  kUsage = 2,        // a flag or argument is wrong
  kBadFile = 65,     // a file's content is wrong: truncated, hostile, incomplete, unsupported
  kMissing = 66,     // a file does not exist or is not a file
  kPortInUse = 69,   // the listening address is taken
  kInternal = 70,    // our own bug
  kOs = 71,          // the system refused memory, threads, sockets
  kCantCreate = 73,  // an output file cannot be created
  kIo = 74,          // reading or writing failed half way
  kTryLater = 75,    // a limit that passes: queue full, lock held
  kPermission = 77,  // not allowed to read or write
  kConfig = 78,      // a configuration contradicts itself or the machine
};

// What happened and why, with the numbers (`message`), and what to try (`hint`, may be empty).
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string hint;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> Fail(ErrorCode code, std::string message, std::string hint = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint)});
}
inline tl::unexpected<Error> Fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

#define SLUICE_CONCAT_(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_(a, b)

// SLUICE_TRY(auto value, Compute(...)); declares `value`, or returns the error to the caller.
#define SLUICE_TRY(declaration, expression)                                            \
  auto SLUICE_CONCAT(result_, __LINE__) = (expression);                                \
  if (!SLUICE_CONCAT(result_, __LINE__))                                               \
    return ::tl::make_unexpected(std::move(SLUICE_CONCAT(result_, __LINE__)).error()); \
  declaration = std::move(*SLUICE_CONCAT(result_, __LINE__))

// SLUICE_CHECK_OK(Compute(...)); for a Status.
#define SLUICE_CHECK_OK(expression)                                                                      \
  do {                                                                                                   \
    if (auto status_ = (expression); !status_) return ::tl::make_unexpected(std::move(status_).error()); \
  } while (0)

}  // namespace sluice
