#include "server/embeddings.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "server/generation.h"
#include "server/json_input.h"
#include "server/mailbox.h"
#include "tokenizer/base64.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

namespace {

constexpr size_t kAtOnce = 32;  // inputs of one request with the backend

class InputReader {
 public:
  InputReader(Fields& fields, const Backend& backend, EmbeddingRequest& request)
      : fields_(fields), backend_(backend), request_(request) {}

  void Read() {
    const Json* input = fields_.Raw("input");
    if (input == nullptr)
      return Refuse("'input' is missing: a string, a list of strings, token ids, or lists of token ids");
    if (input->is_string()) return AddText(*input);
    if (!input->is_array() || input->empty())
      return Refuse("'input' must be a string or a list that is not empty");
    if (input->front().is_number()) return Add(ReadIds(*input, backend_, "input"));
    if (input->size() > kMaxEmbeddingInputs)
      return Refuse(fmt::format("'input' has {} texts, and may have {}", input->size(), kMaxEmbeddingInputs));
    for (const Json& one : *input) {
      if (one.is_string())
        AddText(one);
      else if (one.is_array())
        Add(ReadIds(one, backend_, "input"));
      else
        Refuse("the inputs must all be strings or lists of token ids");
    }
  }

 private:
  Fields& fields_;
  const Backend& backend_;
  EmbeddingRequest& request_;

  void Refuse(std::string message) { fields_.Refuse(BadParam("input", std::move(message))); }

  void AddText(const std::string& text) {
    if (text.empty()) return Refuse("an input is empty");
    auto ids = backend_.tokenizer().Encode(text);
    if (!ids) return Refuse(ids.error().message);
    Add(std::move(*ids));
  }

  void Add(ApiResult<std::vector<int32_t>> ids) {
    if (!ids) return fields_.Refuse(ids.error());
    if (ids->empty()) return Refuse("an input has no tokens");
    if (static_cast<int64_t>(ids->size()) > backend_.context())
      return fields_.Refuse(
          BadParam("input",
                   fmt::format("this model's context holds {} tokens, but input {} has {}; shorten it",
                               backend_.context(), request_.inputs.size(), ids->size()),
                   "context_length_exceeded"));
    request_.inputs.push_back(std::move(*ids));
  }
};

void ReadForm(Fields& fields, const Backend& backend, EmbeddingRequest& request) {
  const std::string form = fields.Text("encoding_format").value_or("float");
  if (form != "float" && form != "base64")
    fields.Refuse(BadParam("encoding_format", "'encoding_format' must be \"float\" or \"base64\""));
  request.base64 = form == "base64";
  const auto dimensions = fields.Integer("dimensions", 1, INT32_MAX);
  if (dimensions && *dimensions != backend.width())
    fields.Refuse(
        BadParam("dimensions",
                 fmt::format("this model's embeddings have {} dimensions and cannot be shortened to {}",
                             backend.width(), *dimensions),
                 "unsupported_value"));
  const std::string pooling = fields.Text("pooling").value_or("mean");
  if (pooling != "mean" && pooling != "last")
    fields.Refuse(BadParam("pooling", "'pooling' must be \"mean\" or \"last\""));
  request.pooling = pooling == "mean" ? engine::Pooling::kMean : engine::Pooling::kLast;
}

void Normalize(std::vector<float>& vector) {
  const double squares = std::transform_reduce(vector.begin(), vector.end(), 0.0, std::plus(),
                                               [](float x) { return static_cast<double>(x) * x; });
  if (squares == 0) return;
  for (float& x : vector) x = static_cast<float>(x / std::sqrt(squares));
}

std::string Base64Of(const std::vector<float>& vector) {
  std::string bytes;
  for (const float x : vector)
    for (const int shift : {0, 8, 16, 24}) bytes += static_cast<char>(std::bit_cast<uint32_t>(x) >> shift);
  return tokenizer::EncodeBase64(bytes);
}

class Embeddings final : public PendingAnswer {
 public:
  Embeddings(GenerationContext context, EmbeddingRequest request)
      : owner_(std::move(context.backend)),
        backend_(*owner_),
        request_(std::move(request)),
        mailbox_(std::make_shared<Mailbox>(std::move(context.wake))),
        metrics_(std::move(context.metrics)),
        record_(std::move(context.record)),
        vectors_(request_.inputs.size()) {}

