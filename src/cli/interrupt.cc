#include "cli/interrupt.h"

#include <atomic>

namespace sluice::cli {
namespace {

std::atomic<bool> asked = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void Raise(int) { asked.store(true, std::memory_order_relaxed); }

}  // namespace

InterruptScope::InterruptScope(std::initializer_list<int> signals) {
  asked = false;
  struct sigaction action{};
  action.sa_handler = Raise;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (const int signal : signals) {
    struct sigaction before{};
    sigaction(signal, &action, &before);
    before_.emplace_back(signal, before);
  }
}

InterruptScope::~InterruptScope() {
  for (const auto& [signal, before] : before_) sigaction(signal, &before, nullptr);
}

bool InterruptScope::Asked() const { return asked.load(std::memory_order_relaxed); }

}  // namespace sluice::cli
