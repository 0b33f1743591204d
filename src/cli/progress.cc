#include "cli/progress.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>

#include "cli/streams.h"

namespace sluice::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kClearLine[] = "\r\033[K";
constexpr double kPause = 0.2;       // seconds between two looks of the line
constexpr double kBeforeRate = 1.0;  // seconds until a rate says something

class Line {
 public:
  using Text = std::function<std::string(double)>;
  Line(std::string label, Text amount) : label_(std::move(label)), amount_(std::move(amount)) {}

  void Show(int64_t done, int64_t total) {
    const std::scoped_lock lock(mutex_);
    const double now = Seconds();
    if (ended_ || (done < total && now < next_)) return;
    next_ = now + kPause;
    ended_ = done >= total;
    if (ended_)
      fmt::print(stderr, kClearLine);
    else
      fmt::print(stderr, "{}{}", kClearLine,
                 Describe(static_cast<double>(done), static_cast<double>(total), now));
    std::fflush(stderr);
  }

 private:
  double Seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  std::string Describe(double done, double total, double now) const {
    std::string text =
        fmt::format("{} {:.0f} %, {} of {}", label_, 100 * done / total, amount_(done), amount_(total));
    if (now < kBeforeRate || done <= 0) return text;
    return text + fmt::format(", {}/s, {} left", amount_(done / now), Duration((total - done) * now / done));
  }

  const std::string label_;
  const Text amount_;
  const Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  double next_ = 0;
  bool ended_ = false;
};

ShowFn Shown(std::string label, Line::Text amount) {
  if (!ErrorIsTerminal()) return {};
  auto line = std::make_shared<Line>(std::move(label), std::move(amount));
  return [line](int64_t done, int64_t total) { line->Show(done, total); };
}

}  // namespace

ShowFn ShowProgress(std::string label) { return Shown(std::move(label), ByteCount); }

ShowFn ShowCount(std::string label, std::string things) {
  return Shown(std::move(label), [things = std::move(things)](double n) {
    return n < 10 && n != static_cast<double>(static_cast<int64_t>(n)) ? fmt::format("{:.1f} {}", n, things)
                                                                       : fmt::format("{:.0f} {}", n, things);
  });
}

std::string ByteCount(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.1f} GB", bytes / 1e9);
  if (bytes >= 1e6) return fmt::format("{:.0f} MB", bytes / 1e6);
  if (bytes >= 1e3) return fmt::format("{:.0f} kB", bytes / 1e3);
  return fmt::format("{:.0f} B", bytes);
}

std::string Duration(double seconds) {
  const int64_t s = static_cast<int64_t>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

}  // namespace sluice::cli
