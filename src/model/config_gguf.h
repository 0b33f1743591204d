// GGUF metadata in Hugging Face's words.
#pragma once

#include "base/result.h"
#include "formats/checkpoint.h"
#include "model/config.h"

namespace sluice::model {

class GgufTranslation {
 public:
  static Result<Config> Translate(const formats::Checkpoint& checkpoint);
};

}  // namespace sluice::model
