#include "base/thread_team.h"

#include <immintrin.h>
#include <sched.h>

#include <fstream>
#include <set>
#include <string>

namespace sluice {
namespace {

// About 20 microseconds of pauses: longer than a step's imbalance, shorter than anyone would notice on a busy machine.
constexpr int kSpins = 1000;

// Waits until `value` differs from `old`: spins, then sleeps.
template <typename T>
void AwaitChange(std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    _mm_pause();
  }
  value.wait(old, std::memory_order_acquire);
}

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

std::vector<int> PhysicalCpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    std::set<std::string> cores;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      const std::string siblings = FirstLine("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
      if (siblings.empty() || cores.insert(siblings).second) cpus.push_back(cpu);
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

ThreadTeam::ThreadTeam(int threads, bool pin) : size_(threads) {
  const std::vector<int> cpus = PhysicalCpus();
  for (int worker = 1; worker < size_; ++worker)
    threads_.emplace_back([this, worker, pin, cpus] {
      if (pin && size_ <= static_cast<int>(cpus.size())) PinTo(cpus[worker]);
      Loop(worker);
    });
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
  running_.store(size_ - 1, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  f(0);
  for (int left = running_.load(std::memory_order_acquire); left != 0; left = running_.load(std::memory_order_acquire))
    AwaitChange(running_, left);
}

void ThreadTeam::Loop(int worker) {
  uint32_t seen = 0;
  while (true) {
    AwaitChange(generation_, seen);
    ++seen;
    if (stop_.load(std::memory_order_relaxed)) return;
    (*job_)(worker);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
  }
}

void ThreadTeam::Barrier() {
  if (size_ == 1) return;
  const uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == size_ - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    phase_.notify_all();
  } else {
    AwaitChange(phase_, phase);
  }
}

}  // namespace sluice
