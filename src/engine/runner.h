// A model's forward pass over token sequences, outside any scheduler.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "backend/backend.h"

namespace sluice::engine {

// Holds one sequence at a time. `model` and `team` must outlive it.
class Runner {
 public:
  // `longest`: tokens of the longest sequence, all of which may be appended at once. `kv`: none: the
  // backend's own choice.
  static Result<Runner> Create(const model::Model& model, ThreadTeam& team, kernels::Isa isa,
                               std::optional<kernels::KvType> kv, int64_t longest, int64_t source = 0);

  // What every sequence from now on is an answer to.
  Status Encode(std::span<const int32_t> ids, backend::RouterTrace* trace,
                backend::InputObserver* observer = nullptr);
  // Appends tokens to the sequence; logits are wanted for all of them.
  Status Append(std::span<const int32_t> ids, backend::RouterTrace* trace = nullptr,
                backend::InputObserver* observer = nullptr);
  void Restart();  // with an empty sequence
  // Of the i-th token appended last.
  std::span<const float> Logits(int i) const { return backend_->Logits(i); }
  const model::Plan& plan() const { return backend_->plan(); }

 private:
  Runner(std::unique_ptr<backend::Backend> backend, int64_t longest);

  std::unique_ptr<backend::Backend> backend_;
  int64_t longest_;
  kv::PageTable pages_, source_;
};

}  // namespace sluice::engine
