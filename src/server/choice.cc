#include "server/choice.h"

#include <algorithm>
#include <random>
#include <span>

namespace sluice::server {
namespace {

// Length of the longest end of `text` that begins one of `stops` without completing it.
size_t PossibleStopStart(std::string_view text, const std::vector<std::string>& stops) {
  size_t longest = 0;
  for (const std::string& stop : stops) {
    for (size_t length = std::min(stop.size() - 1, text.size()); length > longest; --length) {
      if (!text.ends_with(std::string_view(stop).substr(0, length))) continue;
      longest = length;
      break;
    }
  }
  return longest;
}

// Length of the character at the front of `text`; 0 if it is not UTF-8.
size_t CharacterLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t length = byte(0) < 0x80                       ? 1
                        : byte(0) >= 0xc2 && byte(0) <= 0xdf ? 2
                        : (byte(0) & 0xf0) == 0xe0           ? 3
                        : byte(0) >= 0xf0 && byte(0) <= 0xf4 ? 4
                                                             : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if (byte(0) == 0xe0 && byte(1) < 0xa0) return 0;
  if (byte(0) == 0xed && byte(1) >= 0xa0) return 0;
  if (byte(0) == 0xf0 && byte(1) < 0x90) return 0;
  if (byte(0) == 0xf4 && byte(1) >= 0x90) return 0;
  return length;
}

// Bytes at the end of `text` that begin a character without completing it.
size_t IncompleteEnd(std::string_view text) {
  for (size_t length = 1; length <= std::min<size_t>(3, text.size()); ++length) {
    const auto byte = static_cast<unsigned char>(text[text.size() - length]);
    if ((byte & 0xc0) == 0x80) continue;
    const size_t needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    return needed > length ? length : 0;
  }
  return 0;
}

std::string ValidUtf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    out += length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, length);
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

}  // namespace

TokenText DescribeToken(const tokenizer::Tokenizer& tokenizer, int32_t id, float logprob) {
  std::string bytes = tokenizer.Decode(std::span(&id, 1));
  constexpr std::string_view kSpaceMark =
      "\xe2\x96\x81";  // SentencePiece writes a space so, and drops the first
  if (tokenizer.TokenSpelling(id).starts_with(kSpaceMark) && !bytes.starts_with(' ')) bytes.insert(0, " ");
  return {ValidUtf8(bytes), bytes, logprob};
}

void ChoiceDelta::Append(ChoiceDelta more) {
  text += more.text;
  reasoning += more.reasoning;
  for (CallDelta& call : more.calls) {
    if (calls.empty() || calls.back().index != call.index)
      calls.push_back(std::move(call));
    else
      calls.back().arguments += call.arguments;
  }
  std::move(more.logprobs.begin(), more.logprobs.end(), std::back_inserter(logprobs));
  stop_string = more.stop_string;
  finish_reason = more.finish_reason;
}

int64_t CountCharacters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

namespace {

std::string NewCallId(chat::CallIds form) {
  constexpr std::string_view kDigits = "0123456789abcdef", kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
  const bool nine = form == chat::CallIds::kNineCharacters;
  const std::string_view alphabet = nine ? kLetters : kDigits;
  std::random_device device;
  std::uniform_int_distribution<size_t> place(0, alphabet.size() - 1);
  std::string id = nine ? "" : "call_";
  for (int i = nine ? 9 : 24; i > 0; --i) id += alphabet[place(device)];
  return id;
}

}  // namespace

Choice::Choice(const tokenizer::Tokenizer& tokenizer, const std::vector<std::string>& stop,
               const AnswerReading* reading, bool logprobs, int64_t offset, bool show_special)
    : tokenizer_(tokenizer),
      stop_(stop),
      reading_(reading),
      logprobs_(logprobs),
      parser_(reading == nullptr
                  ? nullptr
                  : chat::MakeAnswerParser(reading->syntax, reading->tools, reading->in_reasoning)),
      decoder_(tokenizer, /*skip_special=*/reading == nullptr && !show_special),
      offset_(offset) {}

void Choice::Decode(int32_t id) {
  if (reading_ != nullptr && tokenizer_.IsSpecial(id) && !reading_->mark_tokens.contains(id)) return;
  held_ += decoder_.Push(id);
}

