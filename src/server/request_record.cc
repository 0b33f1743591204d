#include "server/request_record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::server {
namespace {

constexpr size_t kMostText = size_t{64} << 10;  // bytes of a prompt or an answer in the log

double Rounded(double seconds) { return static_cast<double>(static_cast<int64_t>(seconds * 1e6)) / 1e6; }

void Append(std::string_view text, std::string& kept) {
  kept.append(text.substr(0, kMostText - std::min(kMostText, kept.size())));
}

}  // namespace

void RequestRecord::AddAnswer(std::string_view text) {
  if (keep_text) Append(text, answer);
}

void RequestRecord::SetPrompt(std::string_view body) {
  if (keep_text) Append(body, prompt);
}

nlohmann::ordered_json ToLog(const RequestRecord& record, RequestRecord::Clock::time_point end) {
  nlohmann::ordered_json fields = {{"request_id", record.id},
                                   {"method", record.method},
                                   {"route", record.route},
                                   {"status", record.status}};
  if (record.key) fields["key"] = record.key->key.name;
  if (record.computes) {
    fields["model"] = record.model;
    fields["stream"] = record.streamed;
    fields["prompt_tokens"] = record.prompt_tokens;
    fields["cached_tokens"] = record.cached_tokens;
    fields["completion_tokens"] = record.completion_tokens;
    if (record.first_token_seconds) fields["ttft_s"] = Rounded(*record.first_token_seconds);
    fields["finish_reason"] = record.finish_reason.empty() ? "abort" : record.finish_reason;
  }
  fields["duration_s"] = Rounded(std::chrono::duration<double>(end - record.begin).count());
  if (record.trace) {
    fields["trace_id"] = record.trace->trace_id;
    fields["span_id"] = record.trace->span_id;
  }
  if (record.keep_text && !record.prompt.empty()) {
    fields["prompt"] = record.prompt;
    fields["answer"] = record.answer;
  }
  return fields;
}

}  // namespace sluice::server
