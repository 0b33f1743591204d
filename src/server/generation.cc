#include "server/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "server/answer_grammar.h"
#include "server/json_input.h"
#include "server/mailbox.h"

namespace sluice::server {

using Json = nlohmann::ordered_json;

AnswerId AnswerId::Make(const std::string& prefix, const std::string& model) {
  std::random_device device;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {fmt::format("{}{:08x}{:08x}{:08x}", prefix, device(), device(), device()),
          std::chrono::duration_cast<std::chrono::seconds>(now).count(), model};
}

Reply ErrorReply(const ApiError& error) {
  return {error.status, Dump(ToJson(error)), "application/json", error.headers};
}

namespace {

// The same again would take as long: clients are told not to repeat it by themselves.
ApiError TimedOut(std::string message) {
  return {.status = 504,
          .message = std::move(message),
          .type = "timeout_error",
          .code = "request_timeout",
          .headers = {{"x-should-retry", "false"}}};
}

}  // namespace

ApiError FailureOf(const engine::Event& event) {
  if (event.finish == engine::Finish::kCancelled)
    return {.status = 503, .message = "the server is shutting down", .type = "server_error"};
  ApiError error = FromEngine(event.error);
  return event.finish == engine::Finish::kTimeout ? TimedOut(std::move(error.message)) : error;
}

namespace {

// Behind a request's time, in which the engine ends it. An engine that is stuck in a step does not.
constexpr std::chrono::seconds kEngineIsLate{2};

class Generation final : public PendingAnswer {
 public:
  Generation(GenerationContext context, GenerationRequest request, std::unique_ptr<AnswerFormat> format)
      : owner_(std::move(context.backend)),
        backend_(*owner_),
        request_(std::move(request)),
        format_(std::move(format)),
        mailbox_(std::make_shared<Mailbox>(std::move(context.wake))),
        metrics_(std::move(context.metrics)),
        record_(std::move(context.record)) {}

  ~Generation() override {
    mailbox_->Close();
    for (size_t i = 0; i < ids_.size(); ++i)
      if (!choices_[i].finished()) {
        backend_.Cancel(ids_[i]);
        metrics_->Ended("abort");
      }
    record_->cached_tokens = usage_.cached_tokens;
    record_->completion_tokens = 0;
    for (const Choice& choice : choices_) record_->completion_tokens += choice.tokens();
  }

  Status Submit() {
    const size_t count = request_.prompts.size() * static_cast<size_t>(request_.choices);
    choices_.reserve(count);
    ids_.reserve(count);  // what has been submitted must not be forgotten
    for (size_t i = 0; i < count; ++i) {
      const size_t prompt = i / static_cast<size_t>(request_.choices);
      const int64_t offset = request_.echoes.empty() ? 0 : CountCharacters(request_.echoes[prompt]);
      choices_.emplace_back(backend_.tokenizer(), request_.stop, request_.reading.get(),
                            request_.top_logprobs >= 0, offset, backend_.reads_source());
      if (request_.prompt_logprobs) choices_.back().DescribePrompt(request_.prompts[prompt]);
      if (request_.continues) choices_.back().ContinueFrom(request_.prompts[prompt]);
    }
    whole_.resize(count);
    if (request_.return_routing) usage_.routing.resize(count);
    for (size_t i = 0; i < count; ++i) {
      const size_t prompt = i / static_cast<size_t>(request_.choices);
      if (!request_.echoes.empty()) whole_[i].text = request_.echoes[prompt];
      if (request_.max_tokens == 0 && !request_.prompt_logprobs) {
        mailbox_->Post(i, {.finish = engine::Finish::kLength});
        continue;
      }
      auto id =
          backend_.Submit(EngineRequest(prompt, i),
                          [mailbox = mailbox_, i, timer = Metrics::Timer(metrics_, Metrics::Clock::now())](
                              const engine::Event& event) mutable {
                            timer.On(event, Metrics::Clock::now());
                            mailbox->Post(i, event);
                          });
      if (!id) return Fail(std::move(id).error());
      ids_.push_back(*id);
    }
    for (const auto& prompt : request_.prompts) usage_.prompt_tokens += static_cast<int64_t>(prompt.size());
    unfinished_ = count;
    if (request_.seconds > 0)
      late_at_ = Clock::now() + kEngineIsLate +
                 std::chrono::duration_cast<Clock::duration>(
                     std::chrono::duration<double>(std::min(request_.seconds, kLongestWait)));
    return {};
  }

  bool streamed() const override { return request_.stream; }

  Headers headers() const override {
    if (request_.ignored_fields.empty()) return {};
    return {{"x-ignored-fields", fmt::format("{}", fmt::join(request_.ignored_fields, ", "))}};
  }

  Progress Take() override {
    Progress progress;
    if (request_.stream && !started_) Begin(progress.bytes);
    for (const auto& [index, event] : mailbox_->Take()) {
      Handle(index, event, progress);
      if (progress.failed || progress.reply) break;
    }
    if (mailbox_->lost() && !progress.failed && !progress.reply) Break(OutOfMemory(), progress);
    if (unfinished_ > 0 && Clock::now() > late_at_ && !progress.failed && !progress.reply)
      Break(TimedOut(fmt::format("no answer came in the {} s that the request allows", request_.seconds)),
            progress);
    if (unfinished_ == 0 && !progress.failed && !progress.reply) Finish(progress);
    progress.done = progress.failed || unfinished_ == 0 || progress.reply.has_value();
    return progress;
  }

