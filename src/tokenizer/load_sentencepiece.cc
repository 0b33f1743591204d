#include <fmt/format.h>

#include "formats/file_error.h"
#include "tokenizer/loaders.h"
#include "tokenizer/proto_reader.h"
#include "tokenizer/sentencepiece.h"

namespace sluice::tokenizer {
namespace {

using Spec = SentencePieceSpec;

// Names of the control pieces, "<s>" unless the model says otherwise.
struct Names {
  std::string_view bos = "<s>", eos = "</s>";
};

bool ReadPiece(std::string_view message, Spec::Piece& piece) {
  ProtoReader reader(message);
  while (reader.Next()) {
    if (reader.field() == 1) piece.text = reader.bytes();
    if (reader.field() == 2) piece.score = reader.real();
    if (reader.field() == 3) piece.type = static_cast<int64_t>(reader.number());
  }
  return reader.ok();
}

bool ReadTrainer(std::string_view message, Spec& spec, Names& names) {
  ProtoReader reader(message);
  while (reader.Next()) switch (reader.field()) {
      case 3:
        spec.kind = static_cast<int64_t>(reader.number());
        break;
      case 24:
        spec.whitespace_as_suffix = reader.number() != 0;
        break;
      case 35:
        spec.byte_fallback = reader.number() != 0;
        break;
      case 44:
        spec.unk_surface = reader.bytes();
        break;
      case 46:
        names.bos = reader.bytes();
        break;
      case 47:
        names.eos = reader.bytes();
        break;
      default:
        break;
    }
  return reader.ok();
}

bool ReadNormalizerSpec(std::string_view message, Spec& spec) {
  ProtoReader reader(message);
  while (reader.Next()) switch (reader.field()) {
      case 2:
        spec.charsmap = reader.bytes();
        break;
      case 3:
        spec.add_dummy_prefix = reader.number() != 0;
        break;
      case 4:
        spec.remove_extra_whitespaces = reader.number() != 0;
        break;
      case 5:
        spec.escape_whitespaces = reader.number() != 0;
        break;
      default:
        break;
    }
  return reader.ok();
}

TokenId FindControl(const Spec& spec, std::string_view name) {
  for (size_t i = 0; i < spec.pieces.size(); ++i)
    if (spec.pieces[i].text == name && spec.pieces[i].type == Spec::kControl) return static_cast<TokenId>(i);
  return kNoToken;
}

}  // namespace

Result<PipelineParts> LoadSentencePiece(const MappedFile& file, const SentencePieceOptions& options) {
  Spec spec;
  Names names;
  ProtoReader reader(file.text());
  const auto damaged = [&](std::string_view part) {
    return Fail(formats::FileError(file, reader.position(), part, "is damaged",
                                   "the file should be a SentencePiece model"));
  };
  while (reader.Next()) {
    if (reader.field() == 1) {
      Spec::Piece piece;
      if (!ReadPiece(reader.bytes(), piece)) return damaged("a piece");
      spec.pieces.push_back(piece);
    } else if (reader.field() == 2) {
      if (!ReadTrainer(reader.bytes(), spec, names)) return damaged("the trainer's settings");
    } else if (reader.field() == 3) {
      if (!ReadNormalizerSpec(reader.bytes(), spec)) return damaged("the normaliser's settings");
    }
  }
  if (!reader.ok()) return damaged("the model");
  if (spec.pieces.empty()) return Fail(formats::FileError(file, 0, "the model", "has no pieces"));
  spec.bos = FindControl(spec, names.bos);
  spec.eos = FindControl(spec, names.eos);
  spec.add_bos = options.add_bos;
  spec.add_eos = options.add_eos.value_or(spec.kind == Spec::kUnigram);
  auto parts = BuildSentencePiece(spec);
  if (!parts)
    return Fail(ErrorCode::kBadFile, fmt::format("{}: {}", file.path(), parts.error().message),
                parts.error().hint);
  return parts;
}

}  // namespace sluice::tokenizer
