// The verbs of the program, one file each, and how they name their arguments. CLI11 does the work and is seen
// by verb.cc and arguments.cc alone: it takes six seconds to compile.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace CLI {
class App;
}

namespace sluice::cli {

// What the user asked for, with its arguments read. The number is the exit status.
using Action = std::function<Result<int>()>;

// The arguments of one verb. Each is written through its pointer when the command line is read.
class Verb {
 public:
  // `action` is set when the user names this verb.
  Verb(CLI::App& program, Action& action, const char* name, const char* help);

  enum class Need { kOptional, kRequired };
  void Argument(const char* name, std::string* value, Need need, const char* help);
  void Arguments(const char* name, std::vector<std::string>* values, const char* help);

  // `flag` as "-p,--prompt" or "--pre".
  void Text(const char* flag, const char* type, std::string* value, const char* help);
  // Integers and reals within [least, most]; others are refused with these bounds.
  void Integer(const char* flag, int64_t* value, int64_t least, int64_t most, const char* help);
  void Real(const char* flag, double* value, double least, double most, const char* help);
  // Sets *value to true; a flag written "!--no-thing" sets it to false.
  void Flag(const char* flag, bool* value, const char* help);
  // One of `choices`.
  void Choice(const char* flag, std::string* value, const std::vector<std::string>& choices,
              const char* help);
  void Require(const char* flag);
  // Two that may not be given together.
  void Exclude(const char* one, const char* other);

  // After the command line has been read: the user named it.
  bool Given(const char* name) const;

  void Do(std::function<Result<int>()> what);

 private:
  CLI::App* app_;
  Action* action_;
};

void AddRun(CLI::App& program, Action& action);
void AddDemo(CLI::App& program, Action& action);
void AddServe(CLI::App& program, Action& action);
void AddKey(CLI::App& program, Action& action);
void AddDescribe(CLI::App& program, Action& action);
void AddBench(CLI::App& program, Action& action);
void AddFit(CLI::App& program, Action& action);
void AddDoctor(CLI::App& program, Action& action);
void AddSynth(CLI::App& program, Action& action);
void AddPack(CLI::App& program, Action& action);
void AddCompare(CLI::App& program, Action& action);
void AddVerify(CLI::App& program, Action& action);
void AddTokenize(CLI::App& program, Action& action);
void AddDetokenize(CLI::App& program, Action& action);
void AddTemplate(CLI::App& program, Action& action);
void AddCompletions(CLI::App& program, Action& action);

}  // namespace sluice::cli
