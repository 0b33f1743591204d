#include "constrain/vocabulary_walk.h"

#include <algorithm>

#include "tokenizer/unicode.h"

namespace sluice::constrain {
namespace {

constexpr uint32_t kManyTokens = 4;  // below a node, so that it pays to ask whether all of them can be read
constexpr uint32_t kWorthKnowing = 64;  // tokens below a node, so that it pays to ask which can be read
constexpr size_t kFetchAhead = 6;
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
  const uint16_t* const deepest = trie_.deepest();
  uint32_t first = 0, last = 0;  // tokens that have not been added yet
  const auto add = [&](uint32_t begin, uint32_t end) {
    if (begin != last) {
      out->Add(trie_.tokens().subspan(first, last - first));
      first = begin;
    }
    last = end;
  };
  settled_ = {{trie_.whole(), ~task.known.kinds, task.known.bytes, true}};
  open_ = {{nodes[task.node].children, nodes[task.node + 1].children, task.config, 0}};
  for (size_t i = 0; i < open_.size() && !stacks_.overflowed(); ++i) {
    if (i + kFetchAhead < open_.size()) Fetch(open_[i + kFetchAhead]);
    const Open open = open_[i];
    const Settled settled = settled_[open.settled];
    for (uint32_t node = open.node; node != open.end; ++node) {
      if (deepest[node] <= task.longer_than) continue;
      if ((settled.kinds[node] & settled.unknown) == 0 && deepest[node] <= settled.bytes) {
        if (!settled.added) add(nodes[node].tokens, nodes[node].end);
        continue;
      }
      const ConfigId next = stacks_.Step(open.config, bytes[node]);
      if (next == kDead) continue;
      const TokenTrie::Node& at = nodes[node];
      const bool reads = stacks_.config(next).count > 0, leaves = stacks_.config(next).leaves;
      const bool all = reads && at.end - at.below > kManyTokens && TakesAllBelow(node, open.config, next);
      if (leaves && !all && task.exits != nullptr && at.end > at.below) {
        task.exits->nodes.push_back(node);
        task.exits->behind += at.end - at.below;
        if (task.exits->behind > task.most_behind_exits) return false;
      }
      add(at.tokens, all ? at.end : at.below);
      if (!reads || all || at.end == at.below) continue;
      open_.push_back({at.children, nodes[node + 1].children, next, open.settled});
      if (i == 0) LookBehindFirst(node, task, &open_.back());
    }
  }
  add(0, 0);
  return true;
}

void VocabularyWalk::Fetch(const Open& open) const {
  __builtin_prefetch(&trie_.nodes()[open.node]);
  __builtin_prefetch(&settled_[open.settled].kinds[open.node]);
  __builtin_prefetch(&trie_.node_bytes()[open.node]);
  __builtin_prefetch(&trie_.deepest()[open.node]);
}

void VocabularyWalk::LookBehindFirst(uint32_t node, const Task& task, Open* children) {
  const TokenTrie::Node& at = trie_.nodes()[node];
  const uint8_t byte = trie_.node_bytes()[node];
  if (task.node != 0 || at.end - at.below < kWorthKnowing || byte >= 0x80 ||
      (KindOfAscii(byte) & ~task.known.kinds) == 0)
    return;
  const auto [found, is_new] = known_.try_emplace(children->config);
  if (is_new) found->second = KnownFrom(children->config);
  const KnownText& known = found->second;
  if (known.kinds == 0) return;
  const size_t most = std::min(known.bytes, known.characters);
  children->settled = static_cast<uint32_t>(settled_.size());
  settled_.push_back({trie_.behind_first(), ~known.kinds, most == SIZE_MAX ? most : most + 1, false});
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
  KeepShort(text.bytes, &tokens);
  out->Add(tokens.Take());
}

void VocabularyWalk::KeepShort(size_t bytes, TokenSetBuilder* tokens) const {
  if (bytes >= trie_.longest()) return;
  if (bytes > 0 && bytes <= TokenTrie::kMostCharacters)
    tokens->Keep(trie_.of_bytes(bytes));
  else
    tokens->Remove(trie_.longer_than(bytes));
}

}  // namespace sluice::constrain
