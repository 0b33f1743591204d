// What a backend runs: Desc and weights compiled into a flat list of fused steps, each named
// "L3.moe.gate_up".
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "kernels/table.h"
#include "kv/pool.h"
#include "model/model.h"
#include "model/relative_bias.h"

namespace sluice::model {

// Float rows that steps hand to each other: one row per token; per chosen expert for kHidden, per output for
// kLogits and kFinal.
enum class Buffer : uint8_t {
  kStream,        // the residual stream [dim]
  kLayerInput,    // its copy at the beginning of the layer
  kNormed,        // [dim]
  kQuery,         // [heads * head_dim]
  kKey,           // [kv_heads * head_dim]
  kValue,         // [kv_heads * head_dim]
  kQueryLow,      // [q_rank], compressed queries
  kLatentRow,     // [kv_rank + rope_dim], as projected
  kLatentQuery,   // [heads * (kv_rank + rope_dim)], queries in latent space
  kLatentOut,     // [heads * kv_rank]
  kIndexQuery,    // [heads * head_dim], of the indexer
  kIndexKey,      // [head_dim]
  kIndexWeight,   // [heads]
  kAttended,      // [heads * v_dim]
  kQueryGate,     // [heads][query, gate], as projected where the output has a gate; linear: [values]
  kDeltaBeta,     // [value_heads], as projected
  kDeltaDecay,    // [value_heads], as projected
  kBranch,        // [dim], a branch's output where a norm follows
  kSum,           // [dim], the sum of parallel branches
  kRouterIn,      // [dim], where the router has a norm of its own
  kRouterLogits,  // [experts]
  kSharedGate,    // [1]
  kHidden,        // [hidden]
  kExpertOut,     // [dim], of an expert whose gate, up and down are computed together; few rows
  kFinal,         // [dim]
  kLogits,        // [vocab]
  kCount,
};
inline constexpr int kBuffers = static_cast<int>(Buffer::kCount);

// Which activation forms of a buffer its readers need: bit 1 << ActType.
using ActSet = uint8_t;
constexpr ActSet Bit(kernels::ActType type) { return static_cast<ActSet>(1u << static_cast<int>(type)); }

struct RopeTable {
  struct Angles {
    std::vector<float> inv_freq;  // [pairs]
    float magnitude = 1;          // of cos and sin
  };
  Angles usual;
  Angles long_request;  // for requests longer than original_ctx, if that is not 0
  int original_ctx = 0;
  bool interleaved = false;

