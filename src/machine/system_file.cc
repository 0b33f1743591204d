#include "machine/system_file.h"

#include <charconv>
#include <fstream>
#include <sstream>

namespace sluice::machine {

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string WholeText(const std::string& path) {
  std::ostringstream text;
  if (const std::ifstream file(path); file) text << file.rdbuf();
  return text.str();
}

std::optional<int64_t> LeadingInteger(std::string_view text) {
  int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc()) return std::nullopt;
  return value;
}

std::string ValueOf(std::string_view text, std::string_view key) {
  constexpr std::string_view kBetween = " \t:";
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(key)) continue;
    const std::string_view rest = line.substr(key.size());
    const size_t value = rest.find_first_not_of(kBetween);
    if (value > 0 && value != rest.npos) return std::string(rest.substr(value));
  }
  return {};
}

}  // namespace sluice::machine
