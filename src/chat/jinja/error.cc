#include "chat/jinja/error.h"

namespace sluice::chat::jinja {

std::string_view Name(FailureKind kind) {
  switch (kind) {
    case FailureKind::kRaised:
      return "TemplateError";
    case FailureKind::kSyntax:
      return "TemplateSyntaxError";
    case FailureKind::kUndefined:
      return "UndefinedError";
    case FailureKind::kType:
      return "TypeError";
    case FailureKind::kValue:
      return "ValueError";
    case FailureKind::kSecurity:
      return "SecurityError";
    case FailureKind::kRuntime:
      return "TemplateRuntimeError";
    case FailureKind::kOverflow:
      return "OverflowError";
    case FailureKind::kZeroDivision:
      return "ZeroDivisionError";
    case FailureKind::kLimit:
      return "LimitError";
  }
  return "Error";
}

}  // namespace sluice::chat::jinja
