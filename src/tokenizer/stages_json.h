// The stages as tokenizer.json spells them out. Kinds that are not known are refused (kBadFile).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "base/result.h"
#include "tokenizer/decoder.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer.h"

namespace sluice::tokenizer {

// Each appends what `spec` says, a Sequence all its members; null nothing.
Status ReadNormalizer(const nlohmann::json& spec, std::vector<Normalizer>& out);
Status ReadPreTokenizer(const nlohmann::json& spec, std::vector<PreTokenizer>& out);
Status ReadDecoder(const nlohmann::json& spec, std::vector<DecoderStage>& out);
// What stands around a single text.
Status ReadPostProcessor(const nlohmann::json& spec, std::vector<TokenId>& before,
                         std::vector<TokenId>& after);

}  // namespace sluice::tokenizer
