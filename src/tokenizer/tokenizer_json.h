// The content of a tokenizer.json. Its vocabulary and merges, which may have hundreds of thousands of
// entries, are kept apart from the rest.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace sluice::tokenizer {

struct TokenizerJson {
  nlohmann::json rest;                                 // all but model.vocab and model.merges
  std::vector<std::pair<std::string, int64_t>> vocab;  // {"token": id}
  std::vector<std::pair<std::string, double>> scored;  // [["token", score]], ids in order
  std::vector<std::pair<std::string, std::string>> merges;
  bool has_scores = false, has_merges = false;
};

// kBadFile with the offset.
Result<TokenizerJson> ReadTokenizerJson(const MappedFile& file);

// A decimal number as serde_json reads it: all digits as one integer, divided by a power of ten. The last bit
// differs from the nearest double for many scores, and decides ties between segmentations.
double ParseLikeSerde(std::string_view number);

}  // namespace sluice::tokenizer
