#include "tokenizer/models.h"
#include "tokenizer/unicode.h"

namespace sluice::tokenizer {
namespace {

constexpr char32_t kDirectChars = 0x3000;

}  // namespace

BpeModel::BpeModel(const Vocabulary& vocabulary, Options options, MergeTable merges)
    : options_(std::move(options)), merges_(std::move(merges)) {
  merges_.FindJoints();
  if (options_.byte_fallback) bytes_.emplace(vocabulary);
  if (!options_.continuing_prefix.empty() || !options_.end_suffix.empty()) return;
  direct_.reserve(kDirectChars);
  for (char32_t c = 0; c < kDirectChars; ++c) direct_.push_back(vocabulary.Find(ToUtf8(c)));
}

TokenId BpeModel::CharId(std::string_view piece, size_t begin, size_t end, const Vocabulary& vocabulary,
                         std::string& spelled) const {
  const std::string_view bytes = piece.substr(begin, end - begin);
  if (!direct_.empty()) {
    const char32_t c = DecodeAt(bytes, 0).value;
    return c < kDirectChars ? direct_[c] : vocabulary.Find(bytes);
  }
  spelled.clear();
  if (begin > 0) spelled += options_.continuing_prefix;
  spelled += bytes;
  if (end == piece.size()) spelled += options_.end_suffix;
  return vocabulary.Find(spelled);
}

// Unknown characters become byte tokens, the unknown token, or nothing.
void BpeModel::StartSymbols(std::string_view piece, const Vocabulary& vocabulary,
                            ModelScratch& scratch) const {
  auto& symbols = scratch.bpe.symbols;
  symbols.clear();
  bool unk_waits = false;
  const auto add = [&](TokenId id) { symbols.push_back({.id = id}); };
  for (size_t begin = 0; begin < piece.size();) {
    const size_t end = begin + DecodeAt(piece, begin).size;
    const TokenId id = CharId(piece, begin, end, vocabulary, scratch.text);
    if (id != kNoToken) {
      if (unk_waits) add(options_.unk);
      unk_waits = false;
      add(id);
    } else {
      scratch.ids.clear();
      const std::string_view spelled = direct_.empty() ? scratch.text : piece.substr(begin, end - begin);
      if (bytes_ && bytes_->Append(spelled, scratch.ids)) {
        for (const TokenId byte : scratch.ids) add(byte);
      } else if (options_.unk != kNoToken) {
        if (unk_waits && !options_.fuse_unk) add(options_.unk);
        unk_waits = true;
      }
    }
    begin = end;
  }
  if (unk_waits) add(options_.unk);
}

void BpeModel::Encode(std::string_view piece, const Vocabulary& vocabulary, ModelScratch& scratch,
                      std::vector<TokenId>& ids) const {
  if (options_.ignore_merges) {
    if (const TokenId whole = vocabulary.Find(piece); whole != kNoToken) {
      ids.push_back(whole);
      return;
    }
  }
  StartSymbols(piece, vocabulary, scratch);
  MergeAll(merges_, scratch.bpe);
  for (const BpeSymbol& symbol : scratch.bpe.symbols) ids.push_back(symbol.id);
}

}  // namespace sluice::tokenizer
