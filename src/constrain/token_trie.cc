#include "constrain/token_trie.h"

#include <algorithm>
#include <functional>
#include <unordered_map>

#include "tokenizer/unicode.h"

namespace sluice::constrain {
namespace {

constexpr size_t kLongestToken = 1024;  // longer ones are never needed, and left out
constexpr size_t kMostKept = 32;

// What stands inside a string of JSON without escapes: most forms ask for it.
Kinds InsideStrings() {
  Kinds kinds = kBeyondAscii;
  for (uint8_t byte = 0x20; byte < 0x80; ++byte)
    if (byte != '"' && byte != '\\') kinds |= KindOfAscii(byte);
  return kinds;
}

void Flip(int32_t token, std::vector<uint64_t>* bits) {
  (*bits)[static_cast<size_t>(token) / 64] ^= uint64_t{1} << (static_cast<size_t>(token) % 64);
}

}  // namespace

TokenTrie::TokenTrie(const tokenizer::Tokenizer& tokenizer)
    : bytes_(static_cast<size_t>(std::max(0, tokenizer.vocab_size()))),
      texts_(bytes_.size() / 64 + 1),
      end_tokens_(tokenizer.end_tokens().begin(), tokenizer.end_tokens().end()) {
  for (int32_t id = 0; id < size(); ++id) {
    if (tokenizer.IsSpecial(id) || std::ranges::find(end_tokens_, id) != end_tokens_.end()) continue;
    std::string bytes = tokenizer.TokenBytes(id);
    if (bytes.empty() || bytes.size() > kLongestToken) continue;
    longest_ = std::max(longest_, bytes.size());
    bytes_[static_cast<size_t>(id)] = std::move(bytes);
    tokens_.push_back(id);
  }
  Sort();
  CountCharacters();
  AddNodes();
  TokensOf(InsideStrings());
  for (const int32_t id : tokens_) {
    if (bytes(id).size() < 2 || bytes(id)[0] != ' ' || static_cast<uint8_t>(bytes(id)[1]) >= 0x80) continue;
    drops_first_space_ = tokenizer.Decode(std::span(&id, 1)) == bytes(id).substr(1);
    break;
  }
}

void TokenTrie::Sort() {
  std::vector<std::pair<std::string_view, int32_t>> texts;
  std::vector<std::vector<int32_t>> of_length(longest_ + 1);
  for (const int32_t id : tokens_) {
    texts.emplace_back(bytes(id), id);
    of_length[bytes(id).size()].push_back(id);
  }
  std::ranges::sort(texts);
  std::ranges::transform(texts, tokens_.begin(), [](const auto& text) { return text.second; });
  for (size_t length = of_length.size(); length-- > 0;)
    by_length_.insert(by_length_.end(), of_length[length].begin(), of_length[length].end());
}

// Each byte that is not part of a whole character counts as one.
void TokenTrie::CountCharacters() {
  for (auto* sets : {&of_characters_, &of_bytes_})
    for (auto& bits : *sets) bits.resize(bytes_.size() / 64 + 1);
  for (const int32_t id : tokens_) {
    const size_t size = bytes(id).size();
    size_t count = 0;
    for (size_t at = 0; at < size; ++count) {
      const auto c = tokenizer::DecodeAt(bytes(id), at);
      at += c.status == tokenizer::Decoded::kValid ? c.size : 1;
    }
    if (count <= kMostCharacters) Flip(id, &of_characters_[count - 1]);
    if (size <= kMostCharacters) Flip(id, &of_bytes_[size - 1]);
  }
  for (auto* sets : {&of_characters_, &of_bytes_})
    for (size_t most = 1; most < kMostCharacters; ++most)
      std::ranges::transform((*sets)[most], (*sets)[most - 1], (*sets)[most].begin(), std::bit_or());
}

void TokenTrie::AddNodes() {
  const auto add = [this](uint8_t byte, size_t begin, size_t end) {
    nodes_.push_back({.tokens = static_cast<uint32_t>(begin), .end = static_cast<uint32_t>(end)});
    node_bytes_.push_back(byte);
  };
  std::string texts;  // all, one behind the other
  std::vector<size_t> begins;
  for (const int32_t id : tokens_) {
    begins.push_back(texts.size());
    texts += bytes(id);
  }
  begins.push_back(texts.size());
  std::vector<uint32_t> parents = {0},
                        ends(tokens_.size());  // by node, and by place in tokens_: where one ends
  add(0, 0, tokens_.size());
  for (size_t level_begin = 0, depth = 0; level_begin < nodes_.size(); ++depth) {
    const size_t level_end = nodes_.size();
    for (size_t node = level_begin; node < level_end; ++node) {
      const auto byte = [&](size_t token) { return static_cast<uint8_t>(texts[begins[token] + depth]); };
      size_t begin = nodes_[node].tokens;
      const size_t end = nodes_[node].end;
      for (; begin < end && begins[begin + 1] - begins[begin] == depth; ++begin)
        ends[begin] = static_cast<uint32_t>(node);
      nodes_[node].below = static_cast<uint32_t>(begin);
      nodes_[node].children = static_cast<uint32_t>(nodes_.size());
      for (size_t last = begin; begin < end; begin = last) {
        while (last < end && byte(last) == byte(begin)) ++last;
        add(byte(begin), begin, last);
        parents.push_back(static_cast<uint32_t>(node));
      }
    }
    level_begin = level_end;
  }
  DescribeNodes(parents, ends);
  nodes_.push_back({.children = static_cast<uint32_t>(nodes_.size())});
}

void TokenTrie::DescribeNodes(std::span<const uint32_t> parents, std::span<const uint32_t> ends) {
  whole_.assign(nodes_.size(), 0);
  behind_first_.assign(nodes_.size(), 0);
  deepest_.assign(nodes_.size(), 0);
  std::vector<Kinds> kinds;
  std::unordered_map<Kinds, size_t> groups;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    KindsOfSuffixes(bytes(tokens_[i]), &kinds);
    const size_t group = groups.emplace(kinds[0], groups_.size()).first->second;
    if (group == groups_.size()) groups_.push_back({kinds[0], {}});
    groups_[group].tokens.push_back(tokens_[i]);
    Flip(tokens_[i], &texts_);
    const Kinds behind_first = kinds.size() > 1 ? kinds[1] : 0;
    uint32_t node = ends[i];
    for (size_t depth = kinds.size();; node = parents[node], --depth) {
      whole_[node] |= kinds[0];
      behind_first_[node] |= behind_first;
      deepest_[node] = std::max(deepest_[node], static_cast<uint16_t>(kinds.size()));
      if (depth < kinds.size()) nodes_[node].rest |= kinds[depth];
      if (depth == 0) break;
    }
  }
}

