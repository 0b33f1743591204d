#include "base/nearest.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

namespace sluice {
namespace {

constexpr size_t kLongestName = 100;  // a longer word is not a slip of anything

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// Insertions, deletions and substitutions that turn `a` into `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (Lower(a[i]) == Lower(b[j]) ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({row[j + 1] + 1, row[j] + 1, substituted}));
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string_view> NearestNames(std::string_view wanted, std::span<const std::string_view> known,
                                           size_t limit) {
  if (wanted.empty() || wanted.size() > kLongestName) return {};
  std::vector<std::pair<size_t, std::string_view>> close;
  for (const std::string_view name : known) {
    const size_t distance = EditDistance(wanted, name.substr(0, 2 * kLongestName));
    if (distance <= std::max<size_t>(1, std::max(wanted.size(), name.size()) / 3))
      close.emplace_back(distance, name);
  }
  std::stable_sort(close.begin(), close.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  if (close.size() > limit) close.resize(limit);
  std::vector<std::string_view> names;
  for (const auto& [distance, name] : close) names.push_back(name);
  return names;
}

std::string DidYouMean(std::string_view wanted, std::span<const std::string_view> known,
                       std::string otherwise) {
  const std::vector<std::string_view> names = NearestNames(wanted, known, 3);
  if (names.empty()) return otherwise;
  std::string text = "did you mean ";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text + "?";
}

}  // namespace sluice
