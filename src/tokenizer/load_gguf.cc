#include <fmt/format.h>

#include <algorithm>

#include "formats/file_error.h"
#include "tokenizer/loaders.h"
#include "tokenizer/merges.h"
#include "tokenizer/model_config.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/splitters.h"

namespace sluice::tokenizer {
namespace {

using formats::GgufMetadata;
using Spec = SentencePieceSpec;

tl::unexpected<Error> Wrong(std::string_view key, std::string_view what) {
  return Fail(ErrorCode::kBadFile, fmt::format("tokenizer.ggml.{}: {}", key, what));
}

// tokenizer.ggml.*, checked.
struct Fields {
  const GgufMetadata& metadata;
  const std::vector<std::string_view>* tokens = nullptr;
  std::vector<int64_t> types;
  std::vector<double> scores;

  static std::string Key(std::string_view name) { return fmt::format("tokenizer.ggml.{}", name); }
  bool Flag(std::string_view name, bool fallback) const {
    return metadata.Bool(Key(name)).value_or(fallback);
  }

  // An id of the vocabulary; kNoToken if the key is absent. 2^32 - 1 is written for "none".
  Result<TokenId> Id(std::string_view name) const {
    const auto id = metadata.Int(Key(name));
    if (!id || *id == UINT32_MAX || *id == -1) return kNoToken;
    if (*id < 0 || static_cast<uint64_t>(*id) >= tokens->size())
      return Wrong(name, fmt::format("{} is not in the vocabulary of {} tokens", *id, tokens->size()));
    return static_cast<TokenId>(*id);
  }

