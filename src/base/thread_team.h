// A fixed team of threads that run one function together and meet at barriers. Made for steps of a few microseconds:
// workers spin briefly before they sleep, and nothing is allocated while they run.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace sluice {

// A reference to a callable that outlives the call (std::function without ownership or allocation).
class WorkerFunction {
 public:
  template <typename F>
  WorkerFunction(F& f)  // NOLINT: implicit by design
      : object_(&f), call_([](void* object, int worker) { (*static_cast<F*>(object))(worker); }) {}
  void operator()(int worker) const { call_(object_, worker); }

 private:
  void* object_;
  void (*call_)(void*, int);
};

class ThreadTeam {
 public:
  // `threads` >= 1; the caller of Run is worker 0. With `pin`, worker i is bound to the i-th allowed CPU.
  explicit ThreadTeam(int threads, bool pin = true);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Runs f(worker) on every worker and returns when all have finished. One Run at a time; not reentrant.
  void Run(WorkerFunction f);

  // Inside Run: returns once every worker has called it.
  void Barrier();

 private:
  void Loop(int worker);

  const int size_;
  std::vector<std::thread> threads_;
  const WorkerFunction* job_ = nullptr;
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<uint32_t> generation_{0};  // of Run
  alignas(64) std::atomic<int> running_{0};
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> phase_{0};  // of Barrier
};

// CPUs this process may use, one per core where siblings share one (SMT).
std::vector<int> PhysicalCpus();

}  // namespace sluice
