#include <fmt/format.h>

#include <atomic>
#include <deque>
#include <numeric>
#include <utility>

#include "backend/cpu/adapters.h"
#include "backend/cpu/attend_cut.h"
#include "backend/cpu/step_clock.h"
#include "backend/cpu/steps.h"
#include "model/rope.h"

namespace sluice::backend {
namespace cpu {
namespace {

class CpuBackend final : public Backend {
 public:
  CpuBackend(const model::Model& model, ThreadTeam& team, const CpuOptions& options, model::Plan plan,
             Buffers buffers, Choice choice, SpanStates spans, kv::Pool pool)
      : options_(options),
        model_(model),
        vocab_(model.desc.vocab),
        team_(team),
        plan_(std::move(plan)),
        buffers_(std::move(buffers)),
        choice_(std::move(choice)),
        spans_(std::move(spans)),
        pool_(std::move(pool)),
        shares_(team, model.nodes),
        workers_(static_cast<size_t>(team.size())),
        counts_(shares_.shares.size()) {
    for (size_t s = 0; s < std::max(plan_.steps.size(), plan_.encoder_steps.size()); ++s)
      progress_.emplace_back(static_cast<int>(counts_.size()));
    const int64_t assignments = int64_t{options.max_tokens} * plan_.max_top_k;
    routing_.experts.resize(assignments);
    routing_.weights.resize(assignments);
    routing_.row_token.resize(assignments);
    routing_.row_weight.resize(assignments);
    routing_.groups.reserve(plan_.max_experts);
    routing_.first_row.resize(plan_.max_experts + 1);
    for (const model::RopeTable& table : plan_.ropes)
      rope_.emplace_back(table.pairs() * 2 * options.max_tokens);
    context_.plan = &plan_;
    context_.kernels = &kernels::TableFor(options.isa);
    context_.pool = &pool_;
    context_.buffers = &buffers_;
    context_.routing = &routing_;
    context_.choice = &choice_;
    context_.spans = &spans_;
    context_.workers = team.size();
    context_.nodes = model.nodes;
    context_.shares = shares_.shares;
    context_.rope = &rope_;
    context_.sequence_runs = &sequence_runs_;
  }

  int max_tokens() const override { return options_.max_tokens; }
  kv::Pool& pool() override { return pool_; }
  const model::Plan& plan() const override { return plan_; }

  Status Forward(const Batch& batch) override {
    SLUICE_CHECK_OK(Check(batch));
    outputs_.clear();
    if (batch.tokens.empty()) return {};
    steps_ = batch.encode ? plan_.encoder_steps : plan_.steps;
    clock_.Start(batch.times, steps_.size(), team_.size());
    if (!pool_.states().empty()) SLUICE_CHECK_OK(PassStates(batch));
    for (size_t t = 0; t < batch.tokens.size(); ++t)
      if (batch.tokens[t].output && !batch.encode) outputs_.push_back(static_cast<int32_t>(t));
    context_.logits = static_cast<int64_t>(outputs_.size());
    for (size_t t = 0; t < batch.tokens.size(); ++t)
      if (batch.tokens[t].state && !batch.tokens[t].output && !batch.encode)
        outputs_.push_back(static_cast<int32_t>(t));
    PrepareTrace(batch);
    FindRuns(batch);
    context_.batch = &batch;
    context_.outputs = outputs_;
    context_.adapters = adapter_rows_.Start(batch, plan_) ? &adapter_rows_ : nullptr;
    Begin(0);
    auto work = [this](int worker) { RunSteps(worker); };
    team_.Run(work);
    clock_.End();
    return {};
  }

  std::span<const float> Logits(int i) const override {
    return {buffers_.Row(model::Buffer::kLogits, i), static_cast<size_t>(vocab_)};
  }
  std::span<const float> State(int i) const override {
    return {buffers_.Row(model::Buffer::kFinal, context_.logits + i),
            static_cast<size_t>(plan_.width[static_cast<int>(model::Buffer::kFinal)])};
  }

 private:
  struct alignas(64) Progress {
    explicit Progress(int shares) : claims(shares) {}
    ShareClaims claims;
    int64_t tiles = 0;
    alignas(64) std::atomic<int64_t> done{0};
  };

