#include "formats/split_name.h"

#include <fmt/format.h>

#include <charconv>

namespace sluice::formats {
namespace {

constexpr std::string_view kPattern = "-00001-of-00003.gguf";
constexpr size_t kDigits = 5;

std::optional<int> Digits(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  return value;
}

}  // namespace

std::string SplitName::Part(int part_number) const {
  return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, part_number, count);
}

std::optional<SplitName> ParseSplitName(std::string_view path) {
  if (path.size() < kPattern.size()) return std::nullopt;
  const std::string_view tail = path.substr(path.size() - kPattern.size());
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || tail.substr(15) != ".gguf") return std::nullopt;
  const auto number = Digits(tail.substr(1, kDigits));
  const auto count = Digits(tail.substr(10, kDigits));
  if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
  return SplitName{std::string(path.substr(0, path.size() - kPattern.size())), *number, *count};
}

}  // namespace sluice::formats
