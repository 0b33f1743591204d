// Pre-tokenizers by the names that tokenizer.ggml.pre uses.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"

namespace sluice::tokenizer {

extern const std::string_view kQwen2Expression;
extern const std::string_view kLlama3Expression;
extern const std::string_view kO200kExpression;
extern const std::string_view kKimiK2Expression;

struct Splitter {
  std::vector<Normalizer> normalizers;
  std::vector<PreTokenizer> pre_tokenizers;
  bool ignore_merges = false;
  bool add_bos = false;  // where the file does not say
};

// kBadFile, with the name, if it is not known: splitting in another way would give wrong tokens silently.
Result<Splitter> FindSplitter(std::string_view name);

// `expression` cuts the text as tiktoken does: what it does not match is dropped.
Result<std::vector<PreTokenizer>> TiktokenSplitter(std::string_view expression);

}  // namespace sluice::tokenizer