  int64_t pairs() const { return static_cast<int64_t>(usual.inv_freq.size()); }
  const Angles& For(int64_t longest) const {
    return original_ctx != 0 && longest > original_ctx ? long_request : usual;
  }
};

struct EmbedStep {
  const PackedMatrix* table;
  float scale;
};
struct CopyStep {  // kLayerInput = kStream
};
struct NormStep {  // out = norm(in), and the activation forms of out
  Buffer in, out;
  int64_t width;
  Norm norm;
  NormWeights weights;
  ActSet acts;
  bool outputs_only = false;  // one row per token that wants logits
};
struct QuantizeStep {  // activation forms of a buffer
  Buffer buffer;
  int64_t width;
  ActSet acts;
};
struct ProjectStep {  // out = W in + bias, for matrices that read the same rows
  struct Part {
    const PackedMatrix* matrix;
    const float* bias;
    Buffer out;
  };
  Buffer in;
  std::vector<Part> parts;
};
struct ResidualStep {  // out += scale * (W in + bias); or kBranch = W in + bias where a norm follows
  Buffer in;
  const PackedMatrix* matrix;
  const float* bias;
  float scale;
  Buffer out;  // kStream, kSum or kBranch
};
struct AddNormStep {  // out += scale * norm(in)
  Buffer in, out;
  Norm norm;
  NormWeights weights;
  float scale;
};
struct ZeroStep {  // buffer = 0, [dim]
  Buffer buffer;
};
struct ScaleStep {  // kStream *= *factor
  const float* factor;
};
struct RotateStoreStep {  // q/k norms, clip, rotation; keys and values into their pages; queries scaled
  int layer;              // of the KV pool
  Gqa gqa;
  const float *q_norm, *k_norm;
  int rope;                          // index into Plan::ropes, -1: none
  bool queries = true, keys = true;  // which of the two; values go with the keys
};
struct AttendStep {
  int layer;
  Gqa gqa;
  const float* sinks;
  int relative;  // index into Plan::relatives, -1: none
};
struct LatentStoreStep {  // norm and rotation of the compressed row, into its page; rotation of the queries'
                          // rope part
  int layer;
  Mla mla;
  const float* norm;
  int rope;
};
struct LatentQueryStep {  // kLatentQuery[h] = scale * (k_b[h] q_nope[h], q_rope[h])
  Mla mla;
  const std::vector<PackedMatrix>* k_b;
};
struct LatentAttendStep {
  int layer;
  Mla mla;
  int top_k = 0;  // sees the positions chosen last where the context is longer than this; 0: sees all
};
struct IndexStoreStep {  // norm and rotation of kIndexKey, into its page; rotation of kIndexQuery
  int layer;
  Indexer indexer;
  NormWeights norm;
  int rope;
};
struct IndexScoreStep {  // scores of all positions, where a batch has so few tokens that each is shared out
  int layer;
  Indexer indexer;
};
struct IndexChooseStep {  // the top_k positions of each token, by rising position
  int layer;
  Indexer indexer;
};
struct LatentValueStep {  // kAttended[h] = v_b[h] kLatentOut[h]
  Mla mla;
  const std::vector<PackedMatrix>* v_b;
};
struct DeltaConvStep {  // kQuery, kKey and kValue: convolved, silu; q and k of length 1, q / sqrt(key_dim)
  int layer;            // of the state pool
  DeltaNet net;
  const float* conv;  // [taps][channels]
};
struct DeltaRuleStep {  // kAttended[h] = norm(S^T q) * silu(gate), the states moved on token by token
  int layer;
  DeltaNet net;
  const float *rate, *rate_bias;  // [value_heads]
  const float* out_norm;          // [value_dim]
};
struct RouteStep {  // choices and weights from kRouterLogits; then tokens grouped by expert
  int moe;          // counts MoE layers
  Router router;
  const float *logit_bias, *selection_bias, *expert_scale;
};
struct GateUpStep {  // kHidden = act(gate x) * up x, for every chosen expert and the shared one
  const std::vector<FfnWeights>* experts;  // null: a dense FFN, `shared` alone
  const FfnWeights* shared;                // null: none
  Act act;
  float limit, alpha;    // of Act::kClampedSwiglu
  bool weight_on_input;  // of routed experts
};
struct QuantizeHiddenStep {  // the activation forms of kHidden that each expert's down reads
  const std::vector<FfnWeights>* experts;
  const FfnWeights* shared;
};
struct DownStep {  // sum over experts in order of weight * down(kHidden), onto kStream or kBranch
  const std::vector<FfnWeights>* experts;
  const FfnWeights* shared;
  bool shared_gate;      // shared output times sigmoid(kSharedGate)
  bool weight_on_input;  // the routed outputs are weighed already
  float scale;
  Buffer out;  // kStream, kSum or kBranch
};
struct AdaptStep {  // A x of the batch's adapters, for matrices that the next step multiplies with the same
                    // rows
  Buffer in;
  std::vector<const PackedMatrix*> matrices;
  bool outputs_only = false;
};
struct AdaptExpertsStep {  // the same for experts: of gate and up, or of down
  const std::vector<FfnWeights>* experts;
  const FfnWeights* shared;
  bool down;
};
struct HeadStep {  // kLogits = scale * W kFinal, capped
  const PackedMatrix* matrix;
  const float* bias;  // null: none
  float scale, logit_cap;
};

using StepOp = std::variant<EmbedStep, CopyStep, NormStep, QuantizeStep, ProjectStep, ResidualStep,
                            AddNormStep, ZeroStep, ScaleStep, RotateStoreStep, AttendStep, LatentStoreStep,
                            LatentQueryStep, LatentAttendStep, LatentValueStep, IndexStoreStep,
                            IndexScoreStep, IndexChooseStep, DeltaConvStep, DeltaRuleStep, RouteStep,
                            GateUpStep, QuantizeHiddenStep, DownStep, HeadStep, AdaptStep, AdaptExpertsStep>;

struct Step {
  std::string name;
  StepOp op;
  int64_t weight_bytes = 0;  // read once per batch, where every weight is used; routed experts: of one expert
};

struct Plan {
  std::vector<Step> steps;
  // Of an encoder-decoder model: the encoder's steps, over whole sources, and then what makes its output the
  // keys and values that the decoder reads. A source has pages of its own, laid out as those of answers.
  std::vector<Step> encoder_steps;
  std::vector<RopeTable> ropes;
  std::vector<RelativeTable> relatives;
  std::vector<kv::LayerShape> kv_layers;
  // Floats that a sequence keeps in each layer of linear attention.
  std::vector<int64_t> state_layers;
  int64_t width[kBuffers] = {};        // floats per row, 0 where unused
  ActSet acts[kBuffers] = {};          // activation forms kept
  int moe_layers = 0;                  // the decoder's first
  int max_chosen_positions = 0;        // over indexers; 0: none
  int max_experts = 0, max_top_k = 0;  // over MoE layers; dense FFNs count as one expert for everyone
  bool adapts = false;                 // has the steps that adapters need
  int max_adapted = 0;                 // matrices of one AdaptStep
};

// References the model: it must outlive the plan. `adapters`: sequences may have some (model/lora.h).
Plan Compile(const Model& model, bool adapters = false);

}  // namespace sluice::model
