#include "model/name_pattern.h"

#include <charconv>

namespace sluice::model {
namespace {

void AppendNumber(std::string& text, int number) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  text.append(digits, end);
}

}  // namespace

std::string FillPattern(std::string_view pattern, int layer, int expert) {
  std::string name;
  name.reserve(pattern.size() + 8);
  for (size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view rest = pattern.substr(i, 3);
    if (rest == "{L}" || rest == "{E}") {
      AppendNumber(name, rest == "{L}" ? layer : expert);
      i += 2;
    } else {
      name += pattern[i];
    }
  }
  return name;
}

bool MatchesPattern(std::string_view pattern, std::string_view name, int layers) {
  while (!pattern.empty()) {
    if (pattern[0] == '*') {
      for (size_t skip = 0; skip <= name.size(); ++skip) {
        if (MatchesPattern(pattern.substr(1), name.substr(skip), layers)) return true;
      }
      return false;
    }
    if (pattern.starts_with("{N}")) {
      int number = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
      if (error != std::errc() || number < layers) return false;
      name.remove_prefix(end - name.data());
      pattern.remove_prefix(3);
      continue;
    }
    if (name.empty() || name[0] != pattern[0]) return false;
    name.remove_prefix(1);
    pattern.remove_prefix(1);
  }
  return name.empty();
}

}  // namespace sluice::model