  Status Read() {
    tokens = metadata.Strings(Key("tokens"));
    if (tokens == nullptr || tokens->empty()) return Wrong("tokens", "is missing or empty");
    types = metadata.Ints(Key("token_type")).value_or(std::vector<int64_t>(tokens->size(), Spec::kNormal));
    if (types.size() != tokens->size())
      return Wrong("token_type", fmt::format("has {} entries for {} tokens", types.size(), tokens->size()));
    scores = metadata.Floats(Key("scores")).value_or(std::vector<double>(tokens->size(), 0));
    if (scores.size() != tokens->size())
      return Wrong("scores", fmt::format("has {} entries for {} tokens", scores.size(), tokens->size()));
    for (size_t i = 0; i < tokens->size(); ++i)
      if (!IsValidUtf8((*tokens)[i])) return Wrong("tokens", fmt::format("entry {} is not valid UTF-8", i));
    return {};
  }
};

// bos, eos and what else ends a generation. Files made before these keys existed are known by the tokens'
// names.
Status ReadEnds(const Fields& fields, PipelineParts& parts) {
  SLUICE_TRY(parts.bos, fields.Id("bos_token_id"));
  SLUICE_TRY(parts.eos, fields.Id("eos_token_id"));
  parts.end_tokens.clear();
  for (const std::string_view name : {"eos_token_id", "eot_token_id", "eom_token_id"}) {
    SLUICE_TRY(const TokenId id, fields.Id(name));
    if (id != kNoToken) parts.end_tokens.push_back(id);
  }
  AddKnownEndTokens(parts);
  return {};
}

Status AddSurroundings(const Fields& fields, bool add_bos, bool add_eos, PipelineParts& parts) {
  if (fields.Flag("add_bos_token", add_bos) && parts.bos != kNoToken) parts.before.push_back(parts.bos);
  if (fields.Flag("add_eos_token", add_eos) && parts.eos != kNoToken) parts.after.push_back(parts.eos);
  return {};
}

// Names that only control tokens have, whatever the file says of them.
bool LooksLikeControl(std::string_view name) {
  return name == "<s>" || name == "</s>" || (name.starts_with("<|") && name.ends_with("|>"));
}

Result<PipelineParts> LoadSpm(const Fields& fields, Spec::Kind kind) {
  Spec spec;
  spec.kind = kind;
  SLUICE_TRY(TokenId unk, fields.Id("unknown_token_id"));
  if (unk == kNoToken) {
    const auto typed = std::find(fields.types.begin(), fields.types.end(), Spec::kUnknown);
    unk = typed == fields.types.end() ? 0 : static_cast<TokenId>(typed - fields.types.begin());
  }
  for (size_t i = 0; i < fields.tokens->size(); ++i) {
    Spec::Piece piece{(*fields.tokens)[i], static_cast<float>(fields.scores[i]), fields.types[i]};
    if (static_cast<TokenId>(i) == unk) {
      piece.type = Spec::kUnknown;
    } else if (piece.type == Spec::kUnknown) {
      piece.type = Spec::kUnused;
    } else if (piece.type == Spec::kUserDefined && LooksLikeControl(piece.text)) {
      piece.type = Spec::kControl;
    }
    spec.byte_fallback = spec.byte_fallback || piece.type == Spec::kByte;
    spec.pieces.push_back(piece);
  }
  spec.control_takes_space = fields.metadata.String("general.architecture") == "phi3";
  spec.add_dummy_prefix = fields.Flag("add_space_prefix", true);
  spec.remove_extra_whitespaces = fields.Flag("remove_extra_whitespaces", false);
  std::string charsmap;
  if (const auto bytes = fields.metadata.Ints(Fields::Key("precompiled_charsmap")))
    for (const int64_t byte : *bytes) charsmap.push_back(static_cast<char>(byte));
  spec.charsmap = charsmap;
  SLUICE_TRY(PipelineParts parts, BuildSentencePiece(spec));
  SLUICE_CHECK_OK(ReadEnds(fields, parts));
  SLUICE_CHECK_OK(AddSurroundings(fields, kind == Spec::kBpe, kind == Spec::kUnigram, parts));
  return parts;
}

// Control tokens are special, user-defined ones are always found in text.
Status AddTokens(const Fields& fields, PipelineParts& parts) {
  size_t bytes = 0;
  for (const std::string_view token : *fields.tokens) bytes += token.size();
  parts.vocabulary = Vocabulary(fields.tokens->size());
  parts.vocabulary.Reserve(fields.tokens->size(), bytes);
  for (size_t i = 0; i < fields.tokens->size(); ++i) {
    const std::string_view token = (*fields.tokens)[i];
    const int64_t type = fields.types[i];
    if (token.empty()) return Wrong("tokens", fmt::format("entry {} is empty", i));
    SLUICE_CHECK_OK(parts.vocabulary.Add(token, static_cast<int64_t>(i)));
    if (type == Spec::kByte && !ParseByteToken(token))
      return Wrong("tokens", fmt::format("entry {} (\"{}\") should name a byte like <0x0A>", i,
                                         formats::Printable(token)));
    if (type != Spec::kControl && type != Spec::kUserDefined) continue;
    const bool special = type == Spec::kControl;
    const auto id = static_cast<TokenId>(i);
    if (special) parts.special.push_back(id);
    parts.added.Add({.content = std::string(token), .id = id, .special = special});
  }
  return {};
}

Status AddMerges(const Fields& fields, BpeModel::Options options, PipelineParts& parts) {
  const auto* merges = fields.metadata.Strings(Fields::Key("merges"));
  if (merges == nullptr) return Wrong("merges", "is missing");
  MergeBuilder builder(parts.vocabulary);
  builder.Reserve(merges->size());
  for (size_t i = 0; i < merges->size(); ++i) {
    const std::string_view merge = (*merges)[i];
    const size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos)
      return Wrong("merges", fmt::format("entry {} (\"{}\") has no space", i, formats::Printable(merge)));
    SLUICE_CHECK_OK(builder.Add(merge.substr(0, space), merge.substr(space + 1)));
  }
  parts.model = BpeModel(parts.vocabulary, std::move(options), builder.Take());
  return {};
}

Result<PipelineParts> LoadBpe(const Fields& fields, bool byte_level) {
  PipelineParts parts;
  SLUICE_CHECK_OK(AddTokens(fields, parts));
  const std::string_view architecture = fields.metadata.String("general.architecture").value_or("");
  const std::string_view fallback = !byte_level ? "gemma4" : architecture == "gptneox" ? "gpt-neox" : "gpt-2";
  SLUICE_TRY(Splitter splitter, FindSplitter(fields.metadata.String(Fields::Key("pre")).value_or(fallback)));
  BpeModel::Options options{.byte_fallback = !byte_level, .ignore_merges = splitter.ignore_merges};
  SLUICE_CHECK_OK(AddMerges(fields, std::move(options), parts));
  parts.normalizers = std::move(splitter.normalizers);
  parts.pre_tokenizers = std::move(splitter.pre_tokenizers);
  if (byte_level) {
    parts.decoder.emplace_back(ByteLevelDecoder{});
  } else {
    parts.decoder.emplace_back(ReplaceDecoder{Pattern(std::string(kSpaceSymbol)), " "});
    parts.decoder.emplace_back(ByteFallbackDecoder{});
    parts.decoder.emplace_back(FuseDecoder{});
  }
  SLUICE_CHECK_OK(ReadEnds(fields, parts));
  SLUICE_CHECK_OK(AddSurroundings(fields, splitter.add_bos || !byte_level, false, parts));
  return parts;
}

// BERT's. The tokens that start a word carry a visible space, the others nothing.
Result<PipelineParts> LoadWordPiece(const Fields& fields) {
  using Class = CharSplitPreTokenizer::Class;
  PipelineParts parts;
  SLUICE_CHECK_OK(AddTokens(fields, parts));
  SLUICE_TRY(const TokenId unk, fields.Id("unknown_token_id"));
  SLUICE_TRY(const TokenId cls, fields.Id("cls_token_id"));
  SLUICE_TRY(TokenId sep, fields.Id("seperator_token_id"));  // the key is spelled so
  if (sep == kNoToken) {
    SLUICE_TRY(sep, fields.Id("separator_token_id"));
  }
  parts.normalizers.emplace_back(BertNormalizer{true, true, true, true});
  parts.pre_tokenizers.emplace_back(CharSplitPreTokenizer{Class::kWhiteSpace, 0, SplitBehavior::kRemoved});
  parts.pre_tokenizers.emplace_back(CharSplitPreTokenizer{Class::kPunctuation, 0, SplitBehavior::kIsolated});
  parts.model = WordPieceModel({.unk = unk, .first_prefix = std::string(kSpaceSymbol)});
  parts.decoder.emplace_back(MetaspaceDecoder{DecodeAt(kSpaceSymbol, 0).value, true});
  SLUICE_CHECK_OK(ReadEnds(fields, parts));
  if (cls != kNoToken) parts.before.push_back(cls);
  if (sep != kNoToken) parts.after.push_back(sep);
  return parts;
}

Result<PipelineParts> LoadModel(const Fields& fields) {
  const auto model = fields.metadata.String(Fields::Key("model"));
  if (!model) return Wrong("model", "is missing");
  if (*model == "llama") return LoadSpm(fields, Spec::kBpe);
  if (*model == "t5") return LoadSpm(fields, Spec::kUnigram);
  if (*model == "gpt2") return LoadBpe(fields, true);
  if (*model == "gemma4") return LoadBpe(fields, false);
  if (*model == "bert") return LoadWordPiece(fields);
  return Wrong("model", fmt::format("\"{}\" is not known; llama, gpt2, gemma4, t5 and bert are",
                                    formats::Printable(*model)));
}

}  // namespace

Result<PipelineParts> LoadGguf(const GgufMetadata& metadata, const std::string& name) {
  Fields fields{metadata};
  const Status read = fields.Read();
  Result<PipelineParts> parts =
      read ? LoadModel(fields) : Result<PipelineParts>(tl::make_unexpected(read.error()));
  if (!parts)
    return Fail(ErrorCode::kBadFile, fmt::format("{}: {}", name, parts.error().message), parts.error().hint);
  if (const auto chat_template = metadata.String("tokenizer.chat_template"))
    parts->chat_template = *chat_template;
  return parts;
}

}  // namespace sluice::tokenizer
