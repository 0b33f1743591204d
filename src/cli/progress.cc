#include "cli/progress.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <mutex>

#include "cli/streams.h"

namespace sluice::cli {
namespace {

constexpr char kClearLine[] = "\r\033[K";

struct Shown {
  std::mutex mutex;
  int percent = -1;
};

}  // namespace

std::function<void(int64_t, int64_t)> ShowProgress(std::string label) {
  if (!ErrorIsTerminal()) return {};
  auto shown = std::make_shared<Shown>();
  return [shown, label = std::move(label)](int64_t done, int64_t total) {
    const int percent =
        total > 0 ? static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(total)) : 100;
    const std::scoped_lock lock(shown->mutex);
    if (percent <= shown->percent) return;
    shown->percent = percent;
    if (done >= total)
      fmt::print(stderr, kClearLine);
    else
      fmt::print(stderr, "{}{} {} %, {} of {}", kClearLine, label, percent,
                 ByteCount(static_cast<double>(done)), ByteCount(static_cast<double>(total)));
    std::fflush(stderr);
  };
}

std::string ByteCount(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.1f} GB", bytes / 1e9);
  if (bytes >= 1e6) return fmt::format("{:.0f} MB", bytes / 1e6);
  if (bytes >= 1e3) return fmt::format("{:.0f} kB", bytes / 1e3);
  return fmt::format("{:.0f} B", bytes);
}

}  // namespace sluice::cli
