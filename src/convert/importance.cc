#include "convert/importance.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>
#include <utility>

#include "formats/checkpoint.h"
#include "formats/file_error.h"
#include "formats/gguf_writer.h"

namespace sluice::convert {
namespace {

constexpr double kPriorTokens = 16;  // how many tokens' worth the layer's mean counts in each expert
constexpr double kFloor = 1e-3;      // no input is worth less than this part of the mean one
constexpr std::string_view kSquares = ".in_sum2", kCounts = ".counts", kBlock = "blk.";

std::string NameOf(int layer, const std::string& canonical) {
  return layer < 0 ? canonical : fmt::format("blk.{}.{}", layer, canonical);
}

// The layer and canonical name in "blk.3.attn.q".
std::pair<int, std::string> ParseName(std::string_view name) {
  int layer = -1;
  if (name.starts_with(kBlock)) {
    const std::string_view rest = name.substr(kBlock.size());
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
    const size_t used = static_cast<size_t>(end - rest.data());
    if (error == std::errc() && used < rest.size() && rest[used] == '.')
      return {layer, std::string(rest.substr(used + 1))};
  }
  return {-1, std::string(name)};
}

Importance::Inputs Total(const std::map<int, Importance::Inputs>& experts) {
  Importance::Inputs sum;
  for (const auto& [expert, inputs] : experts) {
    sum.squares.resize(std::max(sum.squares.size(), inputs.squares.size()));
    for (size_t i = 0; i < inputs.squares.size(); ++i) sum.squares[i] += inputs.squares[i];
    sum.tokens += inputs.tokens;
  }
  return sum;
}

// Mean squares, `mean` counting as so many tokens more; a floor under them.
std::vector<float> Weights(const Importance::Inputs& inputs, const std::vector<double>& mean, double prior) {
  std::vector<double> weights(mean.size());
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double seen = i < inputs.squares.size() ? inputs.squares[i] : 0;
    weights[i] = (seen + prior * mean[i]) / (static_cast<double>(inputs.tokens) + prior);
    sum += weights[i];
  }
  const double average = sum / static_cast<double>(std::max<size_t>(weights.size(), 1));
  std::vector<float> out(weights.size(), 1.0f);
  if (average > 0)
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<float>(std::max(weights[i] / average, kFloor));
  return out;
}

}  // namespace

void Importance::Add(const std::string& canonical, int layer, int expert, Inputs inputs) {
  for (double& square : inputs.squares) square = static_cast<float>(square);  // as a file keeps it
  inputs_[{layer, canonical}][expert] = std::move(inputs);
}

void Importance::Finish() {
  weights_.clear();
  experts_ = never_woken_ = 0;
  for (const auto& [matrix, experts] : inputs_) {
    Inputs all = Total(experts);
    if (matrix.second == "moe.expert.up")
      for (const auto& [expert, inputs] : experts) {
        ++experts_;
        if (inputs.tokens == 0) ++never_woken_;
      }
    if (all.tokens == 0) continue;
    for (double& square : all.squares) square /= static_cast<double>(all.tokens);
    for (const auto& [expert, inputs] : experts)
      weights_[matrix][expert] = Weights(inputs, all.squares, expert < 0 ? 0 : kPriorTokens);
  }
}

const float* Importance::Find(const model::WeightNeed& need, int expert) const {
  const auto matrix = weights_.find({need.layer, need.canonical});
  if (matrix == weights_.end()) return nullptr;
  const auto found = matrix->second.find(expert);
  if (found == matrix->second.end() || static_cast<int64_t>(found->second.size()) != need.cols)
    return nullptr;
  return found->second.data();
}

Status Importance::Save(const std::string& path) const {
  formats::GgufWriter writer;
  SLUICE_CHECK_OK(writer.Add("general.type", "imatrix"));
  SLUICE_CHECK_OK(writer.Add("general.architecture", "imatrix"));
  std::vector<std::pair<std::string, std::vector<float>>> tensors;
  for (const auto& [matrix, experts] : inputs_) {
    const int64_t cols = static_cast<int64_t>(experts.begin()->second.squares.size());
    std::vector<float> squares, counts;
    for (const auto& [expert, inputs] : experts) {
      squares.insert(squares.end(), inputs.squares.begin(), inputs.squares.end());
      counts.push_back(static_cast<float>(inputs.tokens));
    }
    const std::string name = NameOf(matrix.first, matrix.second);
    const int64_t rows = static_cast<int64_t>(counts.size());
    SLUICE_CHECK_OK(
        writer.AddTensor(name + std::string(kSquares), DType::kF32, std::vector<int64_t>{rows, cols}));
    SLUICE_CHECK_OK(
        writer.AddTensor(name + std::string(kCounts), DType::kF32, std::vector<int64_t>{rows, 1}));
    tensors.emplace_back(name + std::string(kSquares), std::move(squares));
    tensors.emplace_back(name + std::string(kCounts), std::move(counts));
  }
  SLUICE_CHECK_OK(writer.Open(path));
  for (const auto& [name, values] : tensors)
    SLUICE_CHECK_OK(writer.Write(name, std::as_bytes(std::span(values))));
  return writer.Finish();
}

Result<Importance> Importance::Load(const std::string& path) {
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path));
  SLUICE_TRY(const formats::GgufFile gguf, formats::ParseGguf(file));
  const auto bad = [&](const formats::Tensor& t, std::string_view what) {
    return Fail(formats::FileError(file, t.offset, fmt::format("tensor {}", formats::Printable(t.name)), what,
                                   "collect it again with sluice pack --calibrate TEXT --imatrix FILE"));
  };
  formats::TensorIndex index;
  for (const formats::Tensor& t : gguf.tensors) SLUICE_CHECK_OK(index.Add(t));
  const auto floats = [&](const formats::Tensor& t) {
    std::vector<float> values(t.size / sizeof(float));
    std::memcpy(values.data(), file.bytes().data() + t.offset, values.size() * sizeof(float));
    return values;
  };
  Importance importance;
  for (const formats::Tensor& t : gguf.tensors) {
    if (!t.name.ends_with(kSquares)) continue;
    const std::string name = t.name.substr(0, t.name.size() - kSquares.size());
    const formats::Tensor* counts = index.Find(name + std::string(kCounts));
    if (t.dtype != DType::kF32 || t.shape.size() != 2 || !counts || counts->dtype != DType::kF32 ||
        counts->elements() != t.shape[0])
      return bad(t, "is not F32 [experts, inputs] with as many counts");
    const std::vector<float> squares = floats(t), tokens = floats(*counts);
    const auto [layer, canonical] = ParseName(name);
    const bool routed = canonical.starts_with("moe.expert.");
    for (int64_t e = 0; e < t.shape[0]; ++e) {
      Inputs inputs{.squares = {squares.begin() + e * t.shape[1], squares.begin() + (e + 1) * t.shape[1]},
                    .tokens = static_cast<int64_t>(tokens[static_cast<size_t>(e)])};
      const bool sane = inputs.tokens >= 0 &&
                        std::ranges::all_of(inputs.squares, [](double x) { return x >= 0 && x < 1e30; });
      if (!sane) return bad(t, fmt::format("has impossible sums for expert {}", e));
      importance.Add(canonical, layer, routed ? static_cast<int>(e) : -1, std::move(inputs));
    }
  }
  if (importance.empty())
    return Fail(formats::FileError(file, 0, "tensors", "holds no NAME.in_sum2: it is no importance matrix"));
  importance.Finish();
  return importance;
}

}  // namespace sluice::convert