  ~Embeddings() override {
    mailbox_->Close();
    for (const auto& [input, id] : running_) backend_.Cancel(id);
    if (!ended_) metrics_->Ended("abort");
    record_->cached_tokens = cached_;
  }

  // Hands out as many inputs as may run at once. A full queue is no error while others of ours will end.
  Status Submit() {
    for (; next_ < request_.inputs.size() && running_.size() < kAtOnce; ++next_) {
      const auto id = backend_.Submit(
          {.prompt = request_.inputs[next_],
           .pooling = request_.pooling,
           .priority = request_.priority,
           .seconds = request_.seconds},
          [mailbox = mailbox_, input = next_](const engine::Event& event) { mailbox->Post(input, event); });
      if (!id && id.error().code == ErrorCode::kTryLater && !running_.empty()) return {};
      if (!id) return Fail(id.error());
      running_[next_] = *id;
    }
    return {};
  }

  bool streamed() const override { return false; }
  Headers headers() const override { return {}; }

  Progress Take() override {
    for (auto& [input, event] : mailbox_->Take()) {
      running_.erase(input);
      if (event.finish != engine::Finish::kStop) return End("error", ErrorReply(FailureOf(event)));
      cached_ += event.cached;
      vectors_[input] = std::move(event.embedding);
    }
    if (mailbox_->lost()) return End("error", ErrorReply(OutOfMemory()));
    if (const Status submitted = Submit(); !submitted)
      return End("error", ErrorReply(FromEngine(submitted.error())));
    if (running_.empty()) return End("stop", {200, Whole()});
    return {};
  }

 private:
  std::shared_ptr<Backend> owner_;
  Backend& backend_;
  const EmbeddingRequest request_;
  std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<Metrics> metrics_;
  std::shared_ptr<RequestRecord> record_;
  std::map<size_t, engine::RequestId> running_;  // by input
  size_t next_ = 0;                              // input to be handed out
  std::vector<std::vector<float>> vectors_;
  int64_t cached_ = 0;
  bool ended_ = false;

  Progress End(const char* reason, Reply reply) {
    ended_ = true;
    metrics_->Ended(reason);
    record_->finish_reason = reason;
    return {.bytes = {}, .reply = std::move(reply), .done = true};
  }

  std::string Whole() {
    Json data = Json::array();
    int64_t tokens = 0;
    for (size_t i = 0; i < vectors_.size(); ++i) {
      Normalize(vectors_[i]);
      data.push_back({{"object", "embedding"},
                      {"index", i},
                      {"embedding", request_.base64 ? Json(Base64Of(vectors_[i])) : Json(vectors_[i])}});
      tokens += static_cast<int64_t>(request_.inputs[i].size());
    }
    return Dump({{"object", "list"},
                 {"data", std::move(data)},
                 {"model", backend_.model_name()},
                 {"usage",
                  {{"prompt_tokens", tokens},
                   {"total_tokens", tokens},
                   {"prompt_tokens_details", {{"cached_tokens", cached_}}}}}});
  }
};

}  // namespace

ApiResult<EmbeddingRequest> ReadEmbeddingRequest(const Json& body, const Backend& backend) {
  Fields fields(body);
  EmbeddingRequest request;
  ReadModel(fields, backend);
  ReadForm(fields, backend, request);
  request.priority = ReadPriority(fields);
  request.seconds = ReadTimeout(fields);
  fields.Ignore({"user"});
  if (fields.ok()) InputReader(fields, backend, request).Read();
  if (!fields.ok()) return tl::make_unexpected(fields.error());
  return request;
}

Answer StartEmbeddings(GenerationContext context, EmbeddingRequest request) {
  auto embeddings = std::make_unique<Embeddings>(std::move(context), std::move(request));
  if (const Status submitted = embeddings->Submit(); !submitted)
    return ErrorReply(FromEngine(submitted.error()));
  return embeddings;
}

}  // namespace sluice::server
