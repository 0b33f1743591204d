#include "backend/cpu/attend_cut.h"

namespace sluice::backend::cpu {

Result<SpanStates> SpanStates::Create(int workers, int64_t positions, int64_t floats_per_token) {
  // Finer than a worker's share, so that they end together; and no more memory than helps few tokens.
  constexpr int64_t kPiecesPerWorker = 16, kMostFloats = int64_t{16} << 20;
  SpanStates states;
  if (workers == 1 || floats_per_token == 0) return states;
  const int64_t spans = (positions + kernels::kSpanTokens - 1) / kernels::kSpanTokens;
  states.most_pieces_ = kPiecesPerWorker * workers;
  states.floats_ =
      std::max(spans * floats_per_token, std::min(workers * spans * floats_per_token, kMostFloats));
  SLUICE_TRY(states.states_, Arena::Reserve(states.floats_ * 4));
  states.done_ = std::make_unique<std::atomic<int32_t>[]>(static_cast<size_t>(states.most_pieces_));
  return states;
}

}  // namespace sluice::backend::cpu
