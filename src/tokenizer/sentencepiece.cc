#include "tokenizer/sentencepiece.h"

#include <fmt/format.h>

#include <cmath>

#include "formats/file_error.h"

namespace sluice::tokenizer {
namespace {

using Spec = SentencePieceSpec;

Status AddPiece(const Spec& spec, size_t index, PipelineParts& parts) {
  const Spec::Piece& piece = spec.pieces[index];
  const auto wrong = [&](std::string_view what) {
    return Fail(ErrorCode::kBadFile,
                fmt::format("piece {} (\"{}\") {}", index, formats::Printable(piece.text), what));
  };
  if (piece.text.empty()) return wrong("is empty");
  if (!IsValidUtf8(piece.text)) return wrong("is not valid UTF-8");
  if (std::isnan(piece.score)) return wrong("has a score that is not a number");
  SLUICE_CHECK_OK(parts.vocabulary.Add(piece.text, static_cast<int64_t>(index)));
  const auto id = static_cast<TokenId>(index);
  switch (piece.type) {
    case Spec::kUnknown:
      if (!parts.unknown.empty()) return wrong(fmt::format("is unknown like piece {}", parts.unknown[0]));
      parts.unknown.push_back(id);
      parts.added.Add({.content = std::string(piece.text), .id = id, .special = true});
      return {};
    case Spec::kControl:
      parts.special.push_back(id);
      parts.never_shown.push_back(id);
      parts.added.Add(
          {.content = std::string(piece.text),
           .id = id,
           .strip_right = spec.control_takes_space && piece.text != "<s>" && piece.text != "<|endoftext|>",
           .special = true});
      return {};
    case Spec::kByte:
      if (!ParseByteToken(piece.text)) return wrong("should name a byte like <0x0A>");
      parts.bytes.push_back(id);
      return {};
    case Spec::kNormal:
    case Spec::kUserDefined:
    case Spec::kUnused:
      return {};
    default:
      return wrong(fmt::format("has the unknown type {}", piece.type));
  }
}

Result<Model> MakeModel(const Spec& spec, const Vocabulary& vocabulary, SentencePieceRules rules) {
  const auto buildable = [](int64_t type) {
    return type == Spec::kNormal || type == Spec::kUserDefined || type == Spec::kUnused;
  };
  switch (spec.kind) {
    case Spec::kUnigram: {
      std::vector<UnigramModel::Piece> pieces;
      for (size_t i = 0; i < spec.pieces.size(); ++i)
        if (const auto& piece = spec.pieces[i]; buildable(piece.type) && piece.type != Spec::kUnused)
          pieces.push_back({static_cast<TokenId>(i), piece.score, piece.type == Spec::kUserDefined});
      return UnigramModel(vocabulary, pieces, UnigramModel::Flavor::kSentencePiece, rules.unk,
                          std::move(rules.bytes));
    }
    case Spec::kBpe: {
      std::vector<SentencePieceBpe::Piece> pieces;
      for (size_t i = 0; i < spec.pieces.size(); ++i)
        if (const auto& piece = spec.pieces[i]; buildable(piece.type))
          pieces.push_back({static_cast<TokenId>(i), piece.score, piece.type == Spec::kUnused});
      return SentencePieceBpe(vocabulary, pieces, std::move(rules));
    }
    case Spec::kWord:
      return SentencePieceUnits(SentencePieceUnits::Unit::kWord, std::move(rules));
    case Spec::kChar:
      return SentencePieceUnits(SentencePieceUnits::Unit::kChar, std::move(rules));
    default:
      return Fail(ErrorCode::kBadFile, fmt::format("the model type {} is not known", spec.kind),
                  "unigram (1), bpe (2), word (3) and char (4) are");
  }
}

}  // namespace

Result<PipelineParts> BuildSentencePiece(const Spec& spec) {
  PipelineParts parts;
  parts.invalid_text = Replacing::kPerByte;
  size_t bytes = 0;
  for (const Spec::Piece& piece : spec.pieces) bytes += piece.text.size();
  parts.vocabulary = Vocabulary(spec.pieces.size() + 1);
  parts.vocabulary.Reserve(spec.pieces.size(), bytes);
  for (size_t i = 0; i < spec.pieces.size(); ++i) SLUICE_CHECK_OK(AddPiece(spec, i, parts));
  if (parts.unknown.empty()) return Fail(ErrorCode::kBadFile, "no piece is the unknown one");

  SentencePieceRules rules{.unk = parts.unknown[0]};
  if (spec.byte_fallback) {
    rules.bytes.emplace(parts.vocabulary);
    if (!rules.bytes->complete() || parts.bytes.size() != 256)
      return Fail(ErrorCode::kBadFile, fmt::format("{} of the 256 byte pieces exist", parts.bytes.size()));
  }
  auto user_defined = std::make_shared<ByteTrie>();
  for (const Spec::Piece& piece : spec.pieces)
    if (piece.type == Spec::kUserDefined) user_defined->Insert(piece.text, 0);
  if (!user_defined->empty()) rules.user_defined = user_defined;

  SentencePieceNormalizer normalizer{.add_dummy_prefix = spec.add_dummy_prefix,
                                     .remove_extra_whitespaces = spec.remove_extra_whitespaces,
                                     .escape_whitespaces = spec.escape_whitespaces,
                                     .whitespace_as_suffix = spec.whitespace_as_suffix,
                                     .user_defined = rules.user_defined};
  if (!spec.charsmap.empty()) {
    SLUICE_TRY(normalizer.charsmap, Charsmap::Parse(spec.charsmap));
  }
  parts.normalizers.emplace_back(std::move(normalizer));
  SLUICE_TRY(parts.model, MakeModel(spec, parts.vocabulary, std::move(rules)));
  parts.decoder.emplace_back(
      SentencePieceDecoder{.strip_dummy_prefix = spec.add_dummy_prefix,
                           .strip_all_leading = spec.remove_extra_whitespaces,
                           .unk_surface = ReplaceInvalidUtf8(spec.unk_surface, Replacing::kPerByte)});
  parts.bos = spec.bos;
  parts.eos = spec.eos;
  if (spec.add_bos && spec.bos != kNoToken) parts.before.push_back(spec.bos);
  if (spec.add_eos && spec.eos != kNoToken) parts.after.push_back(spec.eos);
  if (spec.eos != kNoToken) parts.end_tokens.push_back(spec.eos);
  return parts;
}

}  // namespace sluice::tokenizer
