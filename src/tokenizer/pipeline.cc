#include "tokenizer/pipeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "tokenizer/byte_level.h"
#include "tokenizer/byte_tokens.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 29;
constexpr size_t kMaxTokens = (size_t{1} << 31) - 1;

}  // namespace

// One Encode(): buffers that the stages reuse.
struct Pipeline::EncodeRun {
  const PipelineParts& parts;
  EncodeOptions options;
  RegexScratch regex;
  ModelScratch model;
  std::vector<TokenId> ids;

  // Text without tokens that are searched in raw text.
  Status EncodeRaw(std::string text, bool at_start) {
    SLUICE_CHECK_OK(RunNormalizers(parts.normalizers, regex, text));
    std::vector<Segment> segments;
    parts.added.Split(text, true, options.parse_special, segments);
    for (const Segment& segment : segments) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
      } else {
        SLUICE_CHECK_OK(EncodePlain(text.substr(segment.begin, segment.end - segment.begin),
                                    at_start && segment.begin == 0));
      }
    }
    return {};
  }

  Status EncodePlain(std::string text, bool at_start) {
    Pieces pieces;
    pieces.at_start = at_start;
    pieces.spans.push_back({0, static_cast<uint32_t>(text.size())});
    pieces.text = std::move(text);
    SLUICE_CHECK_OK(RunPreTokenizers(parts.pre_tokenizers, regex, pieces));
    for (const Pieces::Span& span : pieces.spans) {
      const auto piece = std::string_view(pieces.text).substr(span.begin, span.end - span.begin);
      std::visit([&](const auto& m) { m.Encode(piece, parts.vocabulary, model, ids); }, parts.model);
      if (ids.size() > kMaxTokens)
        return Fail(ErrorCode::kTryLater, "the text has more than 2^31 tokens", "send a shorter text");
    }
    return {};
  }
};

Pipeline::Pipeline(PipelineParts parts) : parts_(std::move(parts)) {
  flags_.resize(static_cast<size_t>(parts_.vocabulary.size()));
  SetFlag(parts_.special, kSpecial);
  SetFlag(parts_.never_shown, kNeverShown);
  SetFlag(parts_.bytes, kByte);
  SetFlag(parts_.unknown, kUnknown);
}

void Pipeline::SetFlag(const std::vector<TokenId>& ids, Flag flag) {
  for (const TokenId id : ids)
    if (parts_.vocabulary.Has(id)) flags_[static_cast<size_t>(id)] |= flag;
}

std::optional<TokenId> Pipeline::FindToken(std::string_view spelling) const {
  return Optional(parts_.vocabulary.Find(spelling));
}

Result<std::vector<TokenId>> Pipeline::Encode(std::string_view text, EncodeOptions options) const {
  if (text.size() > kMaxTextBytes)
    return Fail(ErrorCode::kTryLater,
                fmt::format("the text has {} bytes, the limit is {}", text.size(), kMaxTextBytes),
                "send a shorter text");
  std::string repaired;
  if (!IsValidUtf8(text)) {
    repaired = ReplaceInvalidUtf8(text, parts_.invalid_text);
    text = repaired;
  }
  EncodeRun run{.parts = parts_, .options = options, .regex = RegexScratch(text.size())};
  run.ids.reserve(text.size() / 3 + 8);
  if (options.add_special) run.ids = parts_.before;
  std::vector<Segment> segments;
  parts_.added.Split(text, false, options.parse_special, segments);
  for (const Segment& segment : segments) {
    if (segment.id >= 0) {
      run.ids.push_back(segment.id);
    } else {
      SLUICE_CHECK_OK(run.EncodeRaw(std::string(text.substr(segment.begin, segment.end - segment.begin)),
                                    segment.begin == 0));
    }
  }
  if (options.add_special) run.ids.insert(run.ids.end(), parts_.after.begin(), parts_.after.end());
  return std::move(run.ids);
}

void Pipeline::PushTo(DecodeRun& run, TokenId id, bool skip_special, std::string& out) const {
  if (!parts_.vocabulary.Has(id)) return;
  const uint8_t flags = Flags(id);
  if (const auto shown = parts_.shown_as.find(id); shown != parts_.shown_as.end())
    return run.Push(shown->second, PieceKind::kPlain, out);
  if ((flags & kNeverShown) || (skip_special && (flags & kSpecial))) return;
  const PieceKind kind = flags & kByte      ? PieceKind::kByte
                         : flags & kUnknown ? PieceKind::kUnknown
                                            : PieceKind::kPlain;
  run.Push(parts_.vocabulary.Spelling(id), kind, out);
}

std::string Pipeline::TokenBytes(TokenId id) const {
  std::string out;
  if (!parts_.vocabulary.Has(id)) return out;
  const std::string_view spelling = parts_.vocabulary.Spelling(id);
  const auto has = [&](auto stage) {
    return std::ranges::any_of(parts_.decoder,
                               [](const auto& s) { return std::holds_alternative<decltype(stage)>(s); });
  };
  if ((Flags(id) & kByte) || has(ByteFallbackDecoder{}))
    if (const auto byte = ParseByteToken(spelling)) return std::string(1, static_cast<char>(*byte));
  if (has(ByteLevelDecoder{}) && !parts_.shown_as.contains(id)) {
    AppendBytes(spelling, out);
    return out;
  }
  DecodeRun run(parts_.decoder, true);
  run.Push("a", PieceKind::kPlain, out);  // a text's first token may be shown otherwise
  out.clear();
  PushTo(run, id, false, out);
  return out;
}

std::string Pipeline::Decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string out;
  DecodeRun run(parts_.decoder, false);
  for (const TokenId id : ids) PushTo(run, id, skip_special, out);
  run.Finish(out);
  return out;
}

}  // namespace sluice::tokenizer
