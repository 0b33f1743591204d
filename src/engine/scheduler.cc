#include "engine/scheduler.h"

#include <algorithm>
#include <numeric>
#include <span>

namespace sluice::engine {
namespace {

constexpr int64_t kPage = kernels::kPageTokens;
constexpr int64_t kShareOfOthers = 4;  // where prompts compete, a quarter of their tokens is for those behind

bool ComesBefore(const std::unique_ptr<Sequence>& a, const std::unique_ptr<Sequence>& b) {
  return a->request.priority != b->request.priority ? a->request.priority < b->request.priority
                                                    : a->id < b->id;
}

// The page that the next token belongs to, if its tokens are all there.
std::span<const int32_t> NextPage(const Sequence& s) {
  const int64_t first = s.pages.known_pages * kPage;
  if (first + kPage > static_cast<int64_t>(s.tokens.size())) return {};
  return std::span(s.tokens).subspan(static_cast<size_t>(first), kPage);
}

}  // namespace

Sequence* Scheduler::Find(RequestId id) {
  const auto has_id = [id](const std::unique_ptr<Sequence>& s) { return s->id == id; };
  if (const auto it = std::ranges::find_if(running_, has_id); it != running_.end()) return it->get();
  if (const auto it = std::ranges::find_if(waiting_, has_id); it != waiting_.end()) return it->get();
  return nullptr;
}

void Scheduler::Insert(Sequences& sequences, std::unique_ptr<Sequence> sequence) {
  const auto place = std::ranges::upper_bound(sequences, sequence, ComesBefore);
  sequences.insert(place, std::move(sequence));
}

void Scheduler::TakeKnownPages(Sequence& s) {
  if (!options_.share_prefixes || s.reports_prompt()) return;
  const auto tokens = static_cast<int64_t>(s.tokens.size());
  const int64_t found = pool_->Reuse(&s.pages, s.tokens, tokens - 1);  // one is left to give the next token
  counts_.prefix_hits += found;
  if (!s.preempted) s.cached += found;
}

// Gives a waiting sequence blocks for its source and for the tokens it has. A block is left for each running
// one that will grow: who is admitted shall not be put back at once.
bool Scheduler::Place(Sequence& s) {
  const SchedulerCounts before = counts_;
  const int64_t cached = s.cached;
  s.pages.text = kv::PrefixIndex::Empty(s.salt);
  TakeKnownPages(s);
  const auto tokens = static_cast<int64_t>(s.tokens.size());
  const auto source = static_cast<int64_t>(s.request.source.size());
  const int64_t growing = std::ranges::count_if(
      running_, [](const auto& other) { return other->pages.capacity() < other->longest(); });
  const int64_t needed =
      kv::Pool::BlocksFor(source) + kv::Pool::BlocksFor(tokens) - static_cast<int64_t>(s.pages.blocks.size());
  const bool placed = needed + growing <= pool_->free_blocks() &&
                      (source == 0 || pool_->Grow(&s.source, source)) && pool_->Grow(&s.pages, tokens);
  if (!placed) {
    pool_->Release(&s.source);
    pool_->Release(&s.pages);
    counts_ = before;
    s.cached = cached;
    return false;
  }
  if (options_.share_prefixes) counts_.prefix_queries += tokens;
  s.source.longest = source;
  s.pages.longest = s.longest();
  return true;
}

void Scheduler::Admit() {
  const int64_t most = std::min(options_.max_running, options_.max_batch_tokens);
  while (!waiting_.empty()) {
    Sequence& next = *waiting_.front();
    const Refused now{next.id, pool_->free_blocks(), pool_->states().free_slots(), running()};
    if (running() < most && now != refused_ && Place(next)) {
      Insert(running_, std::move(waiting_.front()));
      waiting_.erase(waiting_.begin());
      continue;
    }
    refused_ = now;
    if (running_.empty() || running_.back()->request.priority <= next.request.priority) return;
    Preempt();
  }
}

// The last in order gives its blocks back and waits again.
void Scheduler::Preempt() {
  std::unique_ptr<Sequence> last = std::move(running_.back());
  running_.pop_back();
  pool_->Release(&last->source);
  pool_->Release(&last->pages);
  last->prompt_outputs.clear();
  last->pooled.clear();
  last->preempted = true;
  ++counts_.preemptions;
  Insert(waiting_, std::move(last));
}

// Every running sequence has blocks for the tokens it has, or is put back.
void Scheduler::GrowAnswers() {
  for (size_t i = 0; i < running_.size(); ++i)
    while (i < running_.size() &&
           !pool_->Grow(&running_[i]->pages, static_cast<int64_t>(running_[i]->tokens.size())))
      Preempt();
}

std::vector<Sequence*> Scheduler::ScheduleSources() {
  Admit();
  std::vector<Sequence*> sources;
  int64_t budget = options_.max_batch_tokens;
  for (const auto& s : running_) {
    if (s->encoded()) continue;
    budget -= s->source.longest;
    if (budget < 0) break;
    sources.push_back(s.get());
  }
  return sources;
}

// Whether a chunk of this step belongs to the very page that `s` would begin: better to wait for it.
bool Scheduler::OthersCompute(const Sequence& s, const std::vector<Chunk>& chunks) const {
  if (!options_.share_prefixes || s.reports_prompt()) return false;
  if (!pool_->states().empty()) return keeps_states_ && OthersComeBy(s, chunks);
  const int64_t end = s.pages.length + kPage;
  if (s.pages.length != s.pages.known_pages * kPage || end >= static_cast<int64_t>(s.tokens.size()))
    return false;
  return std::ranges::any_of(chunks, [&](const Chunk& chunk) {
    const Sequence& other = *chunk.sequence;
    return other.pages.text == s.pages.text && std::ranges::equal(NextPage(other), NextPage(s));
  });
}

// Whether a chunk of this step belongs to a prompt on whose way a state may be left that `s` can go on from:
// where the two part, which the other hears of.
bool Scheduler::OthersComeBy(const Sequence& s, const std::vector<Chunk>& chunks) const {
  bool any = false;
  for (const Chunk& chunk : chunks) {
    Sequence& other = *chunk.sequence;
    if (other.pending() == 1) continue;  // most likely its answer
    const int64_t shared = SharedTokens(s, other);
    if (shared - s.pages.length < spacing_.least || shared <= other.pages.length) continue;
    if (std::ranges::find(other.branches, shared) == other.branches.end()) other.branches.push_back(shared);
    any = true;
  }
  return any;
}

// The first prompt gets most of the budget, and is never kept from its end. The shortest of the others go
// next: a short one need not wait for the end of a long one.
void Scheduler::SharePrompts(int64_t budget, std::vector<Chunk>& chunks) {
  std::vector<Sequence*> prompts;
  for (const auto& s : running_)
    if (s->encoded() && s->pending() > 1) prompts.push_back(s.get());
  if (prompts.size() > 1)
    std::stable_sort(prompts.begin() + 1, prompts.end(),
                     [](const Sequence* a, const Sequence* b) { return a->pending() < b->pending(); });
  const int64_t others = std::accumulate(prompts.begin(), prompts.end(), int64_t{0},
                                         [](int64_t n, const Sequence* s) { return n + s->pending(); });
  for (Sequence* s : prompts) {
    if (budget <= 0) return;
    TakeKnownPages(*s);
    if (OthersCompute(*s, chunks)) continue;
    int64_t most = budget;
    if (s == prompts.front()) most -= std::min(budget / kShareOfOthers, others - s->pending());
    chunks.push_back({s, std::min(most, s->pending())});
    budget -= chunks.back().count;
  }
  // What others have no use for: they wait for the same pages.
  for (Chunk& chunk : chunks) {
    const int64_t more = std::min(budget, chunk.sequence->pending() - chunk.count);
    chunk.count += more;
    budget -= more;
  }
}

std::vector<Chunk> Scheduler::Schedule() {
  Admit();
  GrowAnswers();
  std::vector<Chunk> chunks;
  for (const auto& s : running_)
    if (s->encoded() && s->pending() == 1) chunks.push_back({s.get(), 1});
  SharePrompts(options_.max_batch_tokens - static_cast<int64_t>(chunks.size()), chunks);
  if (keeps_states_)
    for (const Chunk& chunk : chunks) PlanCuts(spacing_, chunk.count, *chunk.sequence, *pool_);
  return chunks;
}

}  // namespace sluice::engine
