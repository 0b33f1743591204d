#include "cli/toml_file.h"

#include <fmt/format.h>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "base/file.h"

namespace sluice::cli {
namespace {

constexpr int64_t kMostBytes = 1 << 20;

std::string NameOfType(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    default:
      return "a date or time";
  }
}

int LineOf(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

TomlValue ValueOf(const toml::node& node) {
  TomlValue value{.value = TomlValue::Other{}, .line = LineOf(node)};
  if (const auto* flag = node.as_boolean())
    value.value = flag->get();
  else if (const auto* integer = node.as_integer())
    value.value = integer->get();
  else if (const auto* real = node.as_floating_point())
    value.value = real->get();
  else if (const auto* text = node.as_string())
    value.value = text->get();
  else
    value.value = TomlValue::Other{NameOfType(node)};
  return value;
}

TomlTable TableOf(const toml::table& table) {
  TomlTable result{.values = {}, .line = LineOf(table)};
  for (const auto& [key, node] : table) result.values.emplace(key.str(), ValueOf(node));
  return result;
}

}  // namespace

std::string TomlValue::TypeName() const {
  static constexpr const char* kNames[] = {"true or false", "an integer", "a number", "a string"};
  if (const Other* other = std::get_if<Other>(&value)) return other->type;
  return kNames[value.index()];
}

Result<TomlFile> ParseToml(std::string_view text, const std::string& path) {
  toml::parse_result parsed = toml::parse(text, path);
  if (!parsed)
    return Fail(ErrorCode::kConfig, fmt::format("{}:{}: {}", path, parsed.error().source().begin.line,
                                                parsed.error().description()));
  TomlFile file{.path = path, .top = {}, .tables = {}};
  for (const auto& [key, node] : parsed.table()) {
    const toml::array* list = node.as_array();
    if (list == nullptr || !list->is_array_of_tables()) {
      file.top.values.emplace(key.str(), ValueOf(node));
      continue;
    }
    for (const toml::node& entry : *list)
      file.tables[std::string(key.str())].push_back(TableOf(*entry.as_table()));
  }
  return file;
}

Result<TomlFile> ReadTomlFile(const std::string& path) {
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path));
  if (static_cast<int64_t>(file.text().size()) > kMostBytes)
    return Fail(ErrorCode::kConfig, fmt::format("{}: {} bytes, and a file of settings may have {}", path,
                                                file.text().size(), kMostBytes));
  return ParseToml(file.text(), path);
}

std::string TomlString(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      quoted += fmt::format("\\{}", c);
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      quoted += c;
  }
  return quoted + '"';
}

}  // namespace sluice::cli
