// Memory nodes: where a team's threads run, what each node holds, and who works on what first.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"

namespace sluice {

// The nodes among which threads are shared out. Fewer than two: memory is the same from everywhere.
struct NodeLayout {
  struct Node {
    int id = 0;             // the system's number
    std::vector<int> cpus;  // in the order in which threads take them
  };
  std::vector<Node> nodes;
};

// So many of `count` things in a row are each node's, the last's fewer.
constexpr int64_t SliceLength(int64_t count, int nodes) { return (count + nodes - 1) / nodes; }

// Where the system refuses that: what to do, and what happens all the same.
inline constexpr char kAllowPlacing[] =
    "allow the program to call mbind (in a container: its seccomp profile, or CAP_SYS_NICE)";
inline constexpr char kUnplacedPages[] = "pages come from where they are touched first";

// Asks the system to take pages of [at, at + bytes) that nobody has touched from a node as long as it has
// some. `at` begins a page. kOs with the system's reason if it refuses.
Status PlaceOnNode(std::byte* at, int64_t bytes, int node);

// Numbers in shares, which workers claim, each once: those of a share of their own first, in order, then what
// others have left.
class ShareClaims {
 public:
  struct Claimed {
    int share = -1;  // -1: all are claimed
    int64_t number = 0;
  };

  explicit ShareClaims(int shares);

  // Share s has the numbers from 0 to before counts[s]. Nobody may claim meanwhile.
  void Open(std::span<const int64_t> counts);
  Claimed Claim(int own) {
    for (int i = 0, s = own; i < size_; ++i, s = s + 1 == size_ ? 0 : s + 1) {
      Share& share = shares_[s];
      if (share.next.load(std::memory_order_relaxed) >= share.count) continue;
      const int64_t next = share.next.fetch_add(1, std::memory_order_relaxed);
      if (next < share.count) return {s, next};
    }
    return {};
  }

 private:
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t count = 0;
  };
  int size_;
  std::unique_ptr<Share[]> shares_;
};

}  // namespace sluice
