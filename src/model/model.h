// A loaded model: its description and its packed weights, shared by everything that runs it.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/arena.h"
#include "base/read_ahead.h"
#include "formats/checkpoint.h"
#include "model/desc.h"
#include "model/packed.h"

namespace sluice::model {

struct NormWeights {
  const float* weight = nullptr;  // [dim]
  const float* bias = nullptr;    // null: none
};

struct GqaWeights {
  PackedMatrix q, k, v, o;
  const float *q_bias = nullptr, *k_bias = nullptr, *v_bias = nullptr, *o_bias = nullptr;
  const float *q_norm = nullptr, *k_norm = nullptr;
  const float* sinks = nullptr;  // [heads]
};

struct IndexerWeights {
  PackedMatrix q;        // [heads * head_dim, q_rank]
  PackedMatrix k;        // [head_dim, dim]
  PackedMatrix weights;  // F32 [heads, dim]
  NormWeights k_norm;
};

struct MlaWeights {
  PackedMatrix q;         // q_rank == 0
  PackedMatrix q_a, q_b;  // q_rank > 0
  PackedMatrix kv_a, o;   // kv_a: [kv_rank + rope_dim, dim]
  const float *q_a_norm = nullptr, *kv_a_norm = nullptr;
  std::vector<PackedMatrix> k_b;  // per head [kv_rank, nope_dim]: a query into the latent space
  std::vector<PackedMatrix> v_b;  // per head [v_dim, kv_rank]: out of it
  IndexerWeights indexer;
};

struct DeltaNetWeights {
  PackedMatrix q, k, v, z, o;
  PackedMatrix beta, decay;          // [value_heads, dim]
  const float* conv = nullptr;       // [taps][channels], the oldest token's first
  const float* rate = nullptr;       // [value_heads], as the file has it
  const float* rate_bias = nullptr;  // [value_heads]
  const float* out_norm = nullptr;   // [value_dim]
};

struct FfnWeights {
  PackedMatrix gate, up, down;  // gate is empty where the FFN is not gated
  const float *gate_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;
};

struct MoeWeights {
  PackedMatrix router;  // F32
  NormWeights router_norm;
  const float *router_bias = nullptr, *selection_bias = nullptr, *expert_scale = nullptr;
  std::vector<FfnWeights> experts;
  FfnWeights shared;         // empty where there is none
  PackedMatrix shared_gate;  // F32 [1, dim]
};

struct BranchWeights;
struct ParallelWeights {
  std::vector<BranchWeights> branches;
};
struct BranchWeights {
  NormWeights pre, post;
  std::variant<GqaWeights, MlaWeights, DeltaNetWeights, FfnWeights, MoeWeights, ParallelWeights> op;
};

struct StackWeights {
  NormWeights final_norm;
  std::vector<std::vector<BranchWeights>> layers;  // [layer][branch], as in the description
  std::vector<const float*> layer_scales;          // [layers], or empty
  const float* relative_bias = nullptr;            // [buckets][heads], null: none
};

struct ModelOptions {
  bool exact = false;  // every weight decoded to F32, activations never quantised
  ProgressFn progress;
  bool names = false;  // fill Model::names
};

struct Family;

// Immutable after loading; may be shared by threads. Keeps no reference to the checkpoint, but where weights
// are used in place its files mapped.
struct Model {
  Desc desc;
  const Family* family = nullptr;
  bool exact = false;
  PackedMatrix embed, head;  // the same matrix where the head is tied
  const float* head_bias = nullptr;
  StackWeights decoder, encoder;
  const float* rope_factors = nullptr;       // [dims/2], null: none
  const float* long_rope_factors = nullptr;  // LongRoPE's for long requests
  Arena arena;
  int nodes = 1;                  // memory nodes, each with a slice of every matrix
  std::string not_placed;         // why the system placed none of them; empty: it did, or there is one node
  std::vector<MappedFile> files;  // of a packed model
  std::unique_ptr<ReadAhead> read_ahead;
  // If asked for: which weight a matrix is. Several matrices may be cut from one weight.
  std::unordered_map<const PackedMatrix*, WeightName> names;

  int64_t weight_bytes() const {
    int64_t bytes = arena.size();
    if (nodes > 1) return bytes;  // what files hold was copied
    for (const MappedFile& file : files) bytes += static_cast<int64_t>(file.bytes().size());
    return bytes;
  }
};

Result<std::unique_ptr<Model>> LoadModel(const formats::Checkpoint& checkpoint, ThreadTeam& team,
                                         const ModelOptions& options = {});

}  // namespace sluice::model
