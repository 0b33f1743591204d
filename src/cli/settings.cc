#include "cli/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/nearest.h"

namespace sluice::cli {
namespace {

std::string KeyOf(std::string_view flag) {
  std::string key(flag.substr(flag.find_first_not_of('-')));
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

std::string VariableOf(std::string key) {
  for (char& c : key)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return "SLUICE_" + key;
}

tl::unexpected<Error> Wrong(const std::string& where, const std::string& key, const std::string& what) {
  return Fail(ErrorCode::kConfig, fmt::format("{}: {} {}", where, key, what));
}

const char* Wanted(const Settings::Value& kind) {
  static constexpr const char* kNames[] = {"a string", "an integer", "a number", "true or false"};
  return kNames[kind.index()];
}

// `text` as a value of the kind of `like`; false if it is none.
bool ParseText(std::string_view text, const Settings::Value& like, Settings::Value& value) {
  if (std::holds_alternative<std::string>(like)) {
    value = std::string(text);
    return true;
  }
  if (std::holds_alternative<bool>(like)) {
    const bool yes = text == "1" || text == "true" || text == "yes" || text == "on";
    value = yes;
    return yes || text == "0" || text == "false" || text == "no" || text == "off";
  }
  const auto read = [&](auto number) {
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    value = number;
    return end.ec == std::errc() && end.ptr == text.data() + text.size();
  };
  return std::holds_alternative<int64_t>(like) ? read(int64_t{}) : read(double{});
}

// A value of the file as one of the kind of `like`.
bool Convert(const TomlValue& from, const Settings::Value& like, Settings::Value& value) {
  if (const auto* text = std::get_if<std::string>(&from.value)) value = *text;
  if (const auto* flag = std::get_if<bool>(&from.value)) value = *flag;
  if (const auto* real = std::get_if<double>(&from.value)) value = *real;
  if (const auto* integer = std::get_if<int64_t>(&from.value)) {
    if (std::holds_alternative<double>(like))
      value = static_cast<double>(*integer);
    else
      value = *integer;
  }
  return !std::holds_alternative<TomlValue::Other>(from.value) && value.index() == like.index();
}

std::string InToml(const Settings::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return TomlString(*text);
  if (const auto* integer = std::get_if<int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
  return std::get<bool>(value) ? "true" : "false";
}

}  // namespace

template <typename T>
Settings::Setting& Settings::Add(std::string flag, T* value) {
  const std::string key = KeyOf(flag);
  settings_.push_back({.flag = std::move(flag),
                       .key = key,
                       .variable = VariableOf(key),
                       .target = value,
                       .standard = Value(*value)});
  return settings_.back();
}

void Settings::Argument(const char* name, std::string* value, const char* help) {
  verb_.Argument(name, value, Verb::Need::kOptional, help);
  Setting& added = Add(name, value);
  for (char& c : added.key)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
}

void Settings::Text(const char* flag, const char* type, std::string* value, const char* help) {
  verb_.Text(flag, type, value, help);
  Add(flag, value);
}

void Settings::Integer(const char* flag, int64_t* value, int64_t least, int64_t most, const char* help) {
  verb_.Integer(flag, value, least, most, help);
  Setting& added = Add(flag, value);
  added.least = static_cast<double>(least);
  added.most = static_cast<double>(most);
}

void Settings::Real(const char* flag, double* value, double least, double most, const char* help) {
  verb_.Real(flag, value, least, most, help);
  Setting& added = Add(flag, value);
  added.least = least;
  added.most = most;
}

void Settings::Flag(const char* flag, bool* value, const char* help) {
  verb_.Flag(flag, value, help);
  Add(flag, value);
}

void Settings::Choice(const char* flag, std::string* value, std::vector<std::string> choices,
                      const char* help) {
  verb_.Choice(flag, value, choices, help);
  Add(flag, value).choices = std::move(choices);
}

void Settings::Secret(const char* flag, std::string* value) { Add(flag, value).secret = true; }

Settings::Value Settings::Current(const Setting& setting) {
  return std::visit([](const auto* target) { return Value(*target); }, setting.target);
}

Status Settings::CheckKeys(const TomlFile& file) const {
  std::vector<std::string_view> known;
  for (const Setting& setting : settings_) known.push_back(setting.key);
  const auto check = [&](const std::string& key, int line) -> Status {
    if (std::find(known.begin(), known.end(), key) != known.end()) return {};
    return Fail(ErrorCode::kConfig, fmt::format("{}:{}: there is no setting '{}'", file.path, line, key),
                DidYouMean(key, known, "sluice serve --print-config lists them"));
  };
  for (const auto& [key, value] : file.top.values) SLUICE_CHECK_OK(check(key, value.line));
  for (const auto& [key, tables] : file.tables) {
    SLUICE_CHECK_OK(check(key, tables.front().line));
    return Wrong(fmt::format("{}:{}", file.path, tables.front().line), key, "is a list of tables");
  }
  return {};
}

Result<Settings::Found> Settings::Find(const Setting& setting, const TomlFile& file,
                                       const Environment& environment) const {
  if (!setting.secret && verb_.Given(setting.flag.c_str())) return Found{Current(setting), "flag"};
  Found found{setting.standard, "default"};
  std::string where;
  if (const char* text = environment(setting.variable.c_str()); text != nullptr && *text != '\0') {
    found.origin = "environment " + setting.variable;
    where = "the environment";
    if (!ParseText(text, setting.standard, found.value))
      return Wrong(where, setting.variable, fmt::format("is '{}', not {}", text, Wanted(setting.standard)));
  } else if (const auto entry = file.top.values.find(setting.key); entry != file.top.values.end()) {
    where = fmt::format("{}:{}", file.path, entry->second.line);
    found.origin = "file " + where;
    if (!Convert(entry->second, setting.standard, found.value))
      return Wrong(where, setting.key,
                   fmt::format("must be {}, and is {}", Wanted(setting.standard), entry->second.TypeName()));
  } else {
    return found;
  }
  const auto* integer = std::get_if<int64_t>(&found.value);
  const auto* real = std::get_if<double>(&found.value);
  const double number = integer != nullptr ? static_cast<double>(*integer) : real != nullptr ? *real : 0;
  if ((integer != nullptr || real != nullptr) && !(number >= setting.least && number <= setting.most))
    return Wrong(where, setting.key,
                 fmt::format("is {}, not between {} and {}", number, setting.least, setting.most));
  const auto* text = std::get_if<std::string>(&found.value);
  const auto& choices = setting.choices;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), *text) == choices.end())
    return Wrong(where, setting.key, fmt::format("is '{}', not {}", *text, fmt::join(choices, " or ")));
  return found;
}

