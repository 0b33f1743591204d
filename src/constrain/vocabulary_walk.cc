#include "constrain/vocabulary_walk.h"

#include <algorithm>

#include "tokenizer/unicode.h"

namespace sluice::constrain {
namespace {

constexpr uint32_t kManyTokens = 4;  // below a node, so that it pays to ask whether all of them can be read
constexpr size_t kMostInCharacters = 16;  // configurations between the bytes of characters
constexpr size_t kFewCharacters = 3;      // are found quicker by walking
// Where neither is read it is not worth much to know what is.
constexpr std::string_view kLetter = "x", kWideLetter = "一";

const std::vector<Utf8Sequence>& CharactersBeyondAscii() {
  static const auto sequences =
      Utf8Ranges(tokenizer::CharSet{{0x80, 0xD7FF}, {0xE000, tokenizer::kMaxCodePoint}});
  return sequences;
}

}  // namespace

bool VocabularyWalk::Run(const Task& task, TokenSetBuilder* out) {
  const TokenTrie::Node* const nodes = trie_.nodes().data();
  const uint8_t* const bytes = trie_.node_bytes();
  const Kinds* const whole = trie_.whole();
  const Kinds unknown = ~task.known.kinds;
  uint32_t first = 0, last = 0;  // tokens that have not been added yet
  const auto flush = [&] { out->Add(trie_.tokens().subspan(first, last - first)); };
  open_ = {{nodes[task.node].children, nodes[task.node + 1].children, task.config}};
  while (!open_.empty() && !stacks_.overflowed()) {
    Open& open = open_.back();
    if (open.node == open.end) {
      open_.pop_back();
      continue;
    }
    const uint32_t node = open.node++;
    const ConfigId next = stacks_.Step(open.config, bytes[node]);
    if (next == kDead) continue;
    const bool may_be_known = (whole[node] & unknown) == 0;
    if (may_be_known && task.known.bytes == SIZE_MAX) continue;  // before the node is fetched from memory
    const TokenTrie::Node& at = nodes[node];
    if ((may_be_known && at.deepest <= task.known.bytes) || at.deepest <= task.longer_than) continue;
    const bool reads = stacks_.config(next).count > 0, leaves = stacks_.config(next).leaves;
    const bool all = reads && at.end - at.below > kManyTokens && TakesAllBelow(node, open.config, next);
    if (leaves && !all && task.exits != nullptr && at.end > at.below) {
      task.exits->nodes.push_back(node);
      task.exits->behind += at.end - at.below;
      if (task.exits->behind > task.most_behind_exits) return false;
    }
    if (at.tokens != last) {
      flush();
      first = at.tokens;
    }
    last = all ? at.end : at.below;
    if (reads && !all) open_.push_back({at.children, nodes[node + 1].children, next});
  }
  flush();
  return true;
}

bool VocabularyWalk::TakesAllBelow(uint32_t node, ConfigId before, ConfigId config) {
  // What does not come back to itself at once hardly ever does.
  if (config != before && trie_.node_bytes()[node] < 0x80) return false;
  return (trie_.nodes()[node].rest & ~Loops(config)) == 0;
}

Kinds VocabularyWalk::Loops(ConfigId config) {
  if (loops_.size() <= config) loops_.resize(config + size_t{1}, kAllKinds);
  if (loops_[config] != kAllKinds) return loops_[config];
  const Kinds found = Leads(config, config);
  return loops_[config] = found;
}

Kinds VocabularyWalk::Leads(ConfigId from, ConfigId to) {
  const auto& classes = stacks_.automaton().byte_class;
  Kinds kinds = 0, others = 0;
  bool leads = false, stray = true;
  for (size_t byte = 0; byte < 256; ++byte) {
    if (byte == 0 || classes[byte] != classes[byte - 1])
      leads = stacks_.Step(from, static_cast<uint8_t>(byte)) == to;
    if (byte < 128)
      (leads ? kinds : others) |= KindOfAscii(static_cast<uint8_t>(byte));
    else
      stray = stray && leads;
  }
  kinds &= ~others;
  if (stray) kinds |= kStrayBytes;
  return CharactersLead(from, to) ? kinds | kBeyondAscii : kinds;
}

bool VocabularyWalk::CharactersLead(ConfigId from, ConfigId to) {
  std::vector<ConfigId> before, after;
  for (const Utf8Sequence& sequence : CharactersBeyondAscii()) {
    before = {from};
    for (const ByteRange& range : sequence) {
      after.clear();
      for (const ConfigId config : before) AddSteps(config, range, &after);
      if (std::ranges::find(after, kDead) != after.end()) {
        if (to != kDead) return false;
        std::erase(after, kDead);
      }
      if (after.size() > kMostInCharacters) return false;
      before.swap(after);
    }
    if (to == kDead ? !before.empty() : before != std::vector<ConfigId>{to}) return false;
  }
  return true;
}

// Each once.
void VocabularyWalk::AddSteps(ConfigId config, const ByteRange& range, std::vector<ConfigId>* after) {
  const auto& classes = stacks_.automaton().byte_class;
  for (size_t byte = range.first; byte <= range.last; ++byte) {
    if (byte > range.first && classes[byte] == classes[byte - 1]) continue;
    const ConfigId next = stacks_.Step(config, static_cast<uint8_t>(byte));
    if (std::ranges::find(*after, next) == after->end()) after->push_back(next);
  }
}

ConfigId VocabularyWalk::StepText(ConfigId config, std::string_view text) {
  for (const char c : text)
    if (config != kDead) config = stacks_.Step(config, static_cast<uint8_t>(c));
  return config;
}

KnownText VocabularyWalk::KnownFrom(ConfigId config) {
  const KnownText known = KnownFrom(config, kLetter);
  return known.kinds != 0 ? known : KnownFrom(config, kWideLetter);
}

// Reads the letter again and again, and looks which others do the same.
KnownText VocabularyWalk::KnownFrom(ConfigId config, std::string_view letter) {
  const Kinds wanted = KindsOf(letter);
  Kinds kinds = kAllKinds;
  size_t read = 0;
  for (; read < TokenTrie::kMostCharacters; ++read) {
    const ConfigId next = StepText(config, letter);
    if (next == kDead && read < kFewCharacters) return {};
    const Kinds alike = kinds & (next == config ? Loops(config) : Leads(config, next));
    if (next == kDead && alike == kinds) return {.kinds = kinds, .characters = read};
    if (next == kDead || (alike & wanted) == 0) break;
    kinds = alike;
    if (next == config) return {.kinds = kinds};
    config = next;
  }
  if (read < kFewCharacters) return {};
  return {.kinds = kinds, .bytes = read};
}

void VocabularyWalk::Add(const KnownText& text, TokenSetBuilder* out) const {
  if (text.kinds == 0) return;
  TokenSetBuilder tokens(trie_.size());
  tokens.Add(*trie_.TokensOf(text.kinds));
  if (text.characters != SIZE_MAX) tokens.Keep(trie_.of_characters(text.characters));
  if (text.bytes < trie_.longest()) tokens.Remove(trie_.longer_than(text.bytes));
  out->Add(tokens.Take());
}

}  // namespace sluice::constrain
