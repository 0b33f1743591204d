#include "server/generation_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <random>

#include "server/json_input.h"

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxStops = 4, kMaxStopBytes = 4096, kMaxBiases = 1024;

void ReadStop(Fields& fields, GenerationRequest& request) {
  const Json* stop = fields.Raw("stop");
  if (stop == nullptr) return;
  const auto add = [&](const Json& text) {
    if (!text.is_string() || text.get_ref<const std::string&>().empty())
      return fields.Refuse(BadParam("stop", "'stop' must hold strings that are not empty"));
    if (text.get_ref<const std::string&>().size() > kMaxStopBytes)
      return fields.Refuse(BadParam("stop", fmt::format("a stop string may have {} bytes", kMaxStopBytes)));
    request.stop.push_back(text);
  };
  if (!stop->is_array()) return add(*stop);
  if (stop->size() > kMaxStops)
    return fields.Refuse(
        BadParam("stop", fmt::format("'stop' has {} strings, and may have {}", stop->size(), kMaxStops)));
  for (const Json& text : *stop) add(text);
}

void ReadLogitBias(Fields& fields, const Backend& backend, GenerationRequest& request) {
  const Json* biases = fields.Raw("logit_bias");
  if (biases == nullptr) return;
  const auto refuse = [&](std::string message) { fields.Refuse(BadParam("logit_bias", std::move(message))); };
  if (!biases->is_object()) return refuse("'logit_bias' must be an object of token ids and numbers");
  if (biases->size() > kMaxBiases)
    return refuse(fmt::format("'logit_bias' has {} entries, and may have {}", biases->size(), kMaxBiases));
  const int32_t vocabulary = backend.tokenizer().vocab_size();
  for (const auto& [key, bias] : biases->items()) {
    int32_t id = -1;
    const auto result = std::from_chars(key.data(), key.data() + key.size(), id);
    if (result.ec != std::errc() || result.ptr != key.data() + key.size() || id < 0 || id >= vocabulary)
      return refuse(fmt::format("'{}' is no token id; the vocabulary has {}", key.substr(0, 40), vocabulary));
    if (!bias.is_number() || !(bias.get<double>() >= -100 && bias.get<double>() <= 100))
      return refuse(fmt::format("the bias of token {} must be a number between -100 and 100", id));
    request.sampling.logit_bias.emplace_back(id, bias.get<float>());
  }
}

void ReadStreaming(Fields& fields, GenerationRequest& request) {
  request.stream = fields.Bool("stream").value_or(false);
  const Json* options = fields.Raw("stream_options");
  if (options == nullptr) return;
  if (!options->is_object())
    return fields.Refuse(BadParam("stream_options", "'stream_options' must be an object"));
  if (!request.stream)
    return fields.Refuse(
        BadParam("stream_options", "'stream_options' is only allowed when 'stream' is true"));
  Fields members(*options);
  request.include_usage = members.Bool("include_usage").value_or(false);
  if (!members.ok()) fields.Refuse(BadParam("stream_options", members.error().message));
}

constexpr double kMostSeconds = 1e6;

void ReadOurOwn(Fields& fields, GenerationRequest& request) {
  const Json* options = fields.Raw("sluice");
  if (options == nullptr) return;
  if (!options->is_object()) return fields.Refuse(BadParam("sluice", "'sluice' must be an object"));
  Fields members(*options);
  request.return_routing = members.Bool("return_routing").value_or(false);
  if (!members.ok()) return fields.Refuse(BadParam("sluice", members.error().message));
  if (const auto unknown = members.Unknown(); !unknown.empty())
    fields.Refuse(
        BadParam("sluice", fmt::format("'sluice' has no member '{}'", unknown.front().substr(0, 100))));
}

uint64_t RandomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

void ReadModel(Fields& fields, const Backend& backend) {
  const auto model = fields.Text("model");
  if (!model || *model == backend.model_name()) return;
  ApiError error = NotFound(fmt::format("the model '{}' does not exist; this server has '{}'",
                                        model->substr(0, 200), backend.model_name()),
                            "model_not_found");
  error.param = "model";
  fields.Refuse(std::move(error));
}

double ReadTimeout(Fields& fields) {
  const auto seconds = fields.Number("timeout", 0, kMostSeconds);
  if (seconds == 0) fields.Refuse(BadParam("timeout", "'timeout' is 0, and must be above 0 seconds"));
  return seconds.value_or(0);
}

