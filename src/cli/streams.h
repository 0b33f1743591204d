// Standard input, output and error.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::cli {

bool InputIsTerminal();
bool OutputIsTerminal();
bool ErrorIsTerminal();

Result<std::string> ReadAllInput();
// The next line of standard input without its line feed; nullopt at the end.
Result<std::optional<std::string>> ReadInputLine();

// Buffered; what goes wrong is reported by FlushOutput.
void Print(std::string_view text);
// Printed and written out at once, for text that arrives piece by piece.
void PrintNow(std::string_view text);
// Writes out what was printed. A full disk or a closed descriptor is an error; a reader that went away has
// ended us.
Status FlushOutput();

// "sluice: error: ..." and what to try, on standard error.
void PrintError(const Error& error);

}  // namespace sluice::cli
