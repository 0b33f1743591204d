// The vocabulary of a Hugging Face directory as tokenizer.ggml.* metadata.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "convert/metadata.h"
#include "formats/checkpoint.h"

namespace sluice::convert {

enum class TokenType : int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

struct Vocabulary {
  std::string model;  // "llama": SentencePiece BPE; "t5": SentencePiece's unigrams; "gpt2": BPE over
                      // bytes; "gemma4": BPE over characters, and bytes where there is none
  std::string pre;    // how text is cut before merging
  std::vector<std::string> tokens;
  std::vector<float> scores;        // of SentencePiece
  std::vector<int32_t> types;       // TokenType
  std::vector<std::string> merges;  // gpt2 and gemma4
  bool space_prefix = true;         // of SentencePiece: a text begins with a space of its own
  bool remove_spaces = true;        // t5: those that follow another one
  std::vector<uint8_t> charsmap;    // t5: SentencePiece's normalisation; empty: none

  void Add(std::string token, float score, TokenType type);
  // As many tokens as the embedding has rows; the added ones are never used.
  void Fill(int64_t size);
  void AddTo(MetadataList& metadata) const;
};

// From tokenizer.model or tokenizer.json, with the special tokens and the chat template that stand beside
// them. `size`: rows of the embedding.
Status AddVocabulary(const formats::Checkpoint& checkpoint, int64_t size, MetadataList& metadata);

// A SentencePiece .model that holds BPE or unigrams.
Result<Vocabulary> ReadSentencePiece(const MappedFile& file);
// A tokenizer.json that holds BPE over bytes, or as Gemma 4's. Fails where the splitter has no name in GGUF.
Result<Vocabulary> ReadBpe(const MappedFile& file);

}  // namespace sluice::convert
