// What the JSON files beside a vocabulary add to it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "tokenizer/pipeline.h"

namespace sluice::tokenizer {

// tokenizer_config.json: added tokens, bos and eos, the chat template.
Status ApplyTokenizerConfig(const nlohmann::json& config, PipelineParts& parts);
// bos_token_id and eos_token_id of generation_config.json or config.json; true if it names what ends a
// generation.
bool ApplyEndTokens(const nlohmann::json& config, PipelineParts& parts);
// Makes bos and eos what the post-processor adds, where nothing else named them.
void GuessBosAndEos(PipelineParts& parts);
// Special tokens that end a turn in the well-known chat formats.
void AddKnownEndTokens(PipelineParts& parts);

}  // namespace sluice::tokenizer
