// What tokenize and detokenize share: the vocabulary's path and --pre.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "cli/verb.h"
#include "tokenizer/tokenizer.h"

namespace sluice::cli {

struct TokenizerSource {
  std::string path;
  std::string pre;

  void AddTo(Verb& verb);
  Result<std::unique_ptr<tokenizer::Tokenizer>> Load() const;
};

}  // namespace sluice::cli
