#include <memory>
#include <nlohmann/json.hpp>

#include "cli/streams.h"
#include "cli/verb.h"
#include "machine/machine.h"

namespace sluice::cli {
namespace {

struct Options {
  std::string disk = ".";
  bool no_disk = false, as_json = false;
};

Result<int> Doctor(const Options& options) {
  SLUICE_TRY(const machine::Machine machine, machine::ExamineMachine(options.no_disk ? "" : options.disk));
  Print(options.as_json ? machine::MachineJson(machine).dump(2) + "\n" : machine::MachineText(machine));
  return 0;
}

}  // namespace

void AddDoctor(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "doctor", "Measure this machine, and say what to change");
  verb.Text("--disk", "PATH", &options->disk,
            "A folder to write to or a large file: its disk is measured [.]");
  verb.Flag("--no-disk", &options->no_disk, "Leave the disk alone");
  verb.Exclude("--disk", "--no-disk");
  verb.Flag("--json", &options->as_json, "Print JSON");
  verb.Do([options] { return Doctor(*options); });
}

}  // namespace sluice::cli