void Choice::AddCallPiece(const chat::AnswerPiece& piece, ChoiceDelta& delta) const {
  if (piece.call > 0 && !reading_->parallel_calls) return;
  if (piece.kind == chat::AnswerPiece::Kind::kCallName)
    return delta.calls.push_back({piece.call, NewCallId(reading_->syntax.call_ids), piece.text, ""});
  if (delta.calls.empty() || delta.calls.back().index != piece.call)
    delta.calls.push_back({.index = piece.call});
  delta.calls.back().arguments += piece.text;
}

void Choice::Parse(ChoiceDelta& delta) {
  using Kind = chat::AnswerPiece::Kind;
  std::vector<chat::AnswerPiece> pieces = parser_->Push(std::exchange(delta.text, {}));
  if (delta.finish_reason)
    for (chat::AnswerPiece& piece : parser_->Finish()) pieces.push_back(std::move(piece));
  for (const chat::AnswerPiece& piece : pieces) {
    if (piece.kind == Kind::kContent)
      delta.text += piece.text;
    else if (piece.kind != Kind::kReasoning)
      AddCallPiece(piece, delta);
    else if (reading_->include_reasoning)
      delta.reasoning += piece.text;
    called_ = called_ || piece.kind == Kind::kCallName;
  }
  if (called_ && delta.finish_reason == "stop") delta.finish_reason = "tool_calls";
}

ChoiceDelta Choice::Take(const engine::Event& event) {
  if (finished_) return {};
  ChoiceDelta delta = TakeText(event);
  if (parser_) Parse(delta);
  return delta;
}

TokenLogprobs Choice::Describe(const engine::TokenOutput& token) {
  TokenLogprobs entry{offset_, DescribeToken(tokenizer_, token.id, token.logprob), {}};
  for (const auto& [id, logprob] : token.top) entry.top.push_back(DescribeToken(tokenizer_, id, logprob));
  offset_ += CountCharacters(entry.token.text);
  return entry;
}

void Choice::AddPrompt(const std::vector<engine::TokenOutput>& described, ChoiceDelta& delta) {
  if (described_prompt_.empty()) return;
  const int64_t answer = std::exchange(offset_, 0);
  delta.logprobs.push_back(Describe({.id = described_prompt_[0], .logprob = 0, .top = {}}));
  delta.logprobs.back().first = true;
  for (const engine::TokenOutput& token : described) delta.logprobs.push_back(Describe(token));
  offset_ = answer;
  described_prompt_ = {};
}

void Choice::ContinueFrom(std::span<const int32_t> prompt) {
  for (const int32_t id : prompt) decoder_.Push(id);
}

const std::string* Choice::Release(bool last, std::string& out) {
  size_t first = std::string::npos;
  const std::string* found = nullptr;
  for (const std::string& stop : stop_) {
    const size_t at = held_.find(stop);
    if (at >= first) continue;
    first = at;
    found = &stop;
  }
  if (found != nullptr) {
    out = held_.substr(0, first);
    held_.clear();
    return found;
  }
  const size_t keep = last ? 0 : std::max(PossibleStopStart(held_, stop_), IncompleteEnd(held_));
  out = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return nullptr;
}

ChoiceDelta Choice::TakeText(const engine::Event& event) {
  ChoiceDelta delta;
  AddPrompt(event.prompt, delta);
  const bool ends_answer = event.finish == engine::Finish::kStop;
  if (event.token) {
    ++tokens_;
    logprob_sum_ += event.token->logprob;
    if (!ends_answer) {  // the token that ends the answer is no part of its text
      Decode(event.token->id);
      if (logprobs_) delta.logprobs.push_back(Describe(*event.token));
    }
  }
  if (event.finish) held_ += decoder_.Flush();
  if (const std::string* stop = Release(event.finish.has_value(), delta.text)) {
    delta.stop_string = *stop;
    stopped_by_text_ = !event.finish;
    finished_ = true;
    delta.finish_reason = "stop";
    return delta;
  }
  if (!event.finish) return delta;
  finished_ = true;
  switch (*event.finish) {
    case engine::Finish::kStop:
      delta.finish_reason = "stop";
      break;
    case engine::Finish::kLength:
      delta.finish_reason = "length";
      break;
    default:
      delta.finish_reason = "error";
  }
  return delta;
}

}  // namespace sluice::server
