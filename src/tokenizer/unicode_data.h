// Tables of the Unicode Character Database, as runs: an entry holds until the next one's first code point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace sluice::tokenizer {

extern const uint32_t kCategoryRuns[];  // first code point << 5 | Category
extern const size_t kCategoryRunCount;
extern const uint32_t kScriptRuns[];  // first code point << 8 | index into kScriptNames
extern const size_t kScriptRunCount;
extern const std::string_view kScriptNames[];  // "Unknown", "Adlam", ... long names with underscores
extern const size_t kScriptCount;

}  // namespace sluice::tokenizer
