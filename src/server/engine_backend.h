// The engine of this process as a backend.
#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"
#include "server/backend.h"

namespace sluice::server {

// `engine` and `tokenizer` must outlive it.
std::unique_ptr<Backend> MakeEngineBackend(engine::Engine& engine, const tokenizer::Tokenizer& tokenizer,
                                           std::string model_name);

}  // namespace sluice::server
