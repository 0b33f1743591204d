// The fourth stage: a piece of text -> token ids. The kinds of model, each immutable after loading.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "tokenizer/bpe.h"
#include "tokenizer/byte_tokens.h"
#include "tokenizer/byte_trie.h"
#include "tokenizer/vocabulary.h"

namespace sluice::tokenizer {

struct ModelScratch {
  BpeScratch bpe;
  std::vector<TokenId> ids;
  std::string text;
};

// BPE as the library tokenizers does it: characters become ids first, then ids are merged.
class BpeModel {
 public:
  struct Options {
    TokenId unk = kNoToken;
    std::string continuing_prefix;  // spelled before every character but a piece's first
    std::string end_suffix;         // spelled after a piece's last character
    bool fuse_unk = false;          // neighbouring unknown characters become one token
    bool byte_fallback = false;
    bool ignore_merges = false;  // a piece that is a token needs no merges
  };
  BpeModel(const Vocabulary& vocabulary, Options options, MergeTable merges);
  void Encode(std::string_view piece, const Vocabulary& vocabulary, ModelScratch& scratch,
              std::vector<TokenId>& ids) const;

 private:
  TokenId CharId(std::string_view piece, size_t begin, size_t end, const Vocabulary& vocabulary,
                 std::string& spelled) const;
  void StartSymbols(std::string_view piece, const Vocabulary& vocabulary, ModelScratch& scratch) const;

  Options options_;
  MergeTable merges_;
  std::optional<ByteTokens> bytes_;
  std::vector<TokenId> direct_;  // ids of low characters; empty where prefix or suffix are used
};

// What the sentencepiece models share: pieces that are matched as a whole, and what to do with unknown text.
struct SentencePieceRules {
  std::shared_ptr<const ByteTrie> user_defined;  // may be null
  TokenId unk = kNoToken;
  std::optional<ByteTokens> bytes;  // byte fallback
};

// BPE as sentencepiece does it: text is joined by the scores of the results; unknown characters stay as they
// are.
class SentencePieceBpe {
 public:
  struct Piece {
    TokenId id;
    float score;
    bool unused;  // may be built, but is taken apart again
  };
  // `pieces`: all that can be built or matched, user-defined ones too.
  SentencePieceBpe(const Vocabulary& vocabulary, const std::vector<Piece>& pieces, SentencePieceRules rules);
  void Encode(std::string_view text, const Vocabulary& vocabulary, ModelScratch& scratch,
              std::vector<TokenId>& ids) const;

 private:
  void AddStrays(const Vocabulary& vocabulary, const std::vector<Piece>& pieces);
  void AddMerges(const Vocabulary& vocabulary, const std::vector<Piece>& pieces);
  int32_t SymbolOf(std::string_view text, const Vocabulary& vocabulary) const;

  SentencePieceRules rules_;
  MergeTable merges_;
  std::vector<bool> buildable_;  // by id
  std::vector<bool> unused_;     // by id; empty if no piece is unused
  Vocabulary
      strays_;  // characters that occur in pieces without being one; symbols from the vocabulary's size on
};

// The most probable sequence of pieces.
class UnigramModel {
 public:
  struct Piece {
    TokenId id;
    double score;
    bool user_defined;
  };
  enum class Flavor {
    kTokenizers,     // sums of 64 bits; what is unknown is looked up once more as a whole
    kSentencePiece,  // sums of 32 bits; user-defined pieces always win
  };
  UnigramModel(const Vocabulary& vocabulary, const std::vector<Piece>& pieces, Flavor flavor, TokenId unk,
               std::optional<ByteTokens> bytes);
  void Encode(std::string_view text, const Vocabulary& vocabulary, ModelScratch& scratch,
              std::vector<TokenId>& ids) const;

 private:
  template <typename Score>
  void BestPath(std::string_view text, std::vector<TokenId>& ids, const Vocabulary& vocabulary) const;
  void EmitUnknown(std::string_view text, const Vocabulary& vocabulary, std::vector<TokenId>& ids) const;

  ByteTrie trie_;  // value: index into scores_
  std::vector<double> scores_;
  std::vector<TokenId> ids_;
  Flavor flavor_;
  TokenId unk_;
  double unk_score_ = 0;
  std::optional<ByteTokens> bytes_;
};

// The longest token at each place, from left to right; a word with an unmatched place is unknown as a whole.
class WordPieceModel {
 public:
  struct Options {
    TokenId unk = kNoToken;
    std::string first_prefix, continuing_prefix;
    size_t max_word_chars = 100;
  };
  explicit WordPieceModel(Options options) : options_(std::move(options)) {}
  void Encode(std::string_view word, const Vocabulary& vocabulary, ModelScratch& scratch,
              std::vector<TokenId>& ids) const;

 private:
  Options options_;
};

// The whole piece is a token.
class WordLevelModel {
 public:
  explicit WordLevelModel(TokenId unk) : unk_(unk) {}
  void Encode(std::string_view word, const Vocabulary& vocabulary, ModelScratch& scratch,
              std::vector<TokenId>& ids) const;

 private:
  TokenId unk_;
};

// SentencePiece's "char" and "word": every character, or every run that starts with a visible space.
class SentencePieceUnits {
 public:
  enum class Unit { kChar, kWord };
  SentencePieceUnits(Unit unit, SentencePieceRules rules) : unit_(unit), rules_(std::move(rules)) {}
  void Encode(std::string_view text, const Vocabulary& vocabulary, ModelScratch& scratch,
              std::vector<TokenId>& ids) const;

 private:
  Unit unit_;
  SentencePieceRules rules_;
};

using Model = std::variant<BpeModel, SentencePieceBpe, UnigramModel, WordPieceModel, WordLevelModel,
                           SentencePieceUnits>;

}  // namespace sluice::tokenizer
