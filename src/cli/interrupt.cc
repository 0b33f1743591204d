#include "cli/interrupt.h"

#include <atomic>

namespace sluice::cli {
namespace {

std::atomic<bool> asked = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void Raise(int) { asked.store(true, std::memory_order_relaxed); }

}  // namespace

InterruptScope::InterruptScope() {
  asked = false;
  struct sigaction action{};
  action.sa_handler = Raise;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &before_);
}

InterruptScope::~InterruptScope() { sigaction(SIGINT, &before_, nullptr); }

bool InterruptScope::Asked() const { return asked.load(std::memory_order_relaxed); }

}  // namespace sluice::cli
