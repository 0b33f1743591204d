// The one implementation of Tokenizer: normalise, find added tokens, split, encode, post-process; and decode.
// What differs between vocabularies is which stages there are.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/decoder.h"
#include "tokenizer/models.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer.h"

namespace sluice::tokenizer {

// What a loader fills in.
struct PipelineParts {
  Vocabulary vocabulary;
  Replacing invalid_text = Replacing::kPerIllFormedPart;
  AddedTokens added;
  std::vector<Normalizer> normalizers;
  std::vector<PreTokenizer> pre_tokenizers;
  Model model = WordLevelModel(kNoToken);
  std::vector<TokenId> before, after;  // what the post-processor puts around a text
  std::vector<DecoderStage> decoder;

  std::vector<TokenId> special;         // left out of decoded text on request
  std::vector<TokenId> never_shown;     // always left out (SentencePiece's control pieces)
  std::vector<TokenId> bytes, unknown;  // SentencePiece: how their spelling is read
  // What the normaliser made of an added token. The library decodes to that, even where special tokens are
  // left out.
  std::unordered_map<TokenId, std::string> shown_as;

  TokenId bos = kNoToken, eos = kNoToken;
  std::vector<TokenId> end_tokens;
  std::string chat_template;
};

class Pipeline final : public Tokenizer {
 public:
  explicit Pipeline(PipelineParts parts);

  Result<std::vector<TokenId>> Encode(std::string_view text, EncodeOptions options) const override;
  std::string Decode(std::span<const TokenId> ids, bool skip_special) const override;
  int32_t vocab_size() const override { return parts_.vocabulary.size(); }
  std::string TokenSpelling(TokenId id) const override { return std::string(parts_.vocabulary.Spelling(id)); }
  std::string TokenBytes(TokenId id) const override;
  std::optional<TokenId> FindToken(std::string_view spelling) const override;
  bool IsSpecial(TokenId id) const override { return Flags(id) & kSpecial; }
  std::optional<TokenId> bos() const override { return Optional(parts_.bos); }
  std::optional<TokenId> eos() const override { return Optional(parts_.eos); }
  std::span<const TokenId> end_tokens() const override { return parts_.end_tokens; }
  std::string_view chat_template() const override { return parts_.chat_template; }

  const std::vector<DecoderStage>& decoder() const { return parts_.decoder; }
  // Feeds one id to a decoding; ids that are out of range or not shown give nothing.
  void PushTo(DecodeRun& run, TokenId id, bool skip_special, std::string& out) const;

 private:
  enum Flag : uint8_t { kSpecial = 1, kNeverShown = 2, kByte = 4, kUnknown = 8 };
  struct EncodeRun;

  uint8_t Flags(TokenId id) const { return parts_.vocabulary.Has(id) ? flags_[static_cast<size_t>(id)] : 0; }
  static std::optional<TokenId> Optional(TokenId id) { return id < 0 ? std::nullopt : std::optional(id); }
  void SetFlag(const std::vector<TokenId>& ids, Flag flag);

  PipelineParts parts_;
  std::vector<uint8_t> flags_;  // by id
};

}  // namespace sluice::tokenizer
