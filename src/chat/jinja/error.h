// Why a template failed. Inside this folder a failure is thrown; Template turns it into a value at the
// border.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace sluice::chat::jinja {

// Named after the Python exceptions a template author knows.
enum class FailureKind {
  kRaised,  // the template itself called raise_exception
  kSyntax,
  kUndefined,
  kType,
  kValue,
  kSecurity,
  kRuntime,
  kOverflow,
  kZeroDivision,
  kLimit,  // steps, depth, output or memory exceeded
};

std::string_view Name(FailureKind kind);  // "TemplateError", "TypeError", ...

struct Failure : std::exception {
  FailureKind kind;
  std::string message;
  int line;  // 1-based, 0 while unknown

  Failure(FailureKind kind, std::string message, int line = 0)
      : kind(kind), message(std::move(message)), line(line) {}
  const char* what() const noexcept override { return message.c_str(); }
};

}  // namespace sluice::chat::jinja
