// Text by the kinds of its characters: what a state does with a few kinds decides about many tokens at once.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::constrain {

// A set of kinds. Letters and digits are six of them, every other printable ASCII sign is one of its own.
using Kinds = uint64_t;
constexpr Kinds kBeyondAscii = Kinds{1} << 62;  // whole characters of UTF-8
constexpr Kinds kStrayBytes = Kinds{1} << 63;   // other bytes from 0x80 on
constexpr Kinds kAllKinds = ~Kinds{0};

Kinds KindOfAscii(uint8_t byte);

// By position: the kinds of what stands from there to the end of `text`, which need not be UTF-8.
void KindsOfSuffixes(std::string_view text, std::vector<Kinds>* kinds);
// Of all of it.
Kinds KindsOf(std::string_view text);

}  // namespace sluice::constrain
