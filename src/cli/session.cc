#include "cli/session.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "cli/interrupt.h"

namespace sluice::cli {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsBetween(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// Carries events from the engine's thread to the one that prints.
class Channel {
 public:
  struct Timed {
    engine::Event event;
    Clock::time_point at;
  };

  void Push(const engine::Event& event) {
    {
      const std::scoped_lock lock(mutex_);
      events_.push_back({event, Clock::now()});
    }
    arrived_.notify_one();
  }

  // The next event; on the way there, `idle` is called several times a second.
  Timed Next(const std::function<void()>& idle) {
    constexpr std::chrono::milliseconds kPatience(50);
    std::unique_lock lock(mutex_);
    while (!arrived_.wait_for(lock, kPatience, [this] { return !events_.empty(); })) idle();
    Timed next = std::move(events_.front());
    events_.pop_front();
    return next;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Timed> events_;
};

}  // namespace

double Generation::DecodeRate() const {
  return ids.size() > 1 && decode_seconds > 0 ? static_cast<double>(ids.size() - 1) / decode_seconds : 0;
}

Result<Session> OpenSession(const std::string& path, const ComputeFlags& flags,
                            engine::EngineOptions engine_options) {
  SLUICE_TRY(const formats::Checkpoint checkpoint, OpenModel(path));
  Session session;
  session.name = ModelName(path);
  SLUICE_TRY(session.tokenizer, tokenizer::LoadTokenizer(checkpoint));
  SLUICE_TRY(LoadedModel loaded, LoadModel(checkpoint, flags));
  session.isa = loaded.isa;
  session.team = std::move(loaded.team);
  engine_options.isa = loaded.isa;
  engine_options.threads = session.team->size();
  engine_options.kv = flags.Kv();
  SLUICE_TRY(session.engine, engine::Engine::Create(std::move(loaded.model), *session.team, engine_options));
  return session;
}

engine::Request NewRequest(const Session& session, std::vector<int32_t> prompt,
                           const SamplingFlags& sampling) {
  const bool source = session.ReadsSource();
  const int64_t begun = source ? 1 : static_cast<int64_t>(prompt.size());
  const int64_t room = std::max<int64_t>(0, session.engine->context() - begun);
  engine::Request request;
  (source ? request.source : request.prompt) = std::move(prompt);
  request.max_tokens = static_cast<int>(std::clamp<int64_t>(sampling.max_tokens, 0, room));
  request.sampling = sampling.Params();
  request.adapter = session.adapter;
  const std::span<const tokenizer::TokenId> ends = session.tokenizer->end_tokens();
  request.stop_tokens.assign(ends.begin(), ends.end());
  return request;
}

Result<Generation> Generate(Session& session, engine::Request request, Answer answer,
                            const std::function<void(std::string_view)>& on_text) {
  const auto channel = std::make_shared<Channel>();
  Generation result;
  result.prompt_tokens = static_cast<int64_t>(request.source.size() + request.prompt.size());
  // Special tokens tell the parts of an answer to a source apart.
  tokenizer::StreamDecoder decoder(*session.tokenizer, /*skip_special=*/!session.ReadsSource());
  if (answer == Answer::kContinue)
    for (const tokenizer::TokenId id : request.prompt) decoder.Push(id);
  const auto emit = [&](const std::string& piece) {
    result.text += piece;
    if (!piece.empty()) on_text(piece);
  };
  const InterruptScope interrupt;
  const Clock::time_point start = Clock::now();
  SLUICE_TRY(
      const engine::RequestId id,
      session.engine->Submit(std::move(request), [channel](const engine::Event& e) { channel->Push(e); }));
  const auto cancel_if_asked = [&] {
    if (interrupt.Asked()) session.engine->Cancel(id);
  };
  Clock::time_point first{}, last{};
  while (true) {
    cancel_if_asked();
    const Channel::Timed next = channel->Next(cancel_if_asked);
    const engine::Event& event = next.event;
    const bool stopped = event.finish == engine::Finish::kStop;
    if (event.token) {
      if (result.ids.empty()) first = next.at;
      last = next.at;
      result.ids.push_back(event.token->id);
      if (!stopped)
        emit(decoder.Push(event.token->id));  // the token that ends an answer is no part of its text
    }
    if (!event.finish) continue;
    if (*event.finish == engine::Finish::kError) return Fail(event.error);
    result.finish = *event.finish;
    break;
  }
  emit(decoder.Flush());
  if (!result.ids.empty()) {
    result.prompt_seconds = SecondsBetween(start, first);
    result.decode_seconds = SecondsBetween(first, last);
  }
  return result;
}

}  // namespace sluice::cli
