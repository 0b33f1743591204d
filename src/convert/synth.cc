#include "convert/synth.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <utility>

#include "convert/made_up_vocabulary.h"
#include "convert/mix.h"
#include "convert/model_metadata.h"
#include "convert/random_blocks.h"
#include "convert/shapes.h"
#include "convert/tensor_list.h"
#include "formats/gguf_writer.h"

namespace sluice::convert {
namespace {

using model::WeightNeed;

constexpr int64_t kUnit = 256;       // elements copied at once: whole blocks of every type
constexpr int64_t kPoolUnits = 512;  // different ones for each type and size of values
constexpr size_t kChunkBytes = 4 << 20;

// The size of values that keeps activations near 1: a product sums as many terms as a row has elements.
float RmsOf(const WeightNeed& need, bool tied) {
  const auto fan_in = [](int64_t n) { return 1.0f / std::sqrt(static_cast<float>(n)); };
  if (need.canonical == "embed" && !tied) return 1.0f;
  if (need.canonical == "attn.k_b") return fan_in(need.rows / need.heads);  // stored transposed
  return fan_in(need.cols);
}

// Weights out of pools of random blocks, as fast as memory.
class WeightSource {
 public:
  WeightSource(uint64_t seed, bool tied) : random_(seed), tied_(tied) {}

  // Writes one tensor.
  template <typename Write>
  Status Generate(const OutputTensor& tensor, Write write) {
    if (tensor.need.vector) return Constant(tensor, write);
    const std::vector<std::byte>& pool = Pool(tensor.dtype, RmsOf(tensor.need, tied_));
    const size_t unit = static_cast<size_t>(*RowBytes(tensor.dtype, kUnit));
    const size_t size =
        static_cast<size_t>(*RowBytes(tensor.dtype, tensor.cols())) * static_cast<size_t>(tensor.rows());
    std::vector<std::byte> chunk(std::min(size, kChunkBytes / unit * unit));
    for (size_t done = 0; done < size;) {
      const size_t n = std::min(chunk.size(), size - done);
      for (size_t at = 0; at < n; at += unit) {
        const std::byte* from = pool.data() + unit * random_.Below(kPoolUnits);
        std::copy_n(from, std::min(unit, n - at), chunk.data() + at);
      }
      SLUICE_CHECK_OK(write(std::span<const std::byte>(chunk).first(n)));
      done += n;
    }
    return {};
  }

 private:
  // Norms are 1, biases 0; the rate of a linear attention is that of a state which fades.
  static float ValueOf(std::string_view canonical) {
    if (canonical.ends_with("bias")) return 0;
    return canonical == "attn.rate" ? -1 : 1;
  }
  template <typename Write>
  Status Constant(const OutputTensor& tensor, Write write) {
    const std::vector<float> values(static_cast<size_t>(tensor.rows() * tensor.cols()),
                                    ValueOf(tensor.need.canonical));
    return write(std::as_bytes(std::span(values)));
  }

  const std::vector<std::byte>& Pool(DType dtype, float rms) {
    auto& pool = pools_[{dtype, rms}];
    if (pool.empty()) pool = RandomBlocks(dtype, kUnit * kPoolUnits, rms, random_);
    return pool;
  }

  Random random_;
  const bool tied_;
  std::map<std::pair<DType, float>, std::vector<std::byte>> pools_;
};

}  // namespace

Result<SynthReport> Synthesize(const SynthOptions& options) {
  SLUICE_TRY(const TypeMix mix, ParseTypeMix(options.types));
  SLUICE_TRY(const model::Config config, ReadShape(options.shape, options.layers));
  SLUICE_TRY(model::Described described, model::Describe(config));
  described.desc = GgufForm(std::move(described.desc));
  SLUICE_TRY(const std::vector<OutputTensor> tensors, ListTensors(described, mix));
  SLUICE_TRY(GgufModel model,
             DescribeForGguf(described, mix, tensors, fmt::format("random {}", options.shape)));
  SLUICE_CHECK_OK(AddMadeUpVocabulary(described.desc.vocab, model.metadata));

  formats::GgufWriter writer;
  SLUICE_CHECK_OK(model.metadata.AddTo(writer));
  SynthReport report{.tensors = static_cast<int64_t>(tensors.size())};
  for (const OutputTensor& t : tensors) {
    SLUICE_CHECK_OK(writer.AddTensor(t.name, t.dtype, t.shape));
    report.parameters += t.rows() * t.cols();
  }
  report.bytes = writer.FileSize();
  SLUICE_CHECK_OK(writer.Open(options.output));
  WeightSource source(options.seed, described.desc.tied);
  uint64_t written = 0;
  for (const OutputTensor& t : tensors) {
    const auto write = [&](std::span<const std::byte> bytes) -> Status {
      written += bytes.size();
      if (options.progress) options.progress(written, report.bytes);
      return writer.Write(t.name, bytes);
    };
    SLUICE_CHECK_OK(source.Generate(t, write));
  }
  SLUICE_CHECK_OK(writer.Finish());
  return report;
}

}  // namespace sluice::convert
