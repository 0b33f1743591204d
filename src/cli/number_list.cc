#include "cli/number_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sluice::cli {

Result<std::vector<int64_t>> ParseNumbers(std::string_view flag, std::string_view text, int64_t least,
                                          int64_t most) {
  std::vector<int64_t> numbers;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    int64_t number = 0;
    const auto read = std::from_chars(word.data(), word.data() + word.size(), number);
    if (read.ec != std::errc() || read.ptr != word.data() + word.size())
      return Fail(ErrorCode::kUsage, fmt::format("{}: '{}' is not a whole number", flag, word),
                  fmt::format("{} N or {} N,N,...", flag, flag));
    if (number < least || number > most)
      return Fail(ErrorCode::kUsage,
                  fmt::format("{}: {} is not between {} and {}", flag, number, least, most));
    numbers.push_back(number);
  }
  return numbers;
}

}  // namespace sluice::cli
