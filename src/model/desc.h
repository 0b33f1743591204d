// A model, described. A value without behaviour: builders in families/ make it, plan.cc reads it, and no
// other code asks which family it came from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sluice::model {

struct Norm {
  enum class Kind : uint8_t { kRms, kLayer, kNone } kind = Kind::kRms;  // kNone: the identity
  float eps = 1e-6f;
  bool bias = false;
  bool plus_one = false;  // the file holds weight - 1
  bool operator==(const Norm&) const = default;
};

// kClampedSwiglu: (clamp(up) + 1) * g * sigmoid(alpha * g) with g = min(gate, limit), of gpt-oss.
enum class Act : uint8_t { kSilu, kGelu, kGeluTanh, kRelu, kClampedSwiglu };

// How the rotary frequencies of a longer context are derived from theta^(-2i/dims).
struct LinearScaling {
  float factor = 1;
  bool operator==(const LinearScaling&) const = default;
};
struct Llama3Scaling {
  float factor = 8, low_freq_factor = 1, high_freq_factor = 4;
  int original_ctx = 8192;
  bool operator==(const Llama3Scaling&) const = default;
};
struct YarnScaling {
  float factor = 1, beta_fast = 32, beta_slow = 1;
  float magnitude = 1;  // of cos and sin, resolved by the builder from mscale and its relatives
  int original_ctx = 4096;
  bool truncate = true;  // round the correction range to whole dimensions
  bool operator==(const YarnScaling&) const = default;
};
// Two sets of divisors of the frequencies (LongRoPE, arXiv 2402.13753): a request whose prompt and answer
// together are longer than original_ctx uses the long one from its first token on.
struct LongRopeScaling {
  std::vector<float> short_factors, long_factors;  // [dims / 2]; empty where the file holds them
  float short_magnitude = 1, long_magnitude = 1;   // of cos and sin
  int original_ctx = 4096;
  bool operator==(const LongRopeScaling&) const = default;
};
using RopeScaling = std::variant<std::monostate, LinearScaling, Llama3Scaling, YarnScaling, LongRopeScaling>;

struct Rope {
  float theta = 1e4f;
  int dims = 0;              // rotated elements of a head, the first `dims`
  bool interleaved = false;  // pairs (2i, 2i+1) instead of (i, i + dims/2)
  int still_pairs = 0;       // the last pairs of `dims` that are not rotated after all
  // Pairs that turn by a place in time, in height and in width; all three are a token's position in text.
  std::array<int, 3> sections{};
  RopeScaling scaling;
  // The file holds divisors of the frequencies: weight "rope_factors", for LongRoPE "rope_factors_short" and
  // "rope_factors_long".
  bool file_factors = false;
  bool operator==(const Rope&) const = default;
};
struct NoPosition {
  bool operator==(const NoPosition&) const = default;
};
// A learned number per head is added to each score, by the distance between key and query in buckets that
// grow with it (arXiv 1910.10683); all layers of a stack share the table.
struct RelativeBias {
  int buckets = 32;
  int max_distance = 128;  // from here on all share the last bucket
  bool operator==(const RelativeBias&) const = default;
};
using Position = std::variant<NoPosition, Rope, RelativeBias>;

// Multi-head, grouped and multi-query attention.
struct Gqa {
  int heads = 0, kv_heads = 0, head_dim = 0;
  // What a token sees: itself and what is before it, all of its sequence, or all of the source text, whose
  // keys and values are made of the encoder's output.
  enum class Sees : uint8_t { kPast, kAll, kSource } sees = Sees::kPast;
  Position position;
  float scale = 1;  // of q.k, always explicit
  enum class QkNorm : uint8_t { kNone, kPerHead, kFullWidth } qk_norm = QkNorm::kNone;
  float qk_norm_eps = 1e-6f;
  bool qkv_bias = false, out_bias = false;
  float clip = 0;                // q, k, v clamped to +-clip before rotation; 0 = off
  float logit_cap = 0;           // 0 = off
  int window = 0;                // a token sees itself and window - 1 before it; 0 = all
  int chunk = 0;                 // positions are cut in chunks and a token sees its own chunk only; 0 = off
  bool sinks = false;            // a learned logit per head takes part in the softmax
  bool norm_after_rope = false;  // q and k are normalised after the rotation
  bool norm_weights = true;      // false: the norms of q and k only divide by the root mean square
  bool norm_plus_one = false;    // the file holds the norms' weights - 1
  bool value_norm = false;       // values are divided by their root mean square, per head
  bool value_is_key = false;     // no v projection: the k projection, before norm and rotation, is the value
  bool out_gate = false;  // q holds a query and a gate per head; the output is multiplied by sigmoid(gate)
  // q is multiplied by 1 + temper_scale * log1p(floor((position + 1) / temper_floor)); 0 = off.
  float temper_scale = 0, temper_floor = 8192;
  bool operator==(const Gqa&) const = default;
};

// Chooses the positions that attention sees (DeepSeek sparse attention): the top_k with the highest sum over
// heads of w * max(q . k, 0), lower positions first where scores tie. q comes from the compressed query, k
// (one for all heads) and the heads' weights w from what attention reads; the keys are cached.
struct Indexer {
  int heads = 0, head_dim = 0, top_k = 0;
  Rope rope;               // of q and k
  float norm_eps = 1e-6f;  // of the layer norm on k
  bool operator==(const Indexer&) const = default;
};

