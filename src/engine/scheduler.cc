#include "engine/scheduler.h"

#include <algorithm>

namespace sluice::engine {

Sequence* Scheduler::Find(RequestId id) {
  const auto has_id = [id](const std::unique_ptr<Sequence>& s) { return s->id == id; };
  if (const auto it = std::ranges::find_if(running_, has_id); it != running_.end()) return it->get();
  if (const auto it = std::ranges::find_if(waiting_, has_id); it != waiting_.end()) return it->get();
  return nullptr;
}

void Scheduler::Admit() {
  while (!waiting_.empty() && running() < max_batch_tokens_) {
    Sequence& next = *waiting_.front();
    const auto source = static_cast<int64_t>(next.request.source.size());
    if (source > 0 && !pool_->Grow(&next.source, source)) return;
    if (!pool_->Grow(&next.pages, next.longest())) return pool_->Release(&next.source);
    next.source.longest = source;
    next.pages.longest = next.longest();
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

std::vector<Sequence*> Scheduler::ScheduleSources() {
  Admit();
  std::vector<Sequence*> sources;
  int64_t budget = max_batch_tokens_;
  for (const auto& s : running_) {
    if (s->encoded()) continue;
    budget -= s->source.longest;
    if (budget < 0) break;
    sources.push_back(s.get());
  }
  return sources;
}

std::vector<Chunk> Scheduler::Schedule() {
  Admit();
  std::vector<Chunk> chunks;
  int64_t budget = max_batch_tokens_;
  for (const auto& s : running_)
    if (s->encoded() && s->pending() == 1) {
      chunks.push_back({s.get(), 1});
      --budget;
    }
  for (const auto& s : running_)
    if (s->encoded() && budget > 0 && s->pending() > 1) {
      chunks.push_back({s.get(), std::min(budget, s->pending())});
      budget -= chunks.back().count;
    }
  return chunks;
}

}  // namespace sluice::engine
