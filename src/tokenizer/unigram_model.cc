#include <algorithm>
#include <limits>

#include "tokenizer/models.h"
#include "tokenizer/unicode.h"

namespace sluice::tokenizer {
namespace {

constexpr double kUnknownPenalty = 10.0;
constexpr uint32_t kNowhere = UINT32_MAX;

// The best path that ends at a place.
template <typename Score>
struct Node {
  Score score = 0;
  uint32_t start = kNowhere;  // of its last piece
  int32_t piece = -1;         // -1: unknown
};

}  // namespace

UnigramModel::UnigramModel(const Vocabulary& vocabulary, const std::vector<Piece>& pieces, Flavor flavor,
                           TokenId unk, std::optional<ByteTokens> bytes)
    : flavor_(flavor), unk_(unk), bytes_(std::move(bytes)) {
  // sentencepiece starts the highest score at the smallest positive number, and scores are logarithms.
  double lowest = std::numeric_limits<double>::max(), highest = std::numeric_limits<float>::min();
  bool any = false;
  for (const Piece& piece : pieces) {
    if (piece.user_defined) continue;
    lowest = std::min(lowest, piece.score);
    highest = std::max(highest, piece.score);
    any = true;
  }
  if (!any) lowest = 0;
  unk_score_ = flavor == Flavor::kTokenizers
                   ? lowest - kUnknownPenalty
                   : static_cast<float>(lowest) - static_cast<float>(kUnknownPenalty);
  for (const Piece& piece : pieces) {
    const std::string_view text = vocabulary.Spelling(piece.id);
    double score = piece.score;
    if (piece.user_defined)
      score = static_cast<double>(static_cast<float>(text.size()) * static_cast<float>(highest)) - 0.1;
    trie_.Insert(text, static_cast<int32_t>(ids_.size()));
    scores_.push_back(score);
    ids_.push_back(piece.id);
  }
}

void UnigramModel::Encode(std::string_view text, const Vocabulary& vocabulary, ModelScratch&,
                          std::vector<TokenId>& ids) const {
  if (flavor_ == Flavor::kTokenizers) {
    BestPath<double>(text, ids, vocabulary);
  } else {
    BestPath<float>(text, ids, vocabulary);
  }
}

// Left to right; a path replaces another one only if it is strictly better.
template <typename Score>
void UnigramModel::BestPath(std::string_view text, std::vector<TokenId>& ids,
                            const Vocabulary& vocabulary) const {
  std::vector<Node<Score>> nodes(text.size() + 1);
  const auto offer = [&](size_t end, Score score, size_t start, int32_t piece) {
    auto& node = nodes[end];
    if (node.start == kNowhere || score > node.score) node = {score, static_cast<uint32_t>(start), piece};
  };
  for (size_t start = 0; start < text.size();) {
    const size_t char_end = start + DecodeAt(text, start).size;
    const Score so_far = nodes[start].score;
    bool has_single = false;
    uint32_t at = ByteTrie::kRoot;
    for (size_t i = start; i < text.size(); ++i) {
      at = trie_.Step(at, static_cast<uint8_t>(text[i]));
      if (at == ByteTrie::kRoot) break;
      const int32_t piece = trie_.Value(at);
      if (piece == ByteTrie::kNoValue) continue;
      offer(i + 1, static_cast<Score>(scores_[static_cast<size_t>(piece)] + so_far), start, piece);
      has_single = has_single || i + 1 == char_end;
    }
    if (!has_single) offer(char_end, static_cast<Score>(unk_score_ + so_far), start, -1);
    start = char_end;
  }

  std::vector<size_t> ends;
  for (size_t end = text.size(); end > 0; end = nodes[end].start) ends.push_back(end);
  std::reverse(ends.begin(), ends.end());
  size_t unknown_start = 0;
  bool unknown = false;
  for (const size_t end : ends) {
    const auto& node = nodes[end];
    const bool is_unknown = node.piece < 0 || ids_[static_cast<size_t>(node.piece)] == unk_;
    if (unknown && !is_unknown)
      EmitUnknown(text.substr(unknown_start, node.start - unknown_start), vocabulary, ids);
    if (is_unknown && !unknown) unknown_start = node.start;
    unknown = is_unknown;
    if (!is_unknown) ids.push_back(ids_[static_cast<size_t>(node.piece)]);
  }
  if (unknown) EmitUnknown(text.substr(unknown_start), vocabulary, ids);
}

// `text`: a whole run of unknown characters.
void UnigramModel::EmitUnknown(std::string_view text, const Vocabulary& vocabulary,
                               std::vector<TokenId>& ids) const {
  if (flavor_ == Flavor::kTokenizers) {
    if (const TokenId whole = vocabulary.Find(text); whole != kNoToken) {
      ids.push_back(whole);
      return;
    }
  }
  if (bytes_ && bytes_->Append(text, ids)) return;
  if (unk_ != kNoToken) ids.push_back(unk_);
}

}  // namespace sluice::tokenizer