  std::chrono::steady_clock::time_point late_at() const override { return late_at_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr double kLongestWait = 1e8;  // seconds

  std::shared_ptr<Backend> owner_;
  Backend& backend_;
  GenerationRequest request_;
  std::unique_ptr<AnswerFormat> format_;
  std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<Metrics> metrics_;
  std::shared_ptr<RequestRecord> record_;
  std::vector<engine::RequestId> ids_;
  std::vector<Choice> choices_;
  std::vector<ChoiceDelta> whole_;  // what each choice has said so far, where it is not streamed
  Usage usage_;
  size_t unfinished_ = 0;
  bool started_ = false;
  Clock::time_point late_at_ = Clock::time_point::max();

  engine::Request EngineRequest(size_t prompt, size_t index) const {
    engine::Request request;
    (backend_.reads_source() ? request.source : request.prompt) = request_.prompts[prompt];
    request.max_tokens = static_cast<int>(request_.max_tokens.value_or(0));
    const bool prompt_alone = request_.max_tokens == 0;  // the engine computes at least one token
    if (prompt_alone) request.max_tokens = 1;
    request.sampling = request_.sampling;
    request.sampling.seed +=
        index * 0x9e3779b97f4a7c15u;  // choices differ, and again the same way for a seed
    const auto ends = backend_.tokenizer().end_tokens();
    if (!request_.ignore_end || request_.grammar) request.stop_tokens.assign(ends.begin(), ends.end());
    request.priority = request_.priority;
    request.seconds = request_.seconds;
    if (request_.grammar) request.filter = MakeTokenFilter(request_.grammar);
    request.top_logprobs = request_.top_logprobs;
    if (request_.kept < request_.choices) request.top_logprobs = std::max(request.top_logprobs, 0);
    if (request_.prompt_logprobs) request.prompt_logprobs = request_.top_logprobs;
    if (request_.return_routing)
      request.routed_positions = std::max<int64_t>(1, kMostRouted / static_cast<int64_t>(choices_.size()));
    return request;
  }

  void Begin(std::string& bytes) {
    started_ = true;
    bytes += format_->Begin(choices_.size(), usage_);
    for (size_t i = 0; i < choices_.size(); ++i)
      if (!whole_[i].text.empty()) bytes += format_->More(static_cast<int>(i), whole_[i]);
  }

  // For requests that want nothing but the prompt.
  static engine::Event WithoutToken(const engine::Event& event) {
    engine::Event rest = event;
    rest.token.reset();
    if (rest.finish == engine::Finish::kStop) rest.finish = engine::Finish::kLength;
    return rest;
  }

  void Handle(size_t index, const engine::Event& event, Progress& progress) {
    Choice& choice = choices_[index];
    if (choice.finished()) return;
    // As with prompt_tokens, a prompt counts once, however many answers it gets.
    if (index % static_cast<size_t>(request_.choices) == 0) usage_.cached_tokens += event.cached;
    if (request_.return_routing)
      usage_.routing[index].insert(usage_.routing[index].end(), event.routing.begin(), event.routing.end());
    ChoiceDelta delta = choice.Take(request_.max_tokens == 0 ? WithoutToken(event) : event);
    Note(event, delta);
    if (delta.finish_reason == "error") return Break(FailureOf(event), progress);
    if (choice.finished()) {
      --unfinished_;
      usage_.completion_tokens += choice.tokens();
      if (choice.stopped_by_text() && index < ids_.size()) backend_.Cancel(ids_[index]);
    }
    if (request_.stream) {
      if (!delta.empty()) progress.bytes += format_->More(static_cast<int>(index), delta);
      return;
    }
    whole_[index].Append(std::move(delta));
  }

  void Note(const engine::Event& event, const ChoiceDelta& delta) {
    if (event.token && !record_->first_token_seconds)
      record_->first_token_seconds =
          std::chrono::duration<double>(RequestRecord::Clock::now() - record_->begin).count();
    record_->AddAnswer(delta.reasoning);
    record_->AddAnswer(delta.text);
    if (!delta.finish_reason) return;
    metrics_->Ended(*delta.finish_reason);
    if (record_->finish_reason.empty()) record_->finish_reason = *delta.finish_reason;
  }

  void Break(const ApiError& error, Progress& progress) {
    if (!request_.stream) {
      progress.reply = ErrorReply(error);
      return;
    }
    progress.bytes += format_->Failure(error);
    progress.failed = true;
  }

  // For each prompt the likeliest answers, by their mean over tokens.
  std::vector<size_t> KeptChoices() const {
    const auto per_prompt = static_cast<size_t>(request_.choices);
    std::vector<size_t> kept;
    for (size_t first = 0; first < choices_.size(); first += per_prompt) {
      std::vector<size_t> order(per_prompt);
      std::iota(order.begin(), order.end(), first);
      if (request_.kept < request_.choices)
        std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
          return choices_[a].mean_logprob() > choices_[b].mean_logprob();
        });
      kept.insert(kept.end(), order.begin(), order.begin() + request_.kept);
    }
    return kept;
  }

  void Finish(Progress& progress) {
    if (request_.stream) {
      progress.bytes += format_->End(usage_);
      return;
    }
    std::vector<ChoiceDelta> kept;
    for (const size_t i : KeptChoices()) kept.push_back(std::move(whole_[i]));
    progress.reply = Reply{200, Dump(format_->Whole(kept, usage_)), "application/json", headers()};
  }
};

}  // namespace

Answer StartGeneration(GenerationContext context, GenerationRequest request,
                       std::unique_ptr<AnswerFormat> format) {
  auto generation = std::make_unique<Generation>(std::move(context), std::move(request), std::move(format));
  if (const Status submitted = generation->Submit(); !submitted)
    return ErrorReply(FromEngine(submitted.error()));
  return generation;
}

}  // namespace sluice::server
