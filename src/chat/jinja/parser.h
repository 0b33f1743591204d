// Tokens to a program.
#pragma once

#include <memory>
#include <string_view>

#include "chat/jinja/ast.h"

namespace sluice::chat::jinja {

// Throws a Failure (kSyntax, kLimit).
std::unique_ptr<Program> Parse(std::string_view source);

}  // namespace sluice::chat::jinja
