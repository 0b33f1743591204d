#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "formats/file_error.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/loaders.h"
#include "tokenizer/merges.h"
#include "tokenizer/stages_json.h"
#include "tokenizer/tokenizer_json.h"

namespace sluice::tokenizer {
namespace {

using nlohmann::json;

// The unused ids between the used ones may at most be this many, and as many again as there are tokens.
constexpr size_t kIdSlack = 65536;

Status FillVocabulary(const TokenizerJson& doc, size_t added, Vocabulary& vocabulary) {
  const size_t count = doc.vocab.size() + doc.scored.size();
  if (count == 0) return Fail(ErrorCode::kBadFile, "\"model.vocab\" is empty or missing");
  vocabulary = Vocabulary(2 * (count + added) + kIdSlack);
  vocabulary.Reserve(count + added, count * 8);
  for (const auto& [token, id] : doc.vocab) {
    if (id >= 0 && id < vocabulary.size() && vocabulary.Has(static_cast<TokenId>(id)))
      return Fail(ErrorCode::kBadFile,
                  fmt::format("tokens \"{}\" and \"{}\" have the same id {}",
                              formats::Printable(vocabulary.Spelling(static_cast<TokenId>(id))),
                              formats::Printable(token), id));
    SLUICE_CHECK_OK(vocabulary.Add(token, id));
  }
  int64_t next = 0;
  for (const auto& [token, score] : doc.scored) {
    SLUICE_CHECK_OK(vocabulary.Add(token, next));
    ++next;
  }
  return {};
}

Result<Model> MakeBpe(const json& spec, const TokenizerJson& doc, const Vocabulary& vocabulary) {
  BpeModel::Options options;
  SLUICE_TRY(const std::string unk, StringField(spec, "unk_token", ""));
  if (!unk.empty()) options.unk = vocabulary.Find(unk);
  SLUICE_TRY(options.continuing_prefix, StringField(spec, "continuing_subword_prefix", ""));
  SLUICE_TRY(options.end_suffix, StringField(spec, "end_of_word_suffix", ""));
  SLUICE_TRY(options.fuse_unk, BoolField(spec, "fuse_unk", false));
  SLUICE_TRY(options.byte_fallback, BoolField(spec, "byte_fallback", false));
  SLUICE_TRY(options.ignore_merges, BoolField(spec, "ignore_merges", false));
  MergeBuilder merges(vocabulary, options.continuing_prefix.size());
  merges.Reserve(doc.merges.size());
  for (const auto& [left, right] : doc.merges) SLUICE_CHECK_OK(merges.Add(left, right));
  return BpeModel(vocabulary, std::move(options), merges.Take());
}

Result<Model> MakeUnigram(const json& spec, const TokenizerJson& doc, const Vocabulary& vocabulary) {
  SLUICE_TRY(const int64_t unk, IntField(spec, "unk_id", kNoToken));
  SLUICE_TRY(const bool byte_fallback, BoolField(spec, "byte_fallback", false));
  if (unk < kNoToken || unk >= vocabulary.size())
    return Fail(ErrorCode::kBadFile,
                fmt::format("\"unk_id\" is {}, the vocabulary has {} tokens", unk, vocabulary.size()));
  std::vector<UnigramModel::Piece> pieces;
  pieces.reserve(doc.scored.size());
  for (const auto& [token, score] : doc.scored)
    pieces.push_back({static_cast<TokenId>(pieces.size()), score, false});
  std::optional<ByteTokens> bytes;
  if (byte_fallback) bytes.emplace(vocabulary);
  return UnigramModel(vocabulary, pieces, UnigramModel::Flavor::kTokenizers, static_cast<TokenId>(unk),
                      std::move(bytes));
}

Result<Model> MakeWordPiece(const json& spec, const Vocabulary& vocabulary) {
  WordPieceModel::Options options;
  SLUICE_TRY(const std::string unk, StringField(spec, "unk_token", "[UNK]"));
  SLUICE_TRY(options.continuing_prefix, StringField(spec, "continuing_subword_prefix", "##"));
  SLUICE_TRY(const int64_t most, IntField(spec, "max_input_chars_per_word", 100));
  options.unk = vocabulary.Find(unk);
  options.max_word_chars = static_cast<size_t>(std::clamp<int64_t>(most, 0, 1000));
  return WordPieceModel(std::move(options));
}

Result<Model> MakeModel(const TokenizerJson& doc, const Vocabulary& vocabulary) {
  const json& spec = Field(doc.rest, "model");
  SLUICE_TRY(std::string type, StringField(spec, "type", ""));
  if (type.empty()) {
    type = doc.has_merges ? "BPE" : doc.has_scores ? "Unigram" : "WordPiece";
    if (type == "WordPiece" && Field(spec, "continuing_subword_prefix").is_null()) type = "WordLevel";
  }
  if (doc.has_scores != (type == "Unigram"))
    return Fail(
        ErrorCode::kBadFile,
        fmt::format("the vocabulary is not of the form that the model \"{}\" has", formats::Printable(type)));
  if (type == "BPE") return MakeBpe(spec, doc, vocabulary);
  if (type == "Unigram") return MakeUnigram(spec, doc, vocabulary);
  if (type == "WordPiece") return MakeWordPiece(spec, vocabulary);
  if (type != "WordLevel")
    return Fail(ErrorCode::kBadFile, fmt::format("the model \"{}\" is not known", formats::Printable(type)),
                "BPE, Unigram, WordPiece and WordLevel are");
  SLUICE_TRY(const std::string unk, StringField(spec, "unk_token", ""));
  return WordLevelModel(unk.empty() ? kNoToken : vocabulary.Find(unk));
}

}  // namespace

Status AddAddedToken(const json& spec, std::optional<int64_t> id, PipelineParts& parts) {
  AddedToken token;
  SLUICE_TRY(token.content, RequiredString(spec, "content"));
  SLUICE_TRY(token.single_word, BoolField(spec, "single_word", false));
  SLUICE_TRY(token.strip_left, BoolField(spec, "lstrip", false));
  SLUICE_TRY(token.strip_right, BoolField(spec, "rstrip", false));
  SLUICE_TRY(token.special, BoolField(spec, "special", false));
  SLUICE_TRY(token.normalized, BoolField(spec, "normalized", !token.special));
  if (token.content.empty()) return {};
  token.id = parts.vocabulary.Find(token.content);
  if (token.id == kNoToken) {
    if (!id)
      return Fail(ErrorCode::kBadFile,
                  fmt::format("added token \"{}\" has no id", formats::Printable(token.content)));
    if (*id >= 0 && *id <= INT32_MAX && parts.vocabulary.Has(static_cast<TokenId>(*id)))
      return Fail(ErrorCode::kBadFile,
                  fmt::format("added token \"{}\" has the id {} of \"{}\"", formats::Printable(token.content),
                              *id, formats::Printable(parts.vocabulary.Spelling(static_cast<TokenId>(*id)))));
    SLUICE_CHECK_OK(parts.vocabulary.Add(token.content, *id));
    token.id = static_cast<TokenId>(*id);
  }
  if (token.special) parts.special.push_back(token.id);
  parts.added.Add(std::move(token));
  return {};
}

// Tokens that are searched in normalised text are themselves normalised.
Status NormalizeAddedTokens(PipelineParts& parts) {
  if (parts.normalizers.empty()) return {};
  for (size_t i = 0; i < parts.added.tokens().size(); ++i) {
    const AddedToken& token = parts.added.tokens()[i];
    if (!token.normalized) continue;
    std::string content = token.content;
    RegexScratch scratch(content.size());
    SLUICE_CHECK_OK(RunNormalizers(parts.normalizers, scratch, content));
    if (content == token.content) continue;
    parts.shown_as[token.id] = content;
    parts.added.SetPattern(i, content);
  }
  return {};
}

namespace {

// The library numbers new tokens on from the vocabulary's size, whatever ids the file gives them; where that
// would give a token another one's id, the file is followed.
Status AddAll(const json& added, PipelineParts& parts) {
  auto next = static_cast<int64_t>(parts.vocabulary.names());
  for (const json& token : added) {
    SLUICE_TRY(const int64_t written, IntField(token, "id", -1));
    const bool taken = parts.vocabulary.Has(static_cast<TokenId>(next));
    const int32_t before = parts.vocabulary.size();
    SLUICE_CHECK_OK(AddAddedToken(token, taken ? written : next, parts));
    if (parts.vocabulary.size() > before) next = parts.vocabulary.size();
  }
  return {};
}

Result<PipelineParts> Build(const TokenizerJson& doc) {
  PipelineParts parts;
  const json& added = Field(doc.rest, "added_tokens");
  SLUICE_CHECK_OK(FillVocabulary(doc, added.is_array() ? added.size() : 0, parts.vocabulary));
  SLUICE_TRY(parts.model, MakeModel(doc, parts.vocabulary));
  SLUICE_CHECK_OK(ReadNormalizer(Field(doc.rest, "normalizer"), parts.normalizers));
  SLUICE_CHECK_OK(ReadPreTokenizer(Field(doc.rest, "pre_tokenizer"), parts.pre_tokenizers));
  SLUICE_CHECK_OK(ReadDecoder(Field(doc.rest, "decoder"), parts.decoder));
  if (parts.decoder.empty()) parts.decoder.emplace_back(JoinDecoder{});
  SLUICE_CHECK_OK(ReadPostProcessor(Field(doc.rest, "post_processor"), parts.before, parts.after));
  if (added.is_array()) SLUICE_CHECK_OK(AddAll(added, parts));
  SLUICE_CHECK_OK(NormalizeAddedTokens(parts));
  for (const auto* ids : {&parts.before, &parts.after})
    for (const TokenId id : *ids)
      if (!parts.vocabulary.Has(id))
        return Fail(ErrorCode::kBadFile,
                    fmt::format("the post-processor uses the id {}, which no token has", id));
  return parts;
}

}  // namespace

Result<PipelineParts> LoadTokenizerJson(const MappedFile& file) {
  SLUICE_TRY(const TokenizerJson doc, ReadTokenizerJson(file));
  auto parts = Build(doc);
  if (!parts)
    return Fail(ErrorCode::kBadFile, fmt::format("{}: {}", file.path(), parts.error().message),
                parts.error().hint);
  return parts;
}

}  // namespace sluice::tokenizer
