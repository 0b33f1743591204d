#include "base/node_layout.h"

#include <fmt/format.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice {

Status PlaceOnNode(std::byte* at, int64_t bytes, int node) {
  constexpr int kBits = 64;  // of a word of the mask
  if (bytes <= 0) return {};
  std::vector<uint64_t> mask(static_cast<size_t>(node / kBits + 1), 0);
  mask[static_cast<size_t>(node / kBits)] = uint64_t{1} << node % kBits;
  // The kernel reads one bit less than it is told.
  if (::syscall(SYS_mbind, at, static_cast<size_t>(bytes), MPOL_PREFERRED, mask.data(),
                mask.size() * kBits + 1, 0) == 0)
    return {};
  return Fail(ErrorCode::kOs,
              fmt::format("memory cannot be placed on node {}: {}", node, std::strerror(errno)),
              kAllowPlacing);
}

ShareClaims::ShareClaims(int shares)
    : size_(shares), shares_(std::make_unique<Share[]>(static_cast<size_t>(shares))) {}

void ShareClaims::Open(std::span<const int64_t> counts) {
  for (size_t s = 0; s < counts.size(); ++s) {
    shares_[s].next.store(0, std::memory_order_relaxed);
    shares_[s].count = counts[s];
  }
}

}  // namespace sluice
