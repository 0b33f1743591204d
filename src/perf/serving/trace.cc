#include "perf/serving/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string_view>

#include "base/file.h"

namespace sluice::perf {
namespace {

constexpr int64_t kMooncakeBlock = 512;
constexpr int64_t kMostTokens = int64_t{1} << 31;
constexpr std::string_view kCsvHead = "TIMESTAMP,ContextTokens,GeneratedTokens";

std::optional<double> Number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool IsCount(double tokens) { return tokens >= 0 && tokens < static_cast<double>(kMostTokens); }

std::string_view TakeUpTo(std::string_view& rest, char end) {
  const std::string_view taken = rest.substr(0, rest.find(end));
  rest.remove_prefix(std::min(rest.size(), taken.size() + 1));
  return taken;
}

// Seconds of "2023-11-16 18:17:03.9799600" within its month: a trace of hours passes no more than one
// midnight unnoticed, and months' ends are far.
std::optional<double> SecondsOf(std::string_view stamp) {
  std::string_view date = TakeUpTo(stamp, ' ');
  TakeUpTo(date, '-');
  TakeUpTo(date, '-');
  const auto day = Number(date), hour = Number(TakeUpTo(stamp, ':')), minute = Number(TakeUpTo(stamp, ':')),
             second = Number(stamp);
  if (!day || !hour || !minute || !second) return std::nullopt;
  return ((*day * 24 + *hour) * 60 + *minute) * 60 + *second;
}

std::optional<TracedRequest> ReadCsvLine(std::string_view line) {
  const auto arrival = SecondsOf(TakeUpTo(line, ','));
  const auto prompt = Number(TakeUpTo(line, ',')), answer = Number(line);
  if (!arrival || !prompt || !answer || !IsCount(*prompt) || !IsCount(*answer)) return std::nullopt;
  return TracedRequest{*arrival, static_cast<int64_t>(*prompt), static_cast<int64_t>(*answer), {}};
}

std::optional<TracedRequest> ReadJsonLine(std::string_view line) {
  constexpr double kMilliseconds = 1e-3;
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  for (const char* key : {"timestamp", "input_length", "output_length"})
    if (!json.contains(key) || !json[key].is_number()) return std::nullopt;
  const double prompt = json["input_length"], answer = json["output_length"];
  if (!IsCount(prompt) || !IsCount(answer)) return std::nullopt;
  TracedRequest request{json["timestamp"].get<double>() * kMilliseconds,
                        static_cast<int64_t>(prompt),
                        static_cast<int64_t>(answer),
                        {}};
  if (json.contains("hash_ids")) {
    if (!json["hash_ids"].is_array()) return std::nullopt;
    for (const auto& id : json["hash_ids"]) {
      if (!id.is_number_integer()) return std::nullopt;
      request.blocks.push_back(id);
    }
  }
  return request;
}

// Ordered, from zero, and each with a token to read and one to write.
void Normalise(Trace* trace) {
  std::ranges::stable_sort(trace->requests, {}, &TracedRequest::arrival);
  const double first = trace->requests.front().arrival;
  for (TracedRequest& request : trace->requests) {
    request.arrival -= first;
    request.prompt_tokens = std::max<int64_t>(1, request.prompt_tokens);
    request.answer_tokens = std::max<int64_t>(1, request.answer_tokens);
  }
}

int64_t Times(int64_t tokens, double factor, int64_t most) {
  const auto scaled = static_cast<int64_t>(std::llround(static_cast<double>(tokens) * factor));
  return std::max<int64_t>(1, most > 0 ? std::min(scaled, most) : scaled);
}

// Tokens [0, count) of what a name stands for, appended.
void Draw(uint64_t name, int64_t count, std::span<const int32_t> vocabulary, std::vector<int32_t>* out) {
  std::mt19937_64 random(name);
  for (int64_t i = 0; i < count; ++i) out->push_back(vocabulary[random() % vocabulary.size()]);
}

}  // namespace

int64_t Trace::LongestRequest() const {
  int64_t longest = 0;
  for (const TracedRequest& request : requests)
    longest = std::max(longest, request.prompt_tokens + request.answer_tokens);
  return longest;
}

Result<Trace> ReadTrace(const std::string& path) {
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path));
  std::string_view rest = file.text();
  const bool csv = rest.starts_with(kCsvHead);
  Trace trace;
  for (int64_t number = 1; !rest.empty(); ++number) {
    std::string_view line = TakeUpTo(rest, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (csv && number == 1)) continue;
    auto request = csv ? ReadCsvLine(line) : ReadJsonLine(line);
    if (!request)
      return Fail(
          ErrorCode::kBadFile, fmt::format("{}: line {} is no request of a trace", path, number),
          fmt::format("known forms: CSV that begins with {}, and JSON lines of timestamp, input_length and "
                      "output_length",
                      kCsvHead));
    if (!request->blocks.empty()) trace.block_tokens = kMooncakeBlock;
    trace.requests.push_back(std::move(*request));
  }
  if (trace.requests.empty())
    return Fail(ErrorCode::kBadFile, fmt::format("{}: there is no request in it", path));
  Normalise(&trace);
  return trace;
}

Trace Scale(Trace trace, const TraceScale& scale) {
  if (scale.requests > 0 && static_cast<size_t>(scale.requests) < trace.requests.size())
    trace.requests.resize(static_cast<size_t>(scale.requests));
  for (TracedRequest& request : trace.requests) {
    request.arrival /= scale.speed;
    request.prompt_tokens = Times(request.prompt_tokens, scale.length, scale.longest_prompt);
    request.answer_tokens = Times(request.answer_tokens, scale.length, scale.longest_answer);
  }
  if (trace.block_tokens > 0) trace.block_tokens = Times(trace.block_tokens, scale.length, 0);
  return trace;
}

std::vector<int32_t> PromptOf(const Trace& trace, size_t i, std::span<const int32_t> vocabulary) {
  const TracedRequest& request = trace.requests[i];
  std::vector<int32_t> prompt;
  const auto missing = [&] { return request.prompt_tokens - static_cast<int64_t>(prompt.size()); };
  for (const int64_t block : request.blocks)
    Draw(static_cast<uint64_t>(block), std::min(trace.block_tokens, missing()), vocabulary, &prompt);
  Draw(~static_cast<uint64_t>(i), missing(), vocabulary, &prompt);  // what no block names is its own
  return prompt;
}

}  // namespace sluice::perf
