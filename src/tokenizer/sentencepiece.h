// A SentencePiece model, read from a .model file or from GGUF metadata.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/pipeline.h"

namespace sluice::tokenizer {

struct SentencePieceSpec {
  enum Kind { kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4 };
  enum PieceType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };
  struct Piece {
    std::string_view text;
    float score = 0;
    int64_t type = kNormal;
  };

  std::vector<Piece> pieces;  // the place is the id
  int64_t kind = kUnigram;
  bool byte_fallback = false;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  bool whitespace_as_suffix = false;
  std::string_view charsmap;  // empty: none
  std::string unk_surface = " \xE2\x81\x87 ";
  TokenId bos = kNoToken, eos = kNoToken;
  bool add_bos = false, add_eos = false;
  bool control_takes_space = false;  // control pieces but "<s>" take the white space after them (Phi-3)
};

// Checks the pieces as sentencepiece does: no empty or double piece, one unknown, bytes complete and well
// named.
Result<PipelineParts> BuildSentencePiece(const SentencePieceSpec& spec);

}  // namespace sluice::tokenizer
