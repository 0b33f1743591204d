// Blocks that nobody uses and that hold pages which somebody may ask for again, the longest unused first.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::kv {

class IdleBlocks {
 public:
  int64_t size() const { return size_; }

  void PushBack(int32_t block) {
    if (static_cast<size_t>(block) + 1 >= links_.size()) links_.resize(static_cast<size_t>(block) + 2);
    Join(links_[kEnds].before, At(block));
    Join(At(block), kEnds);
    ++size_;
  }
  // There must be one.
  int32_t PopFront() {
    const auto block = static_cast<int32_t>(links_[kEnds].after - 1);
    Remove(block);
    return block;
  }
  void Remove(int32_t block) {
    Join(links_[At(block)].before, links_[At(block)].after);
    --size_;
  }

 private:
  // A ring through the blocks; link 0 is both ends of the list, link b + 1 block b.
  struct Link {
    uint32_t before = kEnds, after = kEnds;
  };
  static constexpr uint32_t kEnds = 0;
  static uint32_t At(int32_t block) { return static_cast<uint32_t>(block) + 1; }
  void Join(uint32_t before, uint32_t after) {
    links_[before].after = after;
    links_[after].before = before;
  }

  std::vector<Link> links_ = {Link{}};
  int64_t size_ = 0;
};

}  // namespace sluice::kv
