// The routers' choices of a step, for the requests that asked for their own.
#pragma once

#include <span>

#include "backend/backend.h"
#include "engine/scheduler.h"

namespace sluice::engine {

// Before the step is committed. `trace` has the tokens of the chunks in order.
void KeepRouting(const backend::RouterTrace& trace, std::span<const Chunk> chunks);

}  // namespace sluice::engine