  // Works on the step that is open until all steps are done. A step ends with its last tile, whoever runs it,
  // and that worker opens the next: nobody waits for a worker that holds no tile.
  void RunSteps(int worker) {
    const uint32_t end = static_cast<uint32_t>(steps_.size());
    for (uint32_t s = open_.load(std::memory_order_acquire); s < end;
         s = open_.load(std::memory_order_acquire)) {
      Progress& p = progress_[s];
      const int64_t ran = clock_.on() ? TimeTiles(s, worker) : RunTiles(s, worker);
      if (ran > 0 && p.done.fetch_add(ran, std::memory_order_acq_rel) + ran == p.tiles) {
        Begin(s + 1);
      } else {
        AwaitChange(open_, s);
      }
    }
  }

  int64_t RunTiles(uint32_t s, int worker) {
    ShareClaims& claims = progress_[s].claims;
    const int own = shares_.own[worker];
    int64_t ran = 0;
    for (auto next = claims.Claim(own); next.share >= 0; next = claims.Claim(own), ++ran) {
      const ShareTile tile{next.share, next.number, progress_[s].tiles};
      std::visit([&](const auto& op) { RunTile(op, context_, workers_[worker], tile); }, steps_[s].op);
    }
    return ran;
  }

  int64_t TimeTiles(uint32_t s, int worker) {
    const StepClock::Clock::time_point start = StepClock::Clock::now();
    const int64_t ran = RunTiles(s, worker);
    clock_.Add(worker, s, StepClock::Clock::now() - start, ran);
    if (const auto early = std::exchange(workers_[worker].early, {}); early.count() > 0)
      clock_.AddEarly(worker, s, NextDown(s), early);
    return ran;
  }

  size_t NextDown(size_t s) const {
    while (!std::holds_alternative<model::DownStep>(steps_[s].op)) ++s;
    return s;
  }

  // Opens the first step from s on that has tiles.
  void Begin(uint32_t s) {
    int64_t tiles = 0;
    for (; s < steps_.size(); ++s) {
      std::visit([&](const auto& op) { CountTiles(op, context_, counts_); }, steps_[s].op);
      tiles = std::accumulate(counts_.begin(), counts_.end(), int64_t{0});
      if (tiles > 0) break;
    }
    if (s < steps_.size()) {
      progress_[s].claims.Open(counts_);
      progress_[s].tiles = tiles;
      progress_[s].done.store(0, std::memory_order_relaxed);
    }
    clock_.Open(s);
    open_.store(s, std::memory_order_release);
    open_.notify_all();
  }

  Status Check(const Batch& batch) const {
    if (static_cast<int64_t>(batch.tokens.size()) > options_.max_tokens)
      return Fail(ErrorCode::kInternal,
                  fmt::format("a batch of {} tokens exceeds {}", batch.tokens.size(), options_.max_tokens));
    for (const BatchToken& token : batch.tokens) {
      if (token.id < 0 || token.id >= vocab_)
        return Fail(ErrorCode::kUsage,
                    fmt::format("token id {} is outside the vocabulary of {}", token.id, vocab_));
      if (token.sequence < 0 || static_cast<size_t>(token.sequence) >= batch.sequences.size())
        return Fail(ErrorCode::kInternal, fmt::format("a batch has {} sequences, none is number {}",
                                                      batch.sequences.size(), token.sequence));
      if (token.position < 0 || token.position >= batch.sequences[token.sequence]->capacity())
        return Fail(ErrorCode::kInternal, fmt::format("position {} has no KV block", token.position));
    }
    SLUICE_CHECK_OK(CheckAdapters(batch));
    return batch.encode ? CheckEncode(batch) : CheckSources(batch);
  }

  Status CheckAdapters(const Batch& batch) const {
    if (!batch.adapters.empty() && batch.adapters.size() != batch.sequences.size())
      return Fail(ErrorCode::kInternal, fmt::format("{} sequences with {} adapters", batch.sequences.size(),
                                                    batch.adapters.size()));
    for (const model::Adapter* adapter : batch.adapters)
      if (adapter != nullptr && (!plan_.adapts || &adapter->model() != &model_))
        return Fail(ErrorCode::kInternal, "an adapter for another model, or where none was expected");
    return {};
  }

