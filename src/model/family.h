// The families. Each is a builder (config -> Desc) and two rule tables (canonical name <- tensor name).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "formats/checkpoint.h"
#include "model/desc.h"
#include "model/weight_map.h"

namespace sluice::model {

// canonical <- pattern. {L} is the layer, {E} the expert. Where an expert's pattern has no {E}, the tensor is
// stacked [experts, rows, cols] and the rule takes slice E. Several rules may name one canonical weight: the
// first whose tensor exists is used. A pattern that ends in "_blocks" names MXFP4 codes [.., rows, cols / 32,
// 16], whose scales [.., rows, cols / 32] stand in a tensor of their own with "_scales" in its name. The rule
// for "x" serves "x.bias" too: its tensor ends in ".bias" instead of ".weight".
struct Rule {
  enum class Fix : uint8_t {
    kNone,
    kFirstHalf,   // rows [0, n/2): merged gate and up
    kSecondHalf,  // rows [n/2, n)
    kEvenRows,    // rows 0, 2, ...: gate and up in turn
    kOddRows,
    kTranspose,            // stored [cols, rows]
    kTransposedFirstHalf,  // stored [cols, 2 rows], columns [0, rows)
    kTransposedSecondHalf,
    kTransposedEven,  // stored [cols, 2 rows], columns 0, 2, ...
    kTransposedOdd,
    kExpertRows,            // experts one below the other: [experts * rows, cols]
    kTransposedExpertRows,  // [experts * cols, rows]
    kFusedQ,                // the rows of q in a matrix that holds q, k and v
    kFusedK,
    kFusedV,
    kGrouped,  // this weight's rows of each group, in a matrix that holds several weights group by group
  };
  std::string_view canonical;
  std::string_view pattern;
  Fix fix = Fix::kNone;
};

// A configuration in Hugging Face's words, whichever container it came from.
class Config;

struct Family {
  std::string_view name;
  std::span<const std::string_view> hf_types;    // config.json model_type
  std::span<const std::string_view> gguf_archs;  // general.architecture; empty: no GGUF form
  // Where families share an architecture's name, whether this one is meant; null: always.
  bool (*accepts)(const Config& config);
  // Wrong values end up in config.error().
  Desc (*build)(const Config& config);
  std::span<const Rule> hf_rules;
  std::span<const Rule> gguf_rules;
  // Tensors that may be present and are not used: glob patterns ('*' is any text), with {N} for any layer
  // number beyond the model's own.
  std::span<const std::string_view> skip;
  // A GGUF has the rows of q and k in another order than Hugging Face: the two halves of each head in turn.
  bool gguf_turns_heads = false;
  // What readers of the architecture ask for and the description has no word for.
  struct GgufNumber {
    std::string_view key;  // without "<architecture>."
    uint32_t value;
  };
  std::span<const GgufNumber> gguf_numbers = {};
};

std::span<const Family* const> Families();

struct Described {
  const Family* family = nullptr;
  Desc desc;
};
// What `config` says, without any tensor.
Result<Described> Describe(const Config& config);
// Finds the family of an opened model and builds its description. An unknown architecture names the nearest
// ones.
Result<Described> Describe(const formats::Checkpoint& checkpoint);

// Accounts for every tensor: one that the Desc needs and the file lacks, that has another shape than the Desc
// says, or that the file holds and nobody uses, is an error that names it.
Result<WeightMap> ResolveWeights(const formats::Checkpoint& checkpoint, const Described& described);

}  // namespace sluice::model
