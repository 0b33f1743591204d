#include <algorithm>
#include <functional>

#include "tokenizer/models.h"
#include "tokenizer/unicode.h"

namespace sluice::tokenizer {
namespace {

// Appends ids as sentencepiece does: unknown text as bytes, or one unknown token for neighbours.
class Output {
 public:
  Output(const SentencePieceRules& rules, std::vector<TokenId>& ids) : rules_(rules), ids_(ids) {}

  void Known(TokenId id) {
    ids_.push_back(id);
    after_unknown_ = id == rules_.unk;
  }
  void Unknown(std::string_view text) {
    if (rules_.bytes && rules_.bytes->Append(text, ids_)) {
      after_unknown_ = false;
      return;
    }
    if (!after_unknown_ && rules_.unk != kNoToken) ids_.push_back(rules_.unk);
    after_unknown_ = true;
  }

 private:
  const SentencePieceRules& rules_;
  std::vector<TokenId>& ids_;
  bool after_unknown_ = false;
};

ByteTrie::Found UserDefinedAt(const SentencePieceRules& rules, std::string_view text, size_t position) {
  return rules.user_defined ? rules.user_defined->Longest(text, position) : ByteTrie::Found();
}

}  // namespace

SentencePieceBpe::SentencePieceBpe(const Vocabulary& vocabulary, const std::vector<Piece>& pieces,
                                   SentencePieceRules rules)
    : rules_(std::move(rules)) {
  const auto size = static_cast<size_t>(vocabulary.size());
  buildable_.resize(size);
  for (const Piece& piece : pieces) {
    buildable_[static_cast<size_t>(piece.id)] = true;
    if (!piece.unused) continue;
    unused_.resize(size);
    unused_[static_cast<size_t>(piece.id)] = true;
  }
  AddStrays(vocabulary, pieces);
  AddMerges(vocabulary, pieces);
  merges_.FindJoints();
}

void SentencePieceBpe::AddStrays(const Vocabulary& vocabulary, const std::vector<Piece>& pieces) {
  for (const Piece& piece : pieces) {
    const std::string_view text = vocabulary.Spelling(piece.id);
    for (size_t i = 0; i < text.size();) {
      const std::string_view c = text.substr(i, DecodeAt(text, i).size);
      if (SymbolOf(c, vocabulary) < 0) (void)strays_.Add(c, static_cast<int64_t>(strays_.names()));
      i += c.size();
    }
  }
}

// Every way to split a piece into two known strings is a merge, ranked by the piece's score.
void SentencePieceBpe::AddMerges(const Vocabulary& vocabulary, const std::vector<Piece>& pieces) {
  std::vector<float> scores;
  for (const Piece& piece : pieces) scores.push_back(piece.score);
  std::sort(scores.begin(), scores.end(), std::greater<>());
  scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
  merges_.Reserve(pieces.size() * 3);
  for (const Piece& piece : pieces) {
    const std::string_view text = vocabulary.Spelling(piece.id);
    const auto rank = static_cast<uint32_t>(
        std::lower_bound(scores.begin(), scores.end(), piece.score, std::greater<>()) - scores.begin());
    for (size_t middle = text.empty() ? 0 : DecodeAt(text, 0).size; middle < text.size();
         middle += DecodeAt(text, middle).size) {
      const int32_t left = SymbolOf(text.substr(0, middle), vocabulary);
      const int32_t right = left < 0 ? -1 : SymbolOf(text.substr(middle), vocabulary);
      if (right >= 0) merges_.Set(left, right, {rank, piece.id});
    }
  }
}

int32_t SentencePieceBpe::SymbolOf(std::string_view text, const Vocabulary& vocabulary) const {
  const TokenId id = vocabulary.Find(text);
  if (id != kNoToken && buildable_[static_cast<size_t>(id)]) return id;
  const TokenId stray = strays_.Find(text);
  return stray == kNoToken ? -1 : vocabulary.size() + stray;
}

void SentencePieceBpe::Encode(std::string_view text, const Vocabulary& vocabulary, ModelScratch& scratch,
                              std::vector<TokenId>& ids) const {
  auto& symbols = scratch.bpe.symbols;
  symbols.clear();
  for (size_t begin = 0; begin < text.size();) {
    const auto whole = UserDefinedAt(rules_, text, begin);
    const size_t end = begin + (whole.length > 0 ? whole.length : DecodeAt(text, begin).size);
    const int32_t id = whole.length > 0 ? -1 : SymbolOf(text.substr(begin, end - begin), vocabulary);
    symbols.push_back({.id = id, .begin = static_cast<uint32_t>(begin), .end = static_cast<uint32_t>(end)});
    begin = end;
  }
  scratch.bpe.watched = unused_.empty() ? nullptr : &unused_;
  scratch.bpe.halves.clear();
  MergeAll(merges_, scratch.bpe);

  Output output(rules_, ids);
  std::vector<int32_t> parts;
  for (const BpeSymbol& symbol : symbols) {
    const std::string_view spelled = text.substr(symbol.begin, symbol.end - symbol.begin);
    if (symbol.id < 0) {
      const TokenId whole = vocabulary.Find(spelled);
      whole != kNoToken&& buildable_[static_cast<size_t>(whole)] ? output.Known(whole)
                                                                 : output.Unknown(spelled);
      continue;
    }
    // An unused piece gives way to the halves that it was built from.
    for (parts.assign(1, symbol.id); !parts.empty();) {
      const int32_t part = parts.back();
      parts.pop_back();
      const auto halves = scratch.bpe.halves.find(part);
      if (part >= vocabulary.size()) {
        output.Unknown(strays_.Spelling(part - vocabulary.size()));
      } else if (halves != scratch.bpe.halves.end()) {
        parts.push_back(halves->second.second);
        parts.push_back(halves->second.first);
      } else {
        output.Known(part);
      }
    }
  }
}

void SentencePieceUnits::Encode(std::string_view text, const Vocabulary& vocabulary, ModelScratch&,
                                std::vector<TokenId>& ids) const {
  Output output(rules_, ids);
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin + DecodeAt(text, begin).size;
    if (unit_ == Unit::kWord) {
      end = std::min(text.find(kSpaceSymbol, begin + 1), text.size());
    } else if (const auto whole = UserDefinedAt(rules_, text, begin); whole.length > 0) {
      end = begin + whole.length;
    }
    const std::string_view unit = text.substr(begin, end - begin);
    const TokenId id = vocabulary.Find(unit);
    id == kNoToken ? output.Unknown(unit) : output.Known(id);
    begin = end;
  }
}

}  // namespace sluice::tokenizer
