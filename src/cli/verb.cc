#include "cli/verb.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace sluice::cli {
namespace {

template <typename Number>
CLI::Validator Within(Number least, Number most) {
  CLI::Validator validator;
  validator.operation([least, most](std::string& text) {
    Number value{};
    if (!CLI::detail::lexical_cast(text, value)) return fmt::format("'{}' is not a number", text);
    if (!(value >= least && value <= most))
      return fmt::format("{} is not between {} and {}", text, least, most);
    return std::string();
  });
  return validator;
}

CLI::Validator OneOf(std::vector<std::string> choices) {
  CLI::Validator validator;
  validator.operation([choices = std::move(choices)](std::string& text) {
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return std::string();
    return fmt::format("'{}' is not {}", text, fmt::join(choices, " or "));
  });
  return validator;
}

// Where a default says something, help shows it.
template <typename Number>
std::string WithDefault(const char* help, Number value) {
  return value > 0 ? fmt::format("{} [{}]", help, value) : std::string(help);
}

}  // namespace

Verb::Verb(CLI::App& program, Action& action, const char* name, const char* help)
    : app_(program.add_subcommand(name, help)), action_(&action) {}

void Verb::Argument(const char* name, std::string* value, Need need, const char* help) {
  app_->add_option(name, *value, help)->required(need == Need::kRequired);
}

void Verb::Arguments(const char* name, std::vector<std::string>* values, const char* help) {
  app_->add_option(name, *values, help);
}

void Verb::Text(const char* flag, const char* type, std::string* value, const char* help) {
  app_->add_option(flag, *value, help)->type_name(type);
}

void Verb::Integer(const char* flag, int64_t* value, int64_t least, int64_t most, const char* help) {
  app_->add_option(flag, *value, WithDefault(help, *value))->check(Within(least, most))->type_name("N");
}

void Verb::Real(const char* flag, double* value, double least, double most, const char* help) {
  app_->add_option(flag, *value, WithDefault(help, *value))->check(Within(least, most))->type_name("X");
}

void Verb::Flag(const char* flag, bool* value, const char* help) { app_->add_flag(flag, *value, help); }

void Verb::Choice(const char* flag, std::string* value, const std::vector<std::string>& choices,
                  const char* help) {
  app_->add_option(flag, *value, fmt::format("{} [{}]", help, *value))
      ->check(OneOf(choices))
      ->type_name(fmt::format("{}", fmt::join(choices, "|")));
}

bool Verb::Given(const char* name) const { return app_->get_option(name)->count() > 0; }

void Verb::Require(const char* flag) { app_->get_option(flag)->required(); }

void Verb::Exclude(const char* one, const char* other) {
  app_->get_option(one)->excludes(app_->get_option(other));
}

void Verb::Do(std::function<Result<int>()> what) {
  app_->callback([action = action_, what = std::move(what)] { *action = what; });
}

}  // namespace sluice::cli
