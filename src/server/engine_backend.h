// The engine of this process as a backend.
#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"
#include "server/backend.h"

namespace sluice::server {

std::unique_ptr<Backend> MakeEngineBackend(std::shared_ptr<engine::Engine> engine,
                                           std::shared_ptr<const tokenizer::Tokenizer> tokenizer,
                                           std::string model_name);

}  // namespace sluice::server
