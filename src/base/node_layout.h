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

// Numbers that workers claim, each once: those of their own node first, then what others have left.
class NodeClaims {
 public:
  explicit NodeClaims(int nodes);

  // Node n's numbers are those from ends[n - 1] (of the first node: 0) to before ends[n]. Nobody may claim
  // meanwhile.
  void Open(std::span<const int64_t> ends);
  // -1: all are claimed.
  int64_t Claim(int node) {
    for (int i = 0; i < nodes_; ++i) {
      Share& share = shares_[node];
      const int64_t next = share.next.fetch_add(1, std::memory_order_relaxed);
      if (next < share.end) return next;
      if (++node == nodes_) node = 0;
    }
    return -1;
  }

 private:
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };
  int nodes_;
  std::unique_ptr<Share[]> shares_;
};

}  // namespace sluice
