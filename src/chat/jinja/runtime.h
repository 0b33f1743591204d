// One rendering: its heap, its limits and what the outside world tells it.
#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja/error.h"
#include "chat/jinja/value.h"

namespace sluice::chat::jinja {

// A template is untrusted code; these bound what one rendering may cost.
struct Limits {
  int64_t max_steps = 20'000'000;              // statements, expressions, items walked
  int max_depth = 1000;                        // nested evaluation, macro calls included
  size_t max_output_bytes = size_t{64} << 20;  // of the rendered text
  size_t max_heap_bytes = size_t{512} << 20;   // all strings and lists made while rendering, together
};

struct Settings {
  Limits limits;
  // transformers forbids list.append, dict.update and their like; published templates use them all the same.
  bool allow_mutation = true;
};

// Not thread-safe; lives as long as one rendering.
class Runtime {
 public:
  Runtime(const Settings& settings, const std::tm& now) : settings_(settings), now_(now) {}

  const Settings& settings() const { return settings_; }
  const std::tm& now() const { return now_; }

  void Step(int64_t count = 1) {
    steps_ += count;
    if (steps_ > settings_.limits.max_steps) ThrowStepLimit();
  }
  // Counts memory before it is allocated.
  void Charge(size_t bytes) {
    heap_bytes_ += bytes;
    if (heap_bytes_ > settings_.limits.max_heap_bytes || bytes > settings_.limits.max_heap_bytes)
      ThrowHeapLimit();
  }
  void CheckOutput(size_t bytes) const {
    if (bytes > settings_.limits.max_output_bytes) ThrowOutputLimit();
  }

  // Counts one level of nesting while it lives.
  class Depth {
   public:
    explicit Depth(Runtime& runtime) : runtime_(runtime) {
      if (++runtime_.depth_ > runtime_.settings_.limits.max_depth) {
        --runtime_.depth_;
        runtime_.ThrowDepthLimit();
      }
    }
    ~Depth() { --runtime_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Runtime& runtime_;
  };

  Value String(std::string text, bool markup = false);
  Value Bytes(std::string bytes);
  Value List(std::vector<Value> items);
  Value Tuple(std::vector<Value> items);
  Value Dict();
  Value Iterator(std::vector<Value> items, std::exception_ptr failure = nullptr);
  Value View(std::string_view name, std::vector<Value> items);
  Value Undefined(std::string message, bool unsafe = false);
  template <typename T>
  T* New() {
    Charge(sizeof(T));
    return heap_.New<T>();
  }
  template <typename T>
  T* Adopt(std::unique_ptr<T> object) {
    Charge(sizeof(T));
    return heap_.Adopt(std::move(object));
  }

 private:
  Settings settings_;
  std::tm now_;
  Heap heap_;
  int64_t steps_ = 0;
  int depth_ = 0;
  size_t heap_bytes_ = 0;

  [[noreturn]] void ThrowStepLimit() const;
  [[noreturn]] void ThrowDepthLimit() const;
  [[noreturn]] void ThrowHeapLimit() const;
  [[noreturn]] void ThrowOutputLimit() const;
};

}  // namespace sluice::chat::jinja