  // The encoder sees whole sources only, since each of their tokens sees all others.
  Status CheckEncode(const Batch& batch) const {
    if (plan_.encoder_steps.empty())
      return Fail(ErrorCode::kInternal, "a source for a model that has no encoder");
    std::vector<int64_t> seen(batch.sequences.size(), 0);
    for (const BatchToken& token : batch.tokens)
      if (token.position == seen[token.sequence]) ++seen[token.sequence];
    for (size_t s = 0; s < seen.size(); ++s)
      if (seen[s] != batch.sequences[s]->longest)
        return Fail(ErrorCode::kInternal, fmt::format("a source of {} tokens, of which a batch holds {}",
                                                      batch.sequences[s]->longest, seen[s]));
    return {};
  }

  Status CheckSources(const Batch& batch) const {
    if (plan_.encoder_steps.empty()) return {};
    if (batch.sources.size() != batch.sequences.size())
      return Fail(ErrorCode::kInternal,
                  fmt::format("{} sequences with {} sources", batch.sequences.size(), batch.sources.size()));
    for (const kv::PageTable* source : batch.sources)
      if (source->length < 1 || source->length != source->longest)
        return Fail(ErrorCode::kInternal, fmt::format("a source of {} tokens, of which {} are encoded",
                                                      source->longest, source->length));
    return {};
  }

  // Sorts the tokens by sequence. A state has seen every token before a sequence's first in the batch, or the
  // sequence begins.
  Status PassStates(const Batch& batch) {
    sequence_runs_.Sort(batch);
    kv::StatePool& states = pool_.states();
    for (const SequenceRuns::Run& run : sequence_runs_.runs) {
      const int32_t slot = batch.sequences[run.sequence]->state;
      if (slot < 0 || slot >= states.slots())
        return Fail(ErrorCode::kInternal, fmt::format("sequence {} has no state", run.sequence));
      int64_t expected = batch.tokens[sequence_runs_.tokens[run.first]].position;
      if (expected != 0 && expected != states.length(slot))
        return Fail(ErrorCode::kInternal, fmt::format("a state has seen {} tokens and cannot go on at {}",
                                                      states.length(slot), expected));
      for (int32_t i = 0; i < run.count; ++i, ++expected)
        if (const int32_t position = batch.tokens[sequence_runs_.tokens[run.first + i]].position;
            position != expected)
          return Fail(ErrorCode::kInternal,
                      fmt::format("a state cannot pass from token {} to {}", expected - 1, position));
      SLUICE_CHECK_OK(CheckCuts(batch, run));
    }
    for (const SequenceRuns::Run& run : sequence_runs_.runs) {
      const int32_t last = sequence_runs_.tokens[run.first + run.count - 1];
      const kv::PageTable& sequence = *batch.sequences[run.sequence];
      states.SetLength(sequence.state, batch.tokens[last].position + 1);
      for (const kv::StateCut& cut : sequence.cuts) states.SetLength(cut.slot, cut.length);
    }
    return {};
  }

  // Places where a state is left lie behind tokens of the batch.
  Status CheckCuts(const Batch& batch, const SequenceRuns::Run& run) const {
    int64_t before = batch.tokens[sequence_runs_.tokens[run.first]].position;
    const int64_t end = before + run.count;
    for (const kv::StateCut& cut : batch.sequences[run.sequence]->cuts) {
      if (cut.length <= before || cut.length > end || cut.slot < 0 || cut.slot >= pool_.states().slots())
        return Fail(ErrorCode::kInternal,
                    fmt::format("a state cannot be left at {} in slot {}: the batch goes on from {} to {}",
                                cut.length, cut.slot, before, end));
      before = cut.length;
    }
    return {};
  }

  void FindRuns(const Batch& batch) {
    runs_.clear();
    for (size_t t = 0; t < batch.tokens.size(); ++t) {
      const BatchToken& token = batch.tokens[t];
      const bool goes_on = t > 0 && batch.tokens[t - 1].sequence == token.sequence &&
                           batch.tokens[t - 1].position + 1 == token.position;
      if (!goes_on) runs_.push_back({static_cast<int32_t>(t), 0});
      ++runs_.back().count;
    }
    context_.runs = runs_;
  }

  void PrepareTrace(const Batch& batch) const {
    if (batch.trace == nullptr) return;
    batch.trace->layers.assign(static_cast<size_t>(plan_.moe_layers), {});
    for (const model::Step& step : steps_) {
      const auto* route = std::get_if<model::RouteStep>(&step.op);
      if (route == nullptr) continue;
      RouterTrace::Layer& layer = batch.trace->layers[route->moe];
      layer.top_k = route->router.top_k;
      layer.experts.resize(batch.tokens.size() * layer.top_k);
      layer.weights.resize(batch.tokens.size() * layer.top_k);
    }
  }

