#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "backend/step_cost.h"
#include "engine/routing.h"
#include "engine/scheduler.h"

namespace sluice::engine {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsBetween(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

constexpr char kCheckTheFile[] =
    "the model's weights hold values that are not finite or too large: check the file with sluice verify";
constexpr int kDefaultContext = 4096;
constexpr size_t kUsualCancellations = 4096;
// Of a model that keeps states: memory is touched only by sequences that run.
constexpr int64_t kFewestStates = 8, kTokensPerState = 1024;

class EngineImpl final : public Engine {
 public:
  EngineImpl(std::unique_ptr<model::Model> model, std::unique_ptr<backend::Backend> backend,
             const ThreadTeam& team, const EngineOptions& options)
      : options_(options),
        model_(std::move(model)),
        backend_(std::move(backend)),
        scheduler_(&backend_->pool(), {backend_->max_tokens(), options.max_running,
                                       options.share_prefixes && MayShare(backend_->plan())}) {
    for (const auto* steps : {&backend_->plan().steps, &backend_->plan().encoder_steps})
      for (const model::Step& step : *steps)
        if (const auto* route = std::get_if<model::RouteStep>(&step.op))
          expert_tokens_.emplace_back(route->router.experts, 0);
    cancelled_.reserve(kUsualCancellations);  // who cancels is often a destructor
    thread_ = std::thread([this, &team] {
      team.BindCaller();
      Loop();
    });
  }

  ~EngineImpl() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  Result<RequestId> Submit(Request request, EventFn on_event) override {
    SLUICE_CHECK_OK(Check(&request));
    const std::lock_guard lock(mutex_);
    if (open_ >= options_.max_queue)
      return Fail(
          ErrorCode::kTryLater,
          fmt::format("{} requests are waiting or running, the most this server takes", options_.max_queue),
          "try again later");
    const RequestId id = ++last_id_;
    Sampler sampler(request.sampling, request.prompt);
    std::vector<int32_t> tokens = request.prompt;
    auto sequence = std::make_unique<Sequence>(Sequence{
        id, std::move(request), std::move(on_event), std::move(sampler), std::move(tokens), {}, false});
    sequence->salt = SaltOf(*sequence);
    sequence->arrived = Clock::now();
    inbox_.push_back(std::move(sequence));
    ++open_;
    wake_.notify_all();
    return id;
  }

  void Cancel(RequestId id) override {
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(id);
    wake_.notify_all();
  }

  const model::Model& model() const override { return *model_; }
  int context() const override { return options_.context; }
  EngineStats stats() const override {
    const std::lock_guard lock(mutex_);
    EngineStats stats = stats_;
    stats.waiting = open_ - stats.running;
    if (step_began_) stats.step_seconds = SecondsBetween(*step_began_, Clock::now());
    return stats;
  }
  std::vector<std::vector<int64_t>> expert_tokens() const override {
    const std::lock_guard lock(mutex_);
    return expert_tokens_;
  }

 private:
  Status CheckIds(const std::vector<int32_t>& ids) const {
    for (int32_t id : ids)
      if (id < 0 || id >= model_->desc.vocab)
        return Fail(ErrorCode::kUsage,
                    fmt::format("token id {} is outside the vocabulary of {}", id, model_->desc.vocab));
    return {};
  }

  // Of an encoder-decoder model a source is needed, and the prompt may be left out.
  Status CheckSource(Request* request) const {
    const auto source = static_cast<int64_t>(request->source.size());
    if (!model_->desc.encoder)
      return source == 0 ? Status{}
                         : Fail(ErrorCode::kUsage, "this model has no encoder to read a source",
                                "send the text as the prompt");
    if (source == 0) return Fail(ErrorCode::kUsage, "the source has no tokens");
    if (source > options_.context)
      return Fail(ErrorCode::kUsage,
                  fmt::format("the source has {} tokens and the context holds {}", source, options_.context),
                  "shorten it or raise --ctx");
    if (request->prompt.empty()) request->prompt = {model_->desc.start_token};
    return CheckIds(request->source);
  }

  Status Check(Request* request) const {
    if (request->pooling != Pooling::kNone && model_->desc.encoder)
      return Fail(ErrorCode::kUsage, "this model answers sources and makes no embeddings");
    SLUICE_CHECK_OK(CheckSource(request));
    if (request->adapter && (!options_.adapters || &request->adapter->model() != model_.get()))
      return Fail(ErrorCode::kUsage, "this engine takes no adapters, or the adapter is another model's");
    const int64_t prompt = static_cast<int64_t>(request->prompt.size());
    if (prompt == 0) return Fail(ErrorCode::kUsage, "the prompt has no tokens");
    if (prompt >= options_.context + (request->pooling == Pooling::kNone ? 0 : 1))
      return Fail(ErrorCode::kUsage,
                  fmt::format("the prompt has {} tokens and the context holds {}", prompt, options_.context),
                  "shorten the prompt or raise --ctx");
    SLUICE_CHECK_OK(CheckIds(request->prompt));
    const int64_t room = request->pooling == Pooling::kNone ? options_.context - prompt : 0;
    if (request->max_tokens <= 0 || request->max_tokens > room) request->max_tokens = static_cast<int>(room);
    const int64_t source = static_cast<int64_t>(request->source.size());
    const int64_t blocks = kv::Pool::BlocksFor(source) + kv::Pool::BlocksFor(prompt + request->max_tokens);
    if (blocks > backend_->pool().blocks())
      return Fail(ErrorCode::kUsage,
                  fmt::format("{} tokens are asked for and the KV cache holds {}",
                              source + prompt + request->max_tokens,
                              backend_->pool().blocks() * kernels::kPageTokens),
                  "ask for fewer tokens or raise --kv-tokens");
    return {};
  }

  // What follows a source depends on it.
  static bool MayShare(const model::Plan& plan) { return plan.encoder_steps.empty(); }

  // Keys depend on a request's tokens, its adapter, its salt, and which angles a request of its length takes.
  uint64_t SaltOf(const Sequence& s) const {
    constexpr int kBitsBelowAdapter = 40;  // a salt and eight tables of angles
    uint64_t salt = s.request.kv_salt;
    for (const model::RopeTable& rope : backend_->plan().ropes)
      if (rope.original_ctx != 0) salt = salt << 1 | uint64_t{&rope.For(s.longest()) == &rope.long_request};
    return s.request.adapter ? salt | s.request.adapter->id() << kBitsBelowAdapter : salt;
  }

  using Sequences = Scheduler::Sequences;

  void Loop() {
    while (!stopping_now_) try {
        Step();
      } catch (const std::bad_alloc&) {  // who knows how far the step came: all requests end
        scheduler_.ForEach([](Sequence& s) { s.ended = true; });
        out_of_memory_ = true;
      }
    scheduler_.ForEach([](Sequence& s) { s.ended = true; });
    End(Finish::kCancelled, {});
  }

  void Step() {
    stopping_now_ = !TakeWork();
    if (stopping_now_) return;
    if (std::exchange(out_of_memory_, false)) {
      End(Finish::kError, {ErrorCode::kOs, "no memory is left to compute answers", "try again later"});
    } else {
      End(Finish::kCancelled, {});
    }
    if (const auto sources = scheduler_.ScheduleSources(); !sources.empty()) Encode(sources);
    const std::vector<Chunk> chunks = scheduler_.Schedule();
    CountRunning();
    if (!chunks.empty()) RunStep(chunks);
    EndLate();
  }

  // Moves new requests and cancellations to the scheduler; sleeps while there is nothing to do. False: stop.
  bool TakeWork() {
    std::unique_lock lock(mutex_);
    step_began_.reset();
    wake_.wait(lock, [&] {
      return stopping_ || !inbox_.empty() || !cancelled_.empty() ||
             scheduler_.running() + scheduler_.waiting() > 0;
    });
    for (auto& sequence : inbox_) scheduler_.Add(std::move(sequence));
    inbox_.clear();
    for (RequestId id : cancelled_)
      if (Sequence* s = scheduler_.Find(id)) s->ended = true;
    cancelled_.clear();
    step_began_ = Clock::now();
    return !stopping_;
  }

  void CountRunning() {
    const std::lock_guard lock(mutex_);
    CountState();
  }

  // Under the lock.
  void CountState() {
    const kv::Pool& pool = backend_->pool();
    stats_.running = static_cast<int>(scheduler_.running());
    stats_.kv_blocks = pool.blocks();
    stats_.kv_blocks_idle = pool.idle_blocks();
    stats_.kv_blocks_used = pool.blocks() - pool.free_blocks();
    stats_.state_snapshots = pool.states().snapshots();
    stats_.state_snapshot_bytes = stats_.state_snapshots * pool.states().slot_bytes();
    stats_.preemptions = scheduler_.counts().preemptions;
    stats_.prefix_queries = scheduler_.counts().prefix_queries;
    stats_.prefix_hits = scheduler_.counts().prefix_hits;
  }

  // Takes out what has ended. Blocks and places in the queue are free before a caller hears of the end: who
  // asks again at once finds room.
  Sequences TakeEnded() {
    Sequences ended = scheduler_.Remove([](const Sequence& s) { return s.ended; });
    if (ended.empty()) return ended;
    const std::lock_guard lock(mutex_);
    open_ -= static_cast<int>(ended.size());
    CountState();
    return ended;
  }

  // Tells the callers of what has ended without a token.
  void End(Finish finish, const Error& error) {
    for (const auto& s : TakeEnded()) s->on_event({.token = {}, .finish = finish, .error = error});
  }

  // Ends what is out of time. Behind a step: who waits then has found no room.
  void EndLate() {
    const Clock::time_point now = Clock::now();
    bool any = false;
    scheduler_.ForEach([&](Sequence& s) { any |= s.ended = IsLate(s, now) || IsLateInQueue(s, now); });
    if (!any) return;
    for (const auto& s : TakeEnded()) {
      if (IsLate(*s, now)) {
        s->on_event({.token = {}, .finish = Finish::kTimeout, .error = OutOfTime(*s)});
      } else {
        s->on_event({.token = {}, .finish = Finish::kError, .error = NoRoomInTime()});
      }
    }
  }
  static bool IsLate(const Sequence& s, Clock::time_point now) {
    return s.request.seconds > 0 && SecondsBetween(s.arrived, now) > s.request.seconds;
  }
  bool IsLateInQueue(const Sequence& s, Clock::time_point now) const {
    return options_.queue_seconds > 0 && s.pages.blocks.empty() && !s.preempted &&
           SecondsBetween(s.arrived, now) > options_.queue_seconds;
  }
  static Error OutOfTime(const Sequence& s) {
    return {ErrorCode::kTryLater,
            fmt::format("the {} s that the request allows passed after {} tokens of the answer",
                        s.request.seconds, s.answered()),
            "allow more time or ask for fewer tokens"};
  }
  Error NoRoomInTime() const {
    return {
        ErrorCode::kTryLater,
        fmt::format("the request waited {} s for room among {} running ones, the longest this server lets "
                    "it wait",
                    options_.queue_seconds, scheduler_.running()),
        "try again later"};
  }

  void Encode(const std::vector<Sequence*>& sequences) {
    const auto start = Clock::now();
    tokens_.clear();
    tables_.clear();
    adapters_.clear();
    for (const Sequence* s : sequences) {
      for (int32_t i = 0; i < static_cast<int32_t>(s->request.source.size()); ++i)
        tokens_.push_back({s->request.source[i], i, static_cast<int32_t>(tables_.size()), false});
      tables_.push_back(&s->source);
      adapters_.push_back(s->request.adapter.get());
    }
    const backend::Batch batch{
        .tokens = tokens_, .sequences = tables_, .trace = &trace_, .encode = true, .adapters = adapters_};
    const Status status = backend_->Forward(batch);
    for (Sequence* s : sequences) {
      s->source.length = s->source.longest;
      s->ended = s->ended || !status;
    }
    if (!status) return End(Finish::kError, status.error());
    const double seconds = SecondsBetween(start, Clock::now());
    const backend::Cost cost = CostOf(backend_->plan().encoder_steps, batch);
    const std::lock_guard lock(mutex_);
    stats_.prompt_tokens += static_cast<int64_t>(tokens_.size());
    Count(cost, seconds, stats_.prefill);
    CountExperts();
  }

  // Under the lock.
  void CountExperts() {
    for (size_t l = 0; l < trace_.layers.size(); ++l)
      for (int32_t expert : trace_.layers[l].experts) ++expert_tokens_[l][expert];
  }

  void RunStep(const std::vector<Chunk>& chunks) {
    const auto start = Clock::now();
    tokens_.clear();
    tables_.clear();
    sources_.clear();
    adapters_.clear();
    for (const Chunk& chunk : chunks) {
      const Sequence& s = *chunk.sequence;
      for (int64_t i = 0; i < chunk.count; ++i) {
        const int64_t position = s.pages.length + i;
        const bool last = i + 1 == chunk.count && chunk.last();
        tokens_.push_back({s.tokens[position], static_cast<int32_t>(position),
                           static_cast<int32_t>(tables_.size()),
                           s.describes(position) || (last && !s.embeds()), s.pools(position)});
      }
      tables_.push_back(&s.pages);
      sources_.push_back(&s.source);
      adapters_.push_back(s.request.adapter.get());
    }
    const backend::Batch batch{.tokens = tokens_,
                               .sequences = tables_,
                               .trace = &trace_,
                               .sources = sources_,
                               .adapters = adapters_};
    const Status status = backend_->Forward(batch);
    if (!status) {
      for (const Chunk& chunk : chunks) chunk.sequence->ended = true;
      return End(Finish::kError, status.error());
    }
    KeepRouting(trace_, chunks);
    const backend::Cost cost = CostOf(backend_->plan().steps, batch);
    Commit(chunks);
    Account(chunks, cost, SecondsBetween(start, Clock::now()));
    const Sequences ended = TakeEnded();  // alive until their callers have heard
    for (const auto& [sequence, event] : events_) sequence->on_event(event);
  }

  // Samples for every chunk that reached its sequence's end.
  void Commit(const std::vector<Chunk>& chunks) {
    int output = 0, state = 0;
    events_.clear();
    for (const Chunk& chunk : chunks) {
      Sequence& s = *chunk.sequence;
      const bool last = chunk.last();
      for (int64_t i = 0; i < chunk.count; ++i, ++s.pages.length) {
        if (s.pools(s.pages.length)) Pool(backend_->State(state++), s.pooled);
        if (s.describes(s.pages.length))
          s.prompt_outputs.push_back(DescribeToken(backend_->Logits(output++), s.tokens[s.pages.length + 1],
                                                   s.request.prompt_logprobs));
      }
      scheduler_.Computed(s);
      if (last) events_.emplace_back(&s, s.embeds() ? Embedding(s) : Next(s, backend_->Logits(output++)));
    }
  }

  static void Pool(std::span<const float> state, std::vector<double>& sum) {
    sum.resize(state.size());
    for (size_t i = 0; i < state.size(); ++i) sum[i] += static_cast<double>(state[i]);
  }

  static Event Embedding(Sequence& s) {
    Event event;
    const double states = s.request.pooling == Pooling::kMean ? static_cast<double>(s.tokens.size()) : 1;
    for (const double sum : s.pooled) event.embedding.push_back(static_cast<float>(sum / states));
    if (const int32_t bad = FirstNotFinite(event.embedding); bad >= 0) {
      event.finish = Finish::kError;
      event.error = {
          ErrorCode::kInternal,
          fmt::format("numerical error: element {} of the embedding is {}", bad, event.embedding[bad]),
          kCheckTheFile};
    } else {
      event.finish = Finish::kStop;
      event.cached = s.cached;
    }
    s.ended = true;
    return event;
  }

  // Nothing: every token is banned.
  static Status Choose(Sequence& s, std::span<const float> logits, std::optional<TokenOutput>* token) {
    if (!s.request.filter) {
      *token = s.sampler.Sample(logits, s.request.top_logprobs);
      return {};
    }
    SLUICE_TRY(*token, s.sampler.SampleWith(*s.request.filter, logits, s.request.top_logprobs));
    if (*token) return {};
    return Fail(
        ErrorCode::kUsage,
        fmt::format("after {} tokens of the answer, no token of the vocabulary goes on with the form that "
                    "was asked for",
                    s.answered()),
        "loosen the schema or the grammar");
  }

  Event Next(Sequence& s, std::span<const float> logits) {
    Event event;
    event.prompt = std::exchange(s.prompt_outputs, {});
    event.routing = std::exchange(s.routing, {});
    if (s.answered() == 0) event.cached = s.cached;
    if (const int32_t bad = FirstNotFinite(logits); bad >= 0) {
      event.finish = Finish::kError;
      event.error = {ErrorCode::kBadFile,
                     fmt::format("numerical error: after {} tokens the logit of token {} is {}",
                                 s.tokens.size(), bad, logits[bad]),
                     kCheckTheFile};
    } else if (Status chosen = Choose(s, logits, &event.token); !chosen) {
      event.finish = Finish::kError;
      event.error = std::move(chosen).error();
    } else if (!event.token) {
      event.finish = Finish::kStop;
    } else {
      s.tokens.push_back(event.token->id);
      if (std::ranges::find(s.request.stop_tokens, event.token->id) != s.request.stop_tokens.end()) {
        event.finish = Finish::kStop;
      } else if (s.answered() >= s.request.max_tokens) {
        event.finish = Finish::kLength;
      }
    }
    s.ended = event.finish.has_value();
    return event;
  }

  // How many different experts this step's tokens chose, over all layers.
  int64_t CountTouched() {
    int64_t touched = 0;
    for (size_t l = 0; l < trace_.layers.size(); ++l) {
      touched_.assign(expert_tokens_[l].size(), false);
      for (const int32_t expert : trace_.layers[l].experts) touched_[static_cast<size_t>(expert)] = true;
      touched += std::ranges::count(touched_, true);
    }
    return touched;
  }

  // What the batch, which has been computed, has read.
  backend::Cost CostOf(const std::vector<model::Step>& steps, const backend::Batch& batch) const {
    return backend::Sum(backend::StepCosts(steps, backend_->pool().type(), batch));
  }

  // Under the lock.
  void Count(const backend::Cost& cost, double seconds, PhaseStats& phase) const {
    phase.seconds += seconds;
    phase.tokens += static_cast<int64_t>(tokens_.size());
    phase.weight_bytes += std::llround(cost.weight_bytes);
    phase.kv_bytes += std::llround(cost.kv_bytes);
  }

  void Account(const std::vector<Chunk>& chunks, const backend::Cost& cost, double seconds) {
    int64_t answered = 0;
    for (const auto& [sequence, event] : events_) answered += event.token.has_value();
    // A step's tokens are prompt, but for one token of each answer in progress.
    const auto decodes = std::ranges::count_if(chunks, [](const Chunk& c) {
      return c.sequence->pages.length > static_cast<int64_t>(c.sequence->request.prompt.size());
    });
    const int64_t prompt = static_cast<int64_t>(tokens_.size()) - decodes;
    const std::lock_guard lock(mutex_);
    stats_.prompt_tokens += prompt;
    stats_.generated_tokens += answered;
    ++stats_.steps;
    stats_.experts_touched += CountTouched();
    Count(cost, seconds, prompt > 0 ? stats_.prefill : stats_.decode);
    CountExperts();
  }

  const EngineOptions options_;
  const std::unique_ptr<model::Model> model_;
  const std::unique_ptr<backend::Backend> backend_;

  // The engine's thread alone.
  Scheduler scheduler_;
  std::vector<backend::BatchToken> tokens_;
  std::vector<const kv::PageTable*> tables_, sources_;
  std::vector<const model::Adapter*> adapters_;
  backend::RouterTrace trace_;
  bool stopping_now_ = false, out_of_memory_ = false;
  std::vector<bool> touched_;                        // experts of a layer, in CountTouched
  std::vector<std::pair<Sequence*, Event>> events_;  // of the current step

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<std::unique_ptr<Sequence>> inbox_;
  std::vector<RequestId> cancelled_;
  int open_ = 0;                                 // requests accepted and not ended
  EngineStats stats_;                            // but `waiting`
  std::optional<Clock::time_point> step_began_;  // nothing: the loop sleeps
  std::vector<std::vector<int64_t>> expert_tokens_;
  RequestId last_id_ = 0;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Create(std::unique_ptr<model::Model> model, ThreadTeam& team,
                                               const EngineOptions& options) {
  if (options.max_batch_tokens < 1 || options.max_running < 1 || options.max_queue < 1)
    return Fail(
        ErrorCode::kUsage,
        fmt::format("steps of {} tokens, {} requests at once and a queue of {}: all must be at least 1",
                    options.max_batch_tokens, options.max_running, options.max_queue));
  EngineOptions resolved = options;
  if (resolved.context <= 0) resolved.context = std::min(model->desc.max_ctx, kDefaultContext);
  if (resolved.context > model->desc.max_ctx)
    return Fail(ErrorCode::kUsage,
                fmt::format("a context of {} was asked for and the model was trained for {}",
                            resolved.context, model->desc.max_ctx),
                fmt::format("use --ctx {} or less", model->desc.max_ctx));
  // A source may be as long as an answer, is kept beside it, and is read in one step.
  const int texts = model->desc.encoder ? 2 : 1;
  if (model->desc.encoder) resolved.max_batch_tokens = std::max(resolved.max_batch_tokens, resolved.context);
  if (resolved.kv_tokens <= 0)
    resolved.kv_tokens = RoundUp(resolved.context, kernels::kPageTokens) * resolved.kv_contexts * texts;
  std::optional<int64_t> snapshots = 0;
  if (resolved.share_prefixes) snapshots = resolved.state_snapshots;
  if (resolved.share_prefixes && resolved.state_snapshots == 0) snapshots.reset();
  SLUICE_TRY(auto backend, backend::CreateCpuBackend(
                               *model, team,
                               {.isa = resolved.isa,
                                .max_tokens = resolved.max_batch_tokens,
                                .context = resolved.kv_tokens,
                                .kv = resolved.kv,
                                .states = std::max(kFewestStates, resolved.kv_tokens / kTokensPerState),
                                .snapshots = snapshots,
                                .adapters = resolved.adapters}));
  return std::make_unique<EngineImpl>(std::move(model), std::move(backend), team, resolved);
}

}  // namespace sluice::engine