int ReadPriority(Fields& fields) {
  return static_cast<int>(fields.Integer("priority", INT32_MIN, INT32_MAX).value_or(0));
}

ApiResult<std::vector<int32_t>> ReadIds(const Json& ids, const Backend& backend, const char* param) {
  if (ids.empty()) return tl::make_unexpected(BadParam(param, "a list of token ids is empty"));
  std::vector<int32_t> read;
  read.reserve(ids.size());
  const int32_t vocabulary = backend.tokenizer().vocab_size();
  for (const Json& id : ids) {
    if (!id.is_number_integer() || id < 0 || id >= vocabulary)
      return tl::make_unexpected(BadParam(param, fmt::format("{} is no token id; the vocabulary has {}",
                                                             Dump(id).substr(0, 40), vocabulary)));
    read.push_back(id);
  }
  return read;
}

void ReadGeneration(Fields& fields, const Backend& backend, GenerationRequest& request) {
  ReadModel(fields, backend);
  auto& sampling = request.sampling;
  sampling.temperature = static_cast<float>(fields.Number("temperature", 0, 2).value_or(1));
  const double top_p = fields.Number("top_p", 0, 1).value_or(1);
  if (top_p == 0) fields.Refuse(BadParam("top_p", "'top_p' is 0, and must be above 0 and at most 1"));
  sampling.top_p = static_cast<float>(top_p);
  sampling.top_k = static_cast<int>(std::max<int64_t>(0, fields.Integer("top_k", -1, INT32_MAX).value_or(0)));
  const double typical_p = fields.Number("typical_p", 0, 1).value_or(1);
  if (typical_p == 0)
    fields.Refuse(BadParam("typical_p", "'typical_p' is 0, and must be above 0 and at most 1"));
  sampling.typical_p = static_cast<float>(typical_p);
  sampling.min_p = static_cast<float>(fields.Number("min_p", 0, 1).value_or(0));
  sampling.frequency_penalty = static_cast<float>(fields.Number("frequency_penalty", -2, 2).value_or(0));
  sampling.presence_penalty = static_cast<float>(fields.Number("presence_penalty", -2, 2).value_or(0));
  sampling.repetition_penalty = static_cast<float>(fields.Number("repetition_penalty", 0.01, 10).value_or(1));
  const auto seed = fields.Integer("seed", INT64_MIN, INT64_MAX);
  request.seeded = seed.has_value();
  sampling.seed = seed ? static_cast<uint64_t>(*seed) : RandomSeed();
  request.choices = request.kept = static_cast<int>(fields.Integer("n", 1, kMaxChoices).value_or(1));
  request.priority = ReadPriority(fields);
  request.seconds = ReadTimeout(fields);
  ReadStop(fields, request);
  request.ignore_end = fields.Bool("ignore_eos").value_or(false);
  ReadLogitBias(fields, backend, request);
  ReadStreaming(fields, request);
  ReadOurOwn(fields, request);
  fields.Ignore({"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"});
}

ApiResult<void> ReadTimeoutHeader(const HttpRequest& http, double* seconds) {
  const auto header = http.Header("x-request-timeout");
  if (!header) return {};
  const auto result = std::from_chars(header->data(), header->data() + header->size(), *seconds);
  const bool whole = result.ec == std::errc() && result.ptr == header->data() + header->size();
  if (whole && *seconds > 0 && *seconds <= kMostSeconds) return {};
  return tl::make_unexpected(
      ApiError{.message = fmt::format(
                   "the header x-request-timeout must hold seconds above 0 and at most {}, and is '{}'",
                   kMostSeconds, header->substr(0, 40))});
}

void CheckLengths(Fields& fields, const Backend& backend, const char* param, GenerationRequest& request) {
  if (!fields.ok()) return;
  const int64_t context = backend.context();
  for (const auto& prompt : request.prompts) {
    const auto length = static_cast<int64_t>(prompt.size());
    const int64_t answer = request.max_tokens.value_or(1);
    const bool fits =
        backend.reads_source() ? length <= context && answer < context : length + answer <= context;
    if (fits) continue;
    const std::string asked =
        request.max_tokens ? fmt::format(" and up to {} are asked for in the answer", answer) : "";
    return fields.Refuse(BadParam(
        param,
        fmt::format("this model's context holds {} tokens, but the prompt has {}{}; shorten one of them",
                    context, length, asked),
        "context_length_exceeded"));
  }
}

}  // namespace sluice::server
