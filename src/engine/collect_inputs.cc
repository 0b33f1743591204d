#include "engine/collect_inputs.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "engine/passage.h"
#include "engine/runner.h"

namespace sluice::engine {
namespace {

class Collector final : public backend::InputObserver {
 public:
  explicit Collector(const model::Model& model) {
    std::map<std::tuple<std::string, int, int>, int> cut;  // how many matrices come from one weight
    const auto key = [](const model::WeightName& n) { return std::tuple(n.canonical, n.layer, n.expert); };
    for (const auto& [matrix, name] : model.names) ++cut[key(name)];
    for (const auto& [matrix, name] : model.names)
      if (cut[key(name)] == 1)
        inputs_[matrix] = {name, std::vector<double>(static_cast<size_t>(matrix->cols)), 0};
  }

  void Read(const model::PackedMatrix& matrix, std::span<const std::byte* const> rows) override {
    const auto found = inputs_.find(&matrix);
    if (found == inputs_.end()) return;
    MatrixInputs& inputs = found->second;
    for (const std::byte* row : rows) Add(row, matrix.activations, inputs.squares);
    inputs.tokens += static_cast<int64_t>(rows.size());
  }

  std::vector<MatrixInputs> Take() {
    std::vector<MatrixInputs> all;
    for (auto& [matrix, inputs] : inputs_) all.push_back(std::move(inputs));
    return all;
  }

 private:
  static void Add(const std::byte* row, kernels::ActType type, std::vector<double>& squares) {
    const int64_t k = static_cast<int64_t>(squares.size());
    if (type == kernels::ActType::kF32) {
      const float* x = reinterpret_cast<const float*>(row);
      for (int64_t i = 0; i < k; ++i) squares[static_cast<size_t>(i)] += static_cast<double>(x[i]) * x[i];
      return;
    }
    const kernels::ActLayout layout{k, kernels::BlockOf(type)};
    const auto* codes = reinterpret_cast<const int8_t*>(row);
    const auto* scales = reinterpret_cast<const float*>(row + layout.scales_at());
    for (int64_t i = 0; i < k; ++i) {
      const double x = static_cast<double>(codes[i]) * scales[i / layout.block];
      squares[static_cast<size_t>(i)] += x * x;
    }
  }

  std::unordered_map<const model::PackedMatrix*, MatrixInputs> inputs_;
};

}  // namespace

Result<std::vector<MatrixInputs>> CollectInputs(const model::Model& model, ThreadTeam& team, kernels::Isa isa,
                                                const std::vector<std::vector<int32_t>>& windows,
                                                const std::function<void(int64_t, int64_t)>& progress) {
  const LongestPassage longest = LongestOf(model.desc, windows);
  SLUICE_TRY(Runner runner, Runner::Create(model, team, isa, {}, longest.tokens, longest.source));
  Collector collector(model);
  for (size_t w = 0; w < windows.size(); ++w) {
    runner.Restart();
    const Passage passage = PassageOf(model.desc, windows[w]);
    if (!passage.source.empty()) SLUICE_CHECK_OK(runner.Encode(passage.source, nullptr, &collector));
    SLUICE_CHECK_OK(runner.Append(passage.tokens, nullptr, &collector));
    if (progress) progress(static_cast<int64_t>(w) + 1, static_cast<int64_t>(windows.size()));
  }
  return collector.Take();
}

}  // namespace sluice::engine
