// Completions for shells, from the same table of verbs and options that reads the command line.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/streams.h"
#include "cli/verb.h"

namespace sluice::cli {
namespace {

struct Flag {
  std::string name;     // "--port"
  std::string help;     // one line
  bool takes = false;   // a value
  std::string choices;  // of it, with spaces between them; empty: anything
};

struct VerbEntry {
  std::string name, help;
  std::vector<Flag> flags;
};

std::vector<VerbEntry> Table(const CLI::App& program) {
  std::vector<VerbEntry> verbs;
  for (const CLI::App* app : program.get_subcommands({})) {
    if (app->get_group().empty()) continue;  // hidden
    VerbEntry verb{app->get_name(), app->get_description(), {}};
    for (const CLI::Option* option : app->get_options()) {
      const std::string type = option->get_type_name();
      const bool takes = option->get_type_size() != 0;
      std::string choices = takes && type.find('|') != std::string::npos ? type : "";
      for (char& c : choices) c = c == '|' ? ' ' : c;
      for (const std::string& name : option->get_lnames())
        verb.flags.push_back({"--" + name, option->get_description(), takes, choices});
      for (const std::string& name : option->get_snames())
        verb.flags.push_back({"-" + name, option->get_description(), takes, choices});
    }
    verbs.push_back(std::move(verb));
  }
  return verbs;
}

// `text` with a backslash before each of `special`, inside single quotes.
std::string Quoted(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string Bash(const std::vector<VerbEntry>& verbs) {
  std::string names, flags, values;
  for (const VerbEntry& verb : verbs) {
    names += " " + verb.name;
    std::string list;
    for (const Flag& flag : verb.flags) {
      list += " " + flag.name;
      if (!flag.choices.empty())
        values += fmt::format("    '{} {}') words='{}' ;;\n", verb.name, flag.name, flag.choices);
    }
    flags += fmt::format("      {}) words='{}' ;;\n", verb.name, list.substr(list.empty() ? 0 : 1));
  }
  return fmt::format(R"(# bash completion for sluice
_sluice() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} verb=${{COMP_WORDS[1]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W '{} --help --version' -- "$word"))
    return
  fi
  case "$verb $before" in
{}  esac
  if [ -z "$words" ] && [[ $word = -* ]]; then
    case "$verb" in
{}    esac
  fi
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -F _sluice sluice
)",
                     names.substr(1), values, flags);
}

std::string Zsh(const std::vector<VerbEntry>& verbs) {
  std::string out = "#compdef sluice\n# zsh completion for sluice\nlocal -a verbs=(\n";
  for (const VerbEntry& verb : verbs) out += fmt::format("  '{}:{}'\n", verb.name, Quoted(verb.help, ":\\"));
  out +=
      ")\nif (( CURRENT == 2 )); then\n  _describe verb verbs\n  return\nfi\nshift words\n(( CURRENT-- ))\n"
      "case $words[1] in\n";
  for (const VerbEntry& verb : verbs) {
    out += fmt::format("  {}) _arguments", verb.name);
    for (const Flag& flag : verb.flags) {
      const std::string action = !flag.takes            ? ""
                                 : flag.choices.empty() ? ":value:_files"
                                                        : ":value:(" + flag.choices + ")";
      out += fmt::format(" \\\n    '{}[{}]{}'", flag.name, Quoted(flag.help, "[]:\\"), action);
    }
    out += " \\\n    '*:file:_files' ;;\n";
  }
  return out + "esac\n";
}

std::string Fish(const std::vector<VerbEntry>& verbs) {
  std::string out = "# fish completion for sluice\n";
  for (const VerbEntry& verb : verbs) {
    out += fmt::format("complete -c sluice -n __fish_use_subcommand -f -a {} -d '{}'\n", verb.name,
                       Quoted(verb.help, "\\"));
    for (const Flag& flag : verb.flags) {
      const bool is_long = flag.name.starts_with("--");
      out += fmt::format("complete -c sluice -n '__fish_seen_subcommand_from {}' -{} {}", verb.name,
                         is_long ? 'l' : 's', flag.name.substr(is_long ? 2 : 1));
      if (!flag.choices.empty()) out += fmt::format(" -x -a '{}'", flag.choices);
      if (flag.takes && flag.choices.empty()) out += " -r";
      out += fmt::format(" -d '{}'\n", Quoted(flag.help, "\\"));
    }
  }
  return out;
}

}  // namespace

void AddCompletions(CLI::App& program, Action& action) {
  const auto shell = std::make_shared<std::string>();
  Verb verb(program, action, "completions", "Print completions for bash, zsh or fish");
  verb.Argument("SHELL", shell.get(), Verb::Need::kRequired, "bash, zsh or fish");
  program.get_subcommand("completions")->group("");
  verb.Do([shell, &program]() -> Result<int> {
    const std::vector<VerbEntry> verbs = Table(program);
    if (*shell != "bash" && *shell != "zsh" && *shell != "fish")
      return Fail(ErrorCode::kUsage, fmt::format("there are no completions for '{}'", *shell),
                  "bash, zsh or fish");
    Print(*shell == "bash" ? Bash(verbs) : *shell == "zsh" ? Zsh(verbs) : Fish(verbs));
    return 0;
  });
}

}  // namespace sluice::cli
