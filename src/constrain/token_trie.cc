#include "constrain/token_trie.h"

#include <algorithm>

namespace sluice::constrain {
namespace {

constexpr size_t kLongestToken = 1024;  // longer ones are never needed, and left out

size_t CommonLength(std::string_view a, std::string_view b) {
  return static_cast<size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

TokenTrie::TokenTrie(const tokenizer::Tokenizer& tokenizer)
    : bytes_(static_cast<size_t>(std::max(0, tokenizer.vocab_size()))),
      end_tokens_(tokenizer.end_tokens().begin(), tokenizer.end_tokens().end()) {
  std::vector<int32_t> order;
  for (int32_t id = 0; id < size(); ++id) {
    if (tokenizer.IsSpecial(id) || std::ranges::find(end_tokens_, id) != end_tokens_.end()) continue;
    std::string bytes = tokenizer.TokenBytes(id);
    if (bytes.empty() || bytes.size() > kLongestToken) continue;
    longest_ = std::max(longest_, bytes.size());
    bytes_[static_cast<size_t>(id)] = std::move(bytes);
    order.push_back(id);
  }
  std::ranges::stable_sort(order, {}, [&](int32_t id) { return bytes(id); });
  nodes_.push_back({0, 0, 0, 0});
  std::vector<uint32_t> path = {0};  // open nodes; their ends are not known yet
  std::string_view before;
  const auto close = [&](size_t depth) {
    for (; path.size() > depth + 1; path.pop_back())
      nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
  };
  for (const int32_t id : order) {
    const std::string_view text = bytes(id);
    const size_t common = CommonLength(before, text);
    close(common);
    for (size_t i = common; i < text.size(); ++i) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<uint32_t>(tokens_.size()), static_cast<uint16_t>(i + 1),
                        static_cast<uint8_t>(text[i])});
    }
    tokens_.push_back(id);
    before = text;
  }
  close(0);
  nodes_[0].end = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back({nodes_[0].end, static_cast<uint32_t>(tokens_.size()), 0, 0});
  for (const int32_t id : order) {
    const std::string_view text = bytes(id);
    if (text.size() < 2 || text[0] != ' ' || static_cast<uint8_t>(text[1]) >= 0x80) continue;
    drops_first_space_ = tokenizer.Decode(std::span(&id, 1)) == text.substr(1);
    break;
  }
}

}  // namespace sluice::constrain
