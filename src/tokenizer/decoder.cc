#include "tokenizer/decoder.h"

#include <algorithm>

#include "tokenizer/byte_level.h"
#include "tokenizer/byte_tokens.h"

namespace sluice::tokenizer {
namespace {

void ReplaceEvery(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

void CleanUp(std::string& text) {
  constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) ReplaceEvery(text, from, to);
}

// How many bytes at the front of `text` are at most `most` times `content`; `taken` counts on.
size_t LeadingBytes(std::string_view text, std::string_view content, int most, int& taken) {
  size_t bytes = 0;
  for (; taken < most && text.substr(bytes).starts_with(content); ++taken) bytes += content.size();
  return bytes;
}

size_t TrailingBytes(std::string_view text, std::string_view content, int most) {
  size_t bytes = 0;
  for (int i = 0; i < most && text.substr(0, text.size() - bytes).ends_with(content); ++i)
    bytes += content.size();
  return bytes;
}

}  // namespace

// One stage of a run: takes texts, feeds the next stage.
struct DecodeRun::Step {
  DecodeRun& run;
  size_t stage;
  State& state;
  std::string_view text;
  PieceKind kind;
  std::string& out;

  void Next(std::string_view result) { run.Feed(stage + 1, result, kind, out); }

  void operator()(const ByteLevelDecoder&) {
    std::string bytes, result;
    AppendBytes(text, bytes);
    state.bytes.Push(bytes, result);
    if (!result.empty()) Next(result);
  }

  void operator()(const MetaspaceDecoder& d) {
    const std::string replacement = ToUtf8(d.replacement);
    const bool first = !state.started;
    std::string result(text);
    ReplaceEvery(result, replacement, first && d.drop_first ? "" : " ");
    Next(result);
  }

  void operator()(const WordPieceDecoder& d) {
    std::string result(text);
    if (state.started) {
      if (text.starts_with(d.prefix)) {
        result.erase(0, d.prefix.size());
      } else {
        result.insert(0, 1, ' ');
      }
    }
    if (d.cleanup) CleanUp(result);
    Next(result);
  }

  // Whether the suffix is the last one is known only with the next token.
  void operator()(const EndSuffixDecoder& d) {
    std::string result;
    if (!state.held.empty()) result += ' ';
    state.held.clear();
    std::string rest(text);
    if (!d.suffix.empty() && rest.ends_with(d.suffix)) {
      state.held = d.suffix;
      rest.resize(rest.size() - d.suffix.size());
    }
    if (!d.suffix.empty()) ReplaceEvery(rest, d.suffix, " ");
    Next(result + rest);
  }

  void operator()(const ReplaceDecoder& d) {
    std::string result;
    RegexScratch scratch(text.size());
    if (!d.pattern.Replace(text, d.content, scratch, result)) result = text;
    Next(result);
  }

  void operator()(const ByteFallbackDecoder&) {
    if (const auto byte = ParseByteToken(text)) {
      state.held.push_back(static_cast<char>(*byte));
      if (run.eager_) GiveValidPart();
    } else {
      EndByteRun();
      Next(text);
    }
  }
  void GiveValidPart() {
    size_t end = state.given;
    while (end < state.held.size()) {
      const Decoded c = DecodeAt(state.held, end);
      if (c.status != Decoded::kValid) break;
      end += c.size;
    }
    const std::string valid = state.held.substr(state.given, end - state.given);
    state.given = end;
    if (!valid.empty()) Next(valid);
  }
  // A run that is not text as a whole becomes one U+FFFD per byte, but for what was given out already.
  void EndByteRun() {
    if (state.held.empty()) return;
    if (IsValidUtf8(state.held)) {
      if (const std::string rest = state.held.substr(state.given); !rest.empty()) Next(rest);
    } else {
      for (size_t i = state.given; i < state.held.size(); ++i) Next(kReplacementUtf8);
    }
    state.held.clear();
    state.given = 0;
  }

  void operator()(const FuseDecoder&) { Next(text); }

