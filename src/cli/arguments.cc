#include "cli/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/nearest.h"

namespace sluice::cli {
namespace {

// Names and types alone: what may be left out stands in the text.
class ShortHelp : public CLI::Formatter {
 public:
  ShortHelp() { column_width(30); }

  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    const std::string name = CLI::Formatter::make_option_name(option, positional);
    return name.substr(0, name.find('{'));  // a flag that clears is called "--no-x{false}"
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_positional() || option->get_type_size() == 0 ? "" : " " + option->get_type_name();
  }
};

std::vector<std::string> VerbNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands({})) names.push_back(verb->get_name());
  return names;
}

std::vector<std::string> FlagNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

tl::unexpected<Error> UsageError(std::string message, std::string_view wrong,
                                 const std::vector<std::string>& known, std::string_view help) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  return Fail(ErrorCode::kUsage, std::move(message), DidYouMean(wrong, views, std::string(help)));
}

// The verb that the user named, or the whole program.
const CLI::App& ChosenVerb(const CLI::App& app) {
  const std::vector<const CLI::App*> chosen =
      app.get_subcommands([](const CLI::App* verb) { return verb->parsed(); });
  return chosen.empty() ? app : *chosen.front();
}

std::string HelpFor(const CLI::App& verb) { return fmt::format("sluice {} --help", verb.get_name()); }

tl::unexpected<Error> ExplainExtras(const CLI::App& app) {
  const CLI::App& verb = ChosenVerb(app);
  const std::string wrong = app.remaining(true).front();
  if (!wrong.starts_with('-'))
    return Fail(ErrorCode::kUsage, fmt::format("unexpected argument '{}'", wrong), HelpFor(verb));
  const std::string flag = wrong.substr(0, wrong.find('='));
  return UsageError(fmt::format("there is no option {}", flag), flag, FlagNames(verb), HelpFor(verb));
}

// The first word is a verb, or a flag that needs none.
Status CheckVerb(const CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2) return Fail(ErrorCode::kUsage, "no verb given", "sluice demo, or sluice --help");
  const std::string first = argv[1];
  std::vector<std::string> known = first.starts_with('-') ? FlagNames(app) : VerbNames(app);
  known.push_back("-h");
  if (std::find(known.begin(), known.end(), first) != known.end()) return {};
  return UsageError(fmt::format("there is no {} '{}'", first.starts_with('-') ? "option" : "verb", first),
                    first, known, "sluice --help");
}

}  // namespace

Result<bool> ParseArguments(CLI::App& app, int argc, const char* const* argv) {
  const auto formatter = std::make_shared<ShortHelp>();
  app.formatter(formatter);
  for (CLI::App* verb : app.get_subcommands({})) verb->formatter(formatter);
  app.set_version_flag("--version", "sluice " SLUICE_VERSION, "Print the version and exit");
  app.require_subcommand(1);
  SLUICE_CHECK_OK(CheckVerb(app, argc, argv));
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    app.exit(asked);
    return false;
  } catch (const CLI::ExtrasError&) {
    return ExplainExtras(app);
  } catch (const CLI::ParseError& error) {
    return Fail(ErrorCode::kUsage, error.what(), HelpFor(ChosenVerb(app)));
  }
  return true;
}

}  // namespace sluice::cli