Result<std::vector<std::string>> Settings::Resolve(const std::string& path, const Environment& environment) {
  TomlFile file;
  if (!path.empty()) {
    SLUICE_TRY(file, ReadTomlFile(path));
  }
  SLUICE_CHECK_OK(CheckKeys(file));
  std::vector<Found> values;
  for (const Setting& setting : settings_) {
    SLUICE_TRY(Found found, Find(setting, file, environment));
    values.push_back(std::move(found));
  }
  std::vector<std::string> changed;
  for (size_t i = 0; i < settings_.size(); ++i) {
    if (values[i].value != Current(settings_[i])) changed.push_back(settings_[i].key);
    std::visit(
        [&](auto* target) {
          using T = std::remove_pointer_t<decltype(target)>;
          *target = std::get<T>(values[i].value);
        },
        settings_[i].target);
    settings_[i].origin = values[i].origin;
  }
  return changed;
}

std::string Settings::Print() const {
  std::string out = "# What holds, and where each setting comes from.\n";
  for (const Setting& setting : settings_) {
    const Value value = Current(setting);
    const bool masked = setting.secret && value != setting.standard;
    const std::string shown = masked ? "\"(hidden)\"" : InToml(value);
    // A hidden value is a comment, so that the page can be used as a file.
    out += fmt::format("{}{} = {}  # {}\n", masked ? "# " : "", setting.key, shown, setting.origin);
  }
  return out;
}

}  // namespace sluice::cli
