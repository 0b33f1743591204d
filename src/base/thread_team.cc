#include "base/thread_team.h"

#include <immintrin.h>
#include <sched.h>

#include <fstream>
#include <set>
#include <string>
#include <utility>

namespace sluice {
namespace {

// About 20 microseconds of pauses: longer than a step's imbalance, shorter than anyone would notice on a busy
// machine.
constexpr int kSpins = 1000;

void PinTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);  // best effort: a forbidden CPU leaves the thread where it is
}

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

void AwaitChange(const std::atomic<uint32_t>& value, uint32_t old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    _mm_pause();
  }
  value.wait(old, std::memory_order_acquire);
}

std::vector<int> PhysicalCpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    std::set<std::string> cores;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      const std::string siblings =
          FirstLine("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
      if (siblings.empty() || cores.insert(siblings).second) cpus.push_back(cpu);
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

namespace {

constexpr int kAnyCpu = -1;

// Of each worker; NodeOf says which node is whose.
std::vector<int> CpusOf(const ThreadTeam& team) {
  std::vector<int> cpus(static_cast<size_t>(team.size()), kAnyCpu);
  size_t in_node = 0;
  for (int worker = 0; worker < team.size(); ++worker, ++in_node) {
    if (worker > 0 && team.NodeOf(worker) != team.NodeOf(worker - 1)) in_node = 0;
    const std::vector<int>& of_node = team.layout().nodes[team.NodeOf(worker)].cpus;
    if (in_node < of_node.size()) cpus[worker] = of_node[in_node];
  }
  return cpus;
}

}  // namespace

ThreadTeam::ThreadTeam(int threads, bool pin) : size_(threads) {
  std::vector<int> cpus = PhysicalCpus();
  if (!pin || size_ > static_cast<int>(cpus.size())) cpus.assign(static_cast<size_t>(size_), kAnyCpu);
  Start(std::move(cpus));
}

ThreadTeam::ThreadTeam(int threads, NodeLayout layout) : size_(threads), layout_(std::move(layout)) {
  Start(layout_.nodes.empty() ? std::vector<int>(static_cast<size_t>(size_), kAnyCpu) : CpusOf(*this));
}

void ThreadTeam::Start(std::vector<int> cpus) {
  for (int worker = 1; worker < size_; ++worker)
    threads_.emplace_back([this, worker, cpu = cpus[worker]] {
      if (cpu != kAnyCpu) PinTo(cpu);
      Loop(worker);
    });
}

void ThreadTeam::BindCaller() const {
  if (nodes() == 1) return;
  if (const int cpu = CpusOf(*this).front(); cpu != kAnyCpu) PinTo(cpu);
}

ThreadTeam::~ThreadTeam() {
  stop_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& t : threads_) t.join();
}

void ThreadTeam::Run(WorkerFunction f) {
  if (size_ == 1) return f(0);
  job_ = &f;
  const uint64_t generation = (state_.load(std::memory_order_relaxed) / kGeneration + 1) * kGeneration;
  state_.store(generation | kOpen, std::memory_order_release);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  f(0);
  state_.fetch_and(~kOpen, std::memory_order_relaxed);
  while (true) {
    const uint32_t left = left_.load(std::memory_order_acquire);
    if ((state_.load(std::memory_order_acquire) & kJoined) == 0) return;
    AwaitChange(left_, left);
  }
}

bool ThreadTeam::Join(uint32_t generation) {
  uint64_t state = state_.load(std::memory_order_relaxed);
  while ((state & kOpen) != 0 && static_cast<uint32_t>(state / kGeneration) == generation)
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire, std::memory_order_relaxed))
      return true;
  return false;
}

void ThreadTeam::Leave() {
  state_.fetch_sub(1, std::memory_order_release);
  left_.fetch_add(1, std::memory_order_release);
  left_.notify_one();
}

void ThreadTeam::Loop(int worker) {
  uint32_t seen = 0;
  while (true) {
    AwaitChange(generation_, seen);
    seen = generation_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    if (!Join(seen)) continue;
    (*job_)(worker);
    Leave();
  }
}

}  // namespace sluice