inline Norm IndexerNorm(const Indexer& indexer) {
  return {.kind = Norm::Kind::kLayer, .eps = indexer.norm_eps, .bias = true};
}

// Multi-head latent attention: keys and values of all heads come from one compressed row per token.
struct Mla {
  int heads = 0;
  int q_rank = 0;  // 0: q is projected directly
  int kv_rank = 0, nope_dim = 0, rope_dim = 0, v_dim = 0;
  Rope rope;
  float scale = 1;
  float latent_norm_eps = 1e-6f;   // of the norms on the compressed q and kv
  std::optional<Indexer> indexer;  // needs q_rank > 0
  bool shared_choice = false;      // sees the positions that the last layer with an indexer chose
  bool operator==(const Mla&) const = default;
};

// Linear attention by the gated delta rule (arXiv 2412.06464): a state S [key_dim, value_dim] for each value
// head instead of a cache. q, k and v pass a convolution over the last `taps` tokens and SiLU; q and k are
// divided by their lengths; then, token by token,
//   S = decay * S + beta * k (v - decay * S^T k)^T,  out = S^T q / sqrt(key_dim),
// with beta = sigmoid(b . x), decay = exp(-rate * softplus(a . x + bias)); out is normalised head by head and
// multiplied by silu(z x).
struct DeltaNet {
  int key_heads = 0, value_heads = 0;  // value head h goes with key head h / (value_heads / key_heads),
  bool tiled = false;                  // ... or h % key_heads
  int key_dim = 0, value_dim = 0;      // of a head
  int taps = 4;
  bool log_rate = true;  // the file holds the logarithm of the rates, else their negatives
  float length_eps = 1e-6f, out_norm_eps = 1e-6f;
  bool operator==(const DeltaNet&) const = default;

  int64_t keys() const { return int64_t{key_heads} * key_dim; }
  int64_t values() const { return int64_t{value_heads} * value_dim; }
  int64_t channels() const { return 2 * keys() + values(); }  // of the convolution: q, k, v
  // Floats that a sequence keeps: the convolution's last inputs [taps - 1, channels], then
  // [value_heads, key_dim, value_dim].
  int64_t window_floats() const { return (taps - 1) * channels(); }
  int64_t state_floats() const { return window_floats() + values() * key_dim; }
};

struct Ffn {
  int hidden = 0;
  Act act = Act::kSilu;
  bool gated = true;           // down(act(gate x) * up x), else down(act(up x))
  bool bias = false;           // on gate, up and down
  float limit = 0, alpha = 1;  // of kClampedSwiglu
  bool operator==(const Ffn&) const = default;
};

struct Router {
  int experts = 0, top_k = 0;
  // kSparseMixer: each choice is weighed by a softmax over the experts near it (arXiv 2310.00811); `jitter`
  // says how near.
  enum class Score : uint8_t { kSoftmax, kSigmoid, kSoftmaxOfTopK, kSparseMixer } score = Score::kSoftmax;
  float jitter = 0;
  bool renormalize = false;  // weights of the chosen are divided by their p-norm
  float norm_p = 1;
  bool logit_bias = false;      // added to the logits
  bool selection_bias = false;  // added to the scores for the choice only
  float scale = 1;              // of the weights, last
  bool expert_scale = false;    // ... then times a learned factor of each expert
  std::optional<Norm> norm;     // the router reads the step's source through a norm of its own
  float logit_scale = 1;        // of the logits, first
  struct Groups {
    int count = 1, keep = 1;
    enum class By : uint8_t { kMax, kTop2Sum } by = By::kMax;
    bool operator==(const Groups&) const = default;
  };
  std::optional<Groups> groups;  // only experts of the `keep` best groups may be chosen
  bool operator==(const Router&) const = default;
};

struct Moe {
  Router router;
  Ffn expert;
  std::optional<Ffn> shared;     // an expert that every token uses, added unscaled
  bool shared_gate = false;      // ... or scaled by sigmoid(shared_gate . x)
  bool weight_on_input = false;  // an expert computes f(weight * x) instead of weight * f(x)
  bool operator==(const Moe&) const = default;
};

// Branches that read the same stream and whose outputs are added before they join it.
struct Branch;
struct Parallel {
  std::vector<Branch> branches;
  bool operator==(const Parallel&) const;
};

// One residual step: x += scale * post(op(pre(src))).
struct Branch {
  enum class Src : uint8_t { kStream, kLayerInput } src = Src::kStream;
  Norm pre;
  std::variant<Gqa, Mla, DeltaNet, Ffn, Moe, Parallel> op;
  std::optional<Norm> post;
  float scale = 1;
  bool operator==(const Branch&) const = default;
};
inline bool Parallel::operator==(const Parallel&) const = default;
using Layer = std::vector<Branch>;

struct Stack {
  std::vector<Layer> layers;
  Norm final_norm;
};

struct Desc {
  std::string family;  // for messages only: nothing may branch on it
  int dim = 0, vocab = 0, max_ctx = 0;
  bool tied = false;  // the head is the embedding
  float embed_scale = 1, logit_scale = 1, logit_cap = 0;
  bool head_bias = false;
  bool layer_scale = false;  // the stream is multiplied by a learned number after each layer
  Stack decoder;
  // Reads a source text, once, with the same embedding; the decoder's answer begins with start_token.
  std::optional<Stack> encoder;
  int start_token = 0;
};

}  // namespace sluice::model
