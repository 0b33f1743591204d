// Reads the command line, with errors that say what was meant.
#pragma once

#include "base/result.h"

namespace CLI {
class App;
}

namespace sluice::cli {

// False: --help or --version was asked for and answered.
Result<bool> ParseArguments(CLI::App& app, int argc, const char* const* argv);

}  // namespace sluice::cli
