// Token spellings -> text, token by token: what Decode() and streams share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tokenizer/pattern.h"
#include "tokenizer/unicode.h"

namespace sluice::tokenizer {

// Each stage maps a list of texts to a list of texts.
struct ByteLevelDecoder {};  // joins the bytes that the spellings stand for
struct MetaspaceDecoder {
  char32_t replacement;
  bool drop_first;  // of the first token
};
struct WordPieceDecoder {
  std::string prefix;
  bool cleanup;  // no space before punctuation and contractions
};
struct EndSuffixDecoder {
  std::string suffix;  // becomes a space, at the last token nothing
};
struct ReplaceDecoder {
  Pattern pattern;
  std::string content;
};
struct ByteFallbackDecoder {};  // joins runs of "<0xNN>"
struct FuseDecoder {};          // joins all into one
struct StripDecoder {
  char32_t content;
  int start, stop;  // at most so many characters from each text's ends
};
struct JoinDecoder {};  // what happens without a decoder: single spaces between the tokens
struct SentencePieceDecoder {
  bool strip_dummy_prefix;  // one leading space piece is dropped
  bool strip_all_leading;   // all of them
  std::string unk_surface;
};

using DecoderStage =
    std::variant<ByteLevelDecoder, MetaspaceDecoder, WordPieceDecoder, EndSuffixDecoder, ReplaceDecoder,
                 ByteFallbackDecoder, FuseDecoder, StripDecoder, JoinDecoder, SentencePieceDecoder>;

enum class PieceKind : uint8_t { kPlain, kByte, kUnknown };

// The running state of one decoding. `eager`: text is given out as soon as the tokens so far say so; a run of
// byte tokens that turns out to be no text can then not take back the characters in it that were given out.
class DecodeRun {
 public:
  DecodeRun(const std::vector<DecoderStage>& stages, bool eager);

  // `kind` matters for SentencePiece only.
  void Push(std::string_view spelling, PieceKind kind, std::string& out) { Feed(0, spelling, kind, out); }
  void Finish(std::string& out);

 private:
  struct State {
    Utf8Assembler bytes{Replacing::kPerIllFormedPart};
    std::string held;       // text or bytes that wait for what follows
    size_t given = 0;       // ByteFallback: bytes of `held` that were given out
    int stripped = 0;       // Strip on fused text: characters dropped so far
    bool started = false;   // a token went through
    bool fused = false;     // the texts are parts of one
    bool buffered = false;  // the texts are parts of one and must wait for its end
  };
  struct Step;

  void Feed(size_t stage, std::string_view text, PieceKind kind, std::string& out);
  void FinishStage(size_t stage, std::string& out);

  const std::vector<DecoderStage>& stages_;
  std::vector<State> states_;
  bool eager_;
};

}  // namespace sluice::tokenizer