  void operator()(const StripDecoder& d) {
    const std::string content = ToUtf8(d.content);
    if (!state.fused) {
      int taken = 0;
      std::string_view rest = text.substr(LeadingBytes(text, content, d.start, taken));
      rest.remove_suffix(TrailingBytes(rest, content, d.stop));
      Next(rest);
      return;
    }
    std::string result = state.held + std::string(text);
    state.held.clear();
    if (state.stripped < d.start) {
      result.erase(0, LeadingBytes(result, content, d.start, state.stripped));
      if (!result.empty()) state.stripped = d.start;
    }
    const size_t trailing = TrailingBytes(result, content, d.stop);
    state.held = result.substr(result.size() - trailing);
    result.resize(result.size() - trailing);
    if (!result.empty()) Next(result);
  }

  void operator()(const JoinDecoder&) {
    std::string result(state.started ? " " : "");
    Next(result.append(text));
  }

  void operator()(const SentencePieceDecoder& d) {
    std::string result;
    if (kind == PieceKind::kByte) {
      const auto byte = ParseByteToken(text);
      const char value = byte ? static_cast<char>(*byte) : '?';
      state.bytes.Push(std::string_view(&value, 1), result);
      // `fused` says that something has been written: no leading space piece can follow.
      if (!result.empty() || !state.bytes.empty()) state.fused = true;
    } else {
      state.bytes.Finish(result);
      if (kind == PieceKind::kUnknown) {
        result += d.unk_surface;
        state.fused = true;
      } else {
        std::string_view piece = text;
        const bool strips = !state.fused && (d.strip_dummy_prefix || d.strip_all_leading);
        const bool stripped = strips && piece.starts_with(kSpaceSymbol);
        if (stripped) piece.remove_prefix(kSpaceSymbol.size());
        if (!piece.empty() || (stripped && !d.strip_all_leading)) state.fused = true;
        std::string plain(piece);
        ReplaceEvery(plain, kSpaceSymbol, " ");
        result += plain;
      }
    }
    if (!result.empty()) Next(result);
  }
};

DecodeRun::DecodeRun(const std::vector<DecoderStage>& stages, bool eager)
    : stages_(stages), states_(stages.size()), eager_(eager) {
  bool fused = false;
  for (size_t i = 0; i < stages.size(); ++i) {
    const bool strip = std::holds_alternative<StripDecoder>(stages[i]);
    states_[i].fused = fused && strip;
    states_[i].buffered = fused && !strip && !std::holds_alternative<FuseDecoder>(stages[i]);
    if (std::holds_alternative<SentencePieceDecoder>(stages[i]))
      states_[i].bytes = Utf8Assembler(Replacing::kPerByte);
    fused = fused || std::holds_alternative<FuseDecoder>(stages[i]) ||
            std::holds_alternative<ByteLevelDecoder>(stages[i]);
  }
}

void DecodeRun::Feed(size_t stage, std::string_view text, PieceKind kind, std::string& out) {
  if (stage == stages_.size()) {
    out += text;
    return;
  }
  State& state = states_[stage];
  if (state.buffered) {
    state.held += text;
    return;
  }
  std::visit(Step{*this, stage, state, text, kind, out}, stages_[stage]);
  state.started = true;
}

void DecodeRun::FinishStage(size_t stage, std::string& out) {
  State& state = states_[stage];
  if (state.buffered) {
    const std::string text = std::move(state.held);
    state.held.clear();
    state.buffered = false;
    Feed(stage, text, PieceKind::kPlain, out);
  }
  Step step{*this, stage, state, {}, PieceKind::kPlain, out};
  if (std::holds_alternative<ByteFallbackDecoder>(stages_[stage])) step.EndByteRun();
  std::string rest;
  state.bytes.Finish(rest);
  if (!rest.empty()) step.Next(rest);
}

void DecodeRun::Finish(std::string& out) {
  for (size_t stage = 0; stage < stages_.size(); ++stage) FinishStage(stage, out);
}

}  // namespace sluice::tokenizer
