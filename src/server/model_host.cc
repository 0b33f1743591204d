#include "server/model_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace sluice::server {
namespace {

constexpr std::chrono::milliseconds kLook{100};  // how often it is seen whether a retired model is free

auto Named(std::string_view name) {
  return [name](const std::shared_ptr<Served>& served) { return served->backend->model_name() == name; };
}

tl::unexpected<Error> Unknown(const std::string& name) {
  return Fail(ErrorCode::kUsage, fmt::format("the model '{}' is not loaded", name));
}

}  // namespace

Result<std::shared_ptr<Served>> Served::Make(std::shared_ptr<Backend> backend, std::string path) {
  SLUICE_TRY(ChatPrompt chat_prompt, ChatPrompt::For(backend->tokenizer()));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  auto grammars = std::make_shared<AnswerGrammars>(backend->tokenizer());
  return std::make_shared<Served>(Served{std::move(backend), std::move(chat_prompt), std::move(path),
                                         std::chrono::duration_cast<std::chrono::seconds>(now).count(),
                                         std::move(grammars)});
}

ModelHost::ModelHost(std::shared_ptr<Served> first, ModelLoader loader)
    : loader_(std::move(loader)), worker_([this] { Work(); }) {
  const std::lock_guard lock(mutex_);
  models_.push_back(std::move(first));
}

ModelHost::~ModelHost() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

std::vector<std::shared_ptr<Served>> ModelHost::All() const {
  const std::lock_guard lock(mutex_);
  return models_;
}

std::shared_ptr<Served> ModelHost::Standard() const {
  const std::lock_guard lock(mutex_);
  return models_.empty() ? nullptr : models_.front();
}

std::shared_ptr<Served> ModelHost::Find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(models_.begin(), models_.end(), Named(name));
  return found == models_.end() ? nullptr : *found;
}

std::string ModelHost::loading() const {
  const std::lock_guard lock(mutex_);
  return loading_;
}

Status ModelHost::Load(Order order, Done done) {
  const std::lock_guard lock(mutex_);
  if (!loader_) return Fail(ErrorCode::kUsage, "this server loads no other models");
  if (!loading_.empty())
    return Fail(ErrorCode::kTryLater, fmt::format("{} is being loaded", loading_),
                "try again when it is done");
  const bool replaced = std::any_of(models_.begin(), models_.end(), Named(order.replaces));
  if (!order.replaces.empty() && !replaced) return Unknown(order.replaces);
  loading_ = order.path;
  job_ = [this, order = std::move(order), done = std::move(done)] {
    Result<std::string> name = Open(order);
    {
      const std::lock_guard inner(mutex_);
      loading_.clear();
    }
    done(std::move(name));
  };
  changed_.notify_all();
  return {};
}

Result<std::shared_ptr<Backend>> ModelHost::OpenBackend(const Order& order) const {
  if (order.base.empty()) return loader_(order.path, order.name);
  const std::shared_ptr<Served> base = Find(order.base);
  if (base == nullptr) return Unknown(order.base);
  return base->backend->WithAdapter(order.name, order.path, order.most_bytes);
}

// Under the lock.
void ModelHost::RetireAdapters(const std::string& base) {
  for (auto& served : models_)
    if (served->backend->parent() == base) retired_.push_back(std::move(served));
  std::erase(models_, nullptr);
}

Result<std::string> ModelHost::Open(const Order& order) {
  SLUICE_TRY(std::shared_ptr<Backend> backend, OpenBackend(order));
  std::string name = backend->model_name();
  SLUICE_TRY(std::shared_ptr<Served> served, Served::Make(std::move(backend), order.path));
  SLUICE_CHECK_OK(Place(std::move(served), order.replaces));
  return name;
}

Status ModelHost::Place(std::shared_ptr<Served> served, const std::string& replaces) {
  const std::lock_guard lock(mutex_);
  const std::string& name = served->backend->model_name();
  const auto same = std::find_if(models_.begin(), models_.end(), Named(name));
  if (same != models_.end() && name != replaces) {
    retired_.push_back(std::move(served));
    return Fail(ErrorCode::kUsage, fmt::format("a model of the name '{}' is loaded already", name),
                "give this one another name, or swap them");
  }
  const auto old = std::find_if(models_.begin(), models_.end(), Named(replaces));
  if (replaces.empty()) {
    models_.push_back(std::move(served));
  } else if (old == models_.end()) {  // unloaded meanwhile
    models_.push_back(std::move(served));
  } else {
    std::swap(*old, served);
    retired_.push_back(std::move(served));
    RetireAdapters(replaces);
  }
  return {};
}

Status ModelHost::Unload(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(models_.begin(), models_.end(), Named(name));
  if (found == models_.end()) return Unknown(name);
  retired_.push_back(std::move(*found));
  models_.erase(found);
  RetireAdapters(name);
  changed_.notify_all();
  return {};
}

// Frees what nobody holds any more, outside the lock: the threads of an engine are joined.
void ModelHost::Free(std::unique_lock<std::mutex>& lock) {
  std::vector<std::shared_ptr<Served>> free;
  for (auto& served : retired_)
    if (served.use_count() == 1) free.push_back(std::move(served));
  std::erase(retired_, nullptr);
  lock.unlock();
  free.clear();
  lock.lock();
}

void ModelHost::Work() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto news = [this] { return stopping_ || job_; };
    if (retired_.empty())
      changed_.wait(lock, [&] { return news() || !retired_.empty(); });
    else
      changed_.wait_for(lock, kLook, news);
    Free(lock);
    if (!job_ || stopping_) continue;
    const std::function<void()> job = std::exchange(job_, nullptr);
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace sluice::server
