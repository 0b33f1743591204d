// A vocabulary for models that were never trained.
#pragma once

#include "base/result.h"
#include "convert/metadata.h"

namespace sluice::convert {

// `size` tokens in SentencePiece's form: unknown, begin, end, the 256 bytes, printable ASCII, then short
// strings of letters. Any text can be encoded, and every token spells something. At least 512.
Status AddMadeUpVocabulary(int size, MetadataList& metadata);

}  // namespace sluice::convert
