// A fixed team of threads that work off one list together. Made for jobs of a few microseconds on machines
// that may be busy: workers spin briefly before they sleep, nothing is allocated while they run, and a job
// never waits for a worker that the system has not let start.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "base/node_layout.h"

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
  // Workers are shared out evenly among the layout's nodes, and bound to their CPUs.
  ThreadTeam(int threads, NodeLayout layout);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }
  // Memory nodes that the workers belong to, at least one, and the node of a worker.
  int nodes() const { return std::max(1, static_cast<int>(layout_.nodes.size())); }
  int NodeOf(int worker) const { return static_cast<int>(int64_t{worker} * nodes() / size_); }
  const NodeLayout& layout() const { return layout_; }
  // Binds the calling thread, which is to be worker 0 from now on. Where there is one node, it goes where it
  // will.
  void BindCaller() const;

  // Runs f(0) on the caller and f(worker) on every worker that is free in time, and returns when all that
  // began have ended. So f must claim its work (from an atomic counter, say) and be able to do all of it
  // alone. One Run at a time; not reentrant.
  void Run(WorkerFunction f);

 private:
  void Start(std::vector<int> cpus);
  void Loop(int worker);
  bool Join(uint32_t generation);
  void Leave();

  // A word that says which Run is on, whether workers may still join it, and how many have joined.
  static constexpr uint64_t kGeneration = uint64_t{1} << 32, kOpen = uint64_t{1} << 31, kJoined = kOpen - 1;

  const int size_;
  const NodeLayout layout_;
  std::vector<std::thread> threads_;
  const WorkerFunction* job_ = nullptr;
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<uint32_t> generation_{0};  // what workers sleep on
  alignas(64) std::atomic<uint64_t> state_{0};
  alignas(64) std::atomic<uint32_t> left_{0};  // counts workers that left; what the caller sleeps on
};

// Waits until `value` differs from `old`: spins for some microseconds, then sleeps. Whoever changes it
// notifies.
void AwaitChange(const std::atomic<uint32_t>& value, uint32_t old);

// CPUs this process may use, one per core where siblings share one (SMT).
std::vector<int> PhysicalCpus();

}  // namespace sluice
