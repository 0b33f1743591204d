// What the families with DeepSeek's sparse attention share: the indexer, and which layers have one.
#include <fmt/format.h>

#include "model/families/deepseek.h"

namespace sluice::model {
namespace {

// Whether the layer takes over the choice of the one before: by a list, by one letter for each layer, or
// every layer but each freq-th from an offset on.
bool SharesChoice(const Config& c, int layer) {
  if (c.from_gguf()) return !c.FindTensor(fmt::format("blk.{}.indexer.attn_k.weight", layer));
  if (c.Has("indexer_types")) return c.ListChoice("indexer_types", layer, {"full", "shared"}) == "shared";
  if (c.Has("index_topk_pattern")) {
    const std::string pattern = c.String("index_topk_pattern", "");
    if (static_cast<size_t>(layer) < pattern.size() && (pattern[layer] == 'F' || pattern[layer] == 'S'))
      return pattern[layer] == 'S';
    c.Refuse("index_topk_pattern", fmt::format("has no F (full) or S (shared) for layer {}", layer));
    return false;
  }
  const int offset = c.Int("index_skip_topk_offset", 2);
  return std::max(layer - offset + 1, 0) % c.Int("index_topk_freq", 1) != 0;
}

Indexer ReadIndexer(const Config& c, const Mla& attention, bool interleaved) {
  Indexer indexer{.heads = c.Int("index_n_heads"),
                  .head_dim = c.Int("index_head_dim"),
                  .top_k = c.Int("index_topk"),
                  .rope = attention.rope};
  indexer.rope.interleaved = interleaved;
  if (attention.q_rank == 0)
    c.Refuse("q_lora_rank", "is absent or 0, but an indexer reads the compressed queries");
  if (indexer.head_dim < attention.rope_dim)
    c.Refuse("index_head_dim", fmt::format("is {}, less than the {} elements that are rotated",
                                           indexer.head_dim, attention.rope_dim));
  return indexer;
}

}  // namespace

void AddIndexers(const Config& c, bool interleaved, Desc* desc) {
  for (size_t l = 0; l < desc->decoder.layers.size(); ++l) {
    Mla& attention = std::get<Mla>(desc->decoder.layers[l].front().op);
    const int layer = static_cast<int>(l);
    if (c.Has("layer_types")) c.ListChoice("layer_types", layer, {"deepseek_sparse_attention"});
    attention.shared_choice = SharesChoice(c, layer);
    if (!attention.shared_choice) {
      attention.indexer = ReadIndexer(c, attention, interleaved);
    } else if (l == 0) {
      c.Refuse("indexer_types", "lets the first layer share a choice that no layer before it made");
    }
  }
}

}  // namespace sluice::model
