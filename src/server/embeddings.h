// Vectors for texts: POST /v1/embeddings.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "server/answer.h"
#include "server/backend.h"
#include "server/generation.h"

namespace sluice::server {

struct EmbeddingRequest {
  std::vector<std::vector<int32_t>> inputs;
  engine::Pooling pooling = engine::Pooling::kMean;
  bool base64 = false;  // little-endian F32, as clients ask for it
  int priority = 0;
  double seconds = 0;  // that each input may take; 0: any time
};

constexpr size_t kMaxEmbeddingInputs = 2048;

ApiResult<EmbeddingRequest> ReadEmbeddingRequest(const nlohmann::ordered_json& body, const Backend& backend);

// Hands the inputs to the backend a few at a time, so that they leave room in the queue for others. Vectors
// have length 1.
Answer StartEmbeddings(GenerationContext context, EmbeddingRequest request);

}  // namespace sluice::server
