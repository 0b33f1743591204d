#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <new>
#include <system_error>

#include "cli/arguments.h"
#include "cli/streams.h"
#include "cli/verb.h"

namespace sluice::cli {
namespace {

void AddVerbs(CLI::App& app, Action& action) {
  AddRun(app, action);
  AddDemo(app, action);
  AddServe(app, action);
  AddKey(app, action);
  AddDescribe(app, action);
  AddVerify(app, action);
  AddTokenize(app, action);
  AddDetokenize(app, action);
  AddBench(app, action);
  AddFit(app, action);
  AddDoctor(app, action);
  AddTemplate(app, action);
  AddSynth(app, action);
  AddPack(app, action);
  AddCompare(app, action);
  AddCompletions(app, action);
}

Result<int> Main(int argc, const char* const* argv) {
  CLI::App app("Runs Mixture-of-Experts language models and shows what they cost.", "sluice");
  Action action;
  AddVerbs(app, action);
  SLUICE_TRY(const bool parsed, ParseArguments(app, argc, argv));
  if (!parsed) return 0;
  SLUICE_TRY(const int status, action());
  SLUICE_CHECK_OK(FlushOutput());
  return status;
}

}  // namespace
}  // namespace sluice::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE,
              SIG_DFL);  // a reader that has seen enough ends us quietly, whatever our parent ignored
  sluice::Result<int> status = 0;
  try {
    status = sluice::cli::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    status =
        sluice::Fail(sluice::ErrorCode::kOs, "out of memory", "close other programs or use a smaller model");
  } catch (const std::system_error& error) {
    status = sluice::Fail(sluice::ErrorCode::kOs, fmt::format("the system refused: {}", error.what()),
                          "close other programs, or raise the limits on memory and threads (ulimit -a)");
  }
  if (status) return *status;
  sluice::cli::PrintError(status.error());
  return static_cast<int>(status.error().code);
}
