// The small text files of /proc and /sys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::machine {

// Without the line feed at its end; empty if there is no such file.
std::string FirstLine(const std::string& path);
std::string WholeText(const std::string& path);

// The integer at the beginning of a text. Nothing: there is none.
std::optional<int64_t> LeadingInteger(std::string_view text);

// The value of the first line "key : value" or "key value"; empty if there is none.
std::string ValueOf(std::string_view text, std::string_view key);

}  // namespace sluice::machine
