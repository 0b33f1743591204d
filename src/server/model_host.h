// The models that are served: requests take one as it is, while others are loaded, swapped and freed.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/answer_grammar.h"
#include "server/backend.h"
#include "server/chat_prompt.h"

namespace sluice::server {

// One model, for as long as a request holds it.
struct Served {
  std::shared_ptr<Backend> backend;
  ChatPrompt chat_prompt;
  std::string path;
  int64_t since = 0;  // Unix seconds
  std::shared_ptr<AnswerGrammars> grammars;

  static Result<std::shared_ptr<Served>> Make(std::shared_ptr<Backend> backend, std::string path);
};

// Opens the model at a path under a name; an empty one: the model's own.
using ModelLoader =
    std::function<Result<std::shared_ptr<Backend>>(const std::string& path, const std::string& name)>;

// Thread-safe. Models are loaded and freed on a thread of its own.
class ModelHost {
 public:
  // `first` is the model of requests that name none.
  ModelHost(std::shared_ptr<Served> first, ModelLoader loader);
  // After the last request: frees every model.
  ~ModelHost();
  ModelHost(const ModelHost&) = delete;
  ModelHost& operator=(const ModelHost&) = delete;

  std::vector<std::shared_ptr<Served>> All() const;  // the standard one first
  std::shared_ptr<Served> Standard() const;          // null if none is loaded
  std::shared_ptr<Served> Find(std::string_view name) const;

  struct Order {
    std::string path, name;
    std::string replaces;  // the model that gives its place to the new one; empty: it comes behind the others
    std::string base = {};   // the model that an adapter changes; empty: the path is a model's
    int64_t most_bytes = 0;  // of an adapter
  };
  using Done = std::function<void(Result<std::string> name)>;
  // Begins to load; `done` is called from the host's thread. kTryLater: another one is being loaded.
  // kUsage: the order makes no sense.
  Status Load(Order order, Done done);
  // The same on the caller's thread, before anything is served.
  Result<std::string> Open(const Order& order);
  // Later requests do not find it, nor its adapters; it is freed when the last one that holds it ends.
  Status Unload(const std::string& name);
  std::string loading() const;  // the path, or empty

 private:
  const ModelLoader loader_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Served>> models_;
  std::deque<std::shared_ptr<Served>> retired_;  // perhaps still held by requests
  std::function<void()> job_;
  std::string loading_;
  bool stopping_ = false;
  std::thread worker_;

  void Work();
  void Free(std::unique_lock<std::mutex>& lock);
  Result<std::shared_ptr<Backend>> OpenBackend(const Order& order) const;
  void RetireAdapters(const std::string& base);
  Status Place(std::shared_ptr<Served> served, const std::string& replaces);
};

}  // namespace sluice::server