  const CpuOptions options_;
  const model::Model& model_;
  const int vocab_;
  ThreadTeam& team_;
  const model::Plan plan_;
  Buffers buffers_;
  Choice choice_;
  SpanStates spans_;
  kv::Pool pool_;
  Routing routing_;
  AdapterRows adapter_rows_;
  SequenceRuns sequence_runs_;
  std::vector<std::vector<float>> rope_;
  const TeamShares shares_;
  std::vector<Worker> workers_;
  std::span<const model::Step> steps_;         // of this batch
  std::deque<Progress> progress_;              // [steps]
  std::vector<int64_t> counts_;                // [shares] tiles, in Begin
  alignas(64) std::atomic<uint32_t> open_{0};  // the step that is worked on
  std::vector<int32_t> outputs_;
  std::vector<TokenRun> runs_;
  StepClock clock_;
  Context context_;
};

// F32 weights promise F32 results: then keys and values keep full precision too.
kernels::KvType KvTypeFor(const model::Plan& plan) {
  const auto acts = plan.acts[static_cast<int>(model::Buffer::kAttended)];
  for (const model::Step& step : plan.steps)
    if (const auto* o = std::get_if<model::ResidualStep>(&step.op);
        o != nullptr && o->matrix->dtype != DType::kF32)
      return kernels::KvType::kF16;
  return acts == model::Bit(kernels::ActType::kF32) ? kernels::KvType::kF32 : kernels::KvType::kF16;
}

// Floats that the states of one token's heads take, in the layer where that is most.
int64_t StateFloats(const model::Plan& plan) {
  int64_t most = 0;
  for (const model::Step& step : plan.steps)
    if (const auto* attend = std::get_if<model::AttendStep>(&step.op)) {
      const model::Gqa& gqa = attend->gqa;
      const int64_t rows = RoundUp(gqa.heads / gqa.kv_heads, 16);
      most = std::max(most, gqa.kv_heads * kernels::AttendStateFloats(static_cast<int>(rows), gqa.head_dim));
    } else if (const auto* latent = std::get_if<model::LatentAttendStep>(&step.op)) {
      const model::Mla& mla = latent->mla;
      most =
          std::max(most, kernels::AttendStateFloats(static_cast<int>(RoundUp(mla.heads, 16)), mla.kv_rank));
    }
  return most;
}

}  // namespace
}  // namespace cpu

Result<std::unique_ptr<Backend>> CreateCpuBackend(const model::Model& model, ThreadTeam& team,
                                                  const CpuOptions& options) {
  if (options.max_tokens < 1)
    return Fail(ErrorCode::kUsage, fmt::format("batches of {} tokens cannot be computed", options.max_tokens),
                "allow at least 1");
  model::Plan plan = model::Compile(model, options.adapters);
  SLUICE_TRY(cpu::Buffers buffers, cpu::Buffers::Create(plan, options.max_tokens));
  // Without overflow for any context; the pool refuses less than one block.
  const int64_t blocks =
      options.context / kernels::kPageTokens + (options.context % kernels::kPageTokens > 0);
  SLUICE_TRY(kv::Pool pool,
             kv::Pool::Create(plan.kv_layers, options.kv.value_or(cpu::KvTypeFor(plan)), blocks));
  const int64_t usual_snapshots = kv::StatePool::UsualSnapshots(pool.blocks() * pool.block_bytes(),
                                                                kv::StatePool::SlotBytes(plan.state_layers));
  SLUICE_TRY(kv::StatePool states, kv::StatePool::Create(plan.state_layers, options.states,
                                                         options.snapshots.value_or(usual_snapshots)));
  pool.KeepStates(std::move(states));
  const int64_t positions = blocks * kernels::kPageTokens;
  cpu::Choice choice;
  if (plan.max_chosen_positions > 0 && plan.max_chosen_positions < positions) {
    SLUICE_TRY(choice, cpu::Choice::Create(options.max_tokens, plan.max_chosen_positions,
                                           std::min(options.max_tokens, team.size()), positions));
  }
  SLUICE_TRY(cpu::SpanStates spans, cpu::SpanStates::Create(team.size(), positions, cpu::StateFloats(plan)));
  return std::make_unique<cpu::CpuBackend>(model, team, options, std::move(plan), std::move(buffers),
                                           std::move(choice), std::move(spans), std::move(pool));
}

}  // namespace sluice::backend