std::span<const int32_t> TokenTrie::longer_than(size_t length) const {
  const auto end =
      std::ranges::partition_point(by_length_, [&](int32_t id) { return bytes(id).size() > length; });
  return {by_length_.begin(), end};
}

std::shared_ptr<const std::vector<uint64_t>> TokenTrie::TokensOf(Kinds kinds) const {
  const std::lock_guard lock(mutex_);
  for (const TokensOfKinds& kept : of_kinds_)
    if (kept.kinds == kinds) return kept.bits;
  const auto fits = [kinds](const Group& group) { return (group.kinds & ~kinds) == 0; };
  size_t fitting = 0;
  for (const Group& group : groups_) fitting += fits(group) ? group.tokens.size() : 0;
  // From all or from none, whichever is nearer.
  const bool most = fitting > tokens_.size() / 2;
  auto bits = std::make_shared<std::vector<uint64_t>>(most ? texts_ : std::vector<uint64_t>(texts_.size()));
  for (const Group& group : groups_) {
    if (fits(group) == most) continue;
    for (const int32_t id : group.tokens) Flip(id, bits.get());
  }
  of_kinds_.push_front({kinds, bits});
  if (of_kinds_.size() > kMostKept) of_kinds_.pop_back();
  return bits;
}

}  // namespace sluice::constrain
