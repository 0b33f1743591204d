// The names closest to a misspelt one, for "did you mean".
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// Of `known`, those that a few slips of the keyboard away may have become `wanted`: best first, at most
// `limit`, none if nothing is close. Case does not count.
std::vector<std::string_view> NearestNames(std::string_view wanted, std::span<const std::string_view> known,
                                           size_t limit = 1);

// "did you mean a, b or c?", or `otherwise` if nothing is close.
std::string DidYouMean(std::string_view wanted, std::span<const std::string_view> known,
                       std::string otherwise = {});

}  // namespace sluice
