// The file formats. Each gives the parts of the same pipeline.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "formats/gguf.h"
#include "tokenizer/pipeline.h"

namespace sluice::tokenizer {

// tokenizer.json of the library tokenizers.
Result<PipelineParts> LoadTokenizerJson(const MappedFile& file);

struct SentencePieceOptions {
  // Where the model has such pieces. A file does not say; unless told, BOS, and EOS for Unigram models: these
  // serve encoders (T5, XLM-RoBERTa), the others decoders (Llama, Mistral).
  bool add_bos = true;
  std::optional<bool> add_eos;
};
// A SentencePiece .model: unigram, bpe, char or word.
Result<PipelineParts> LoadSentencePiece(const MappedFile& file, const SentencePieceOptions& options = {});

// What a tiktoken file does not say.
struct TiktokenSpec {
  std::string pattern;
  std::vector<std::pair<std::string, TokenId>>
      special;           // names; of two with one id the first is its spelling
  std::string bos, eos;  // names among the special ones; empty: none
  bool add_bos = false;
  std::vector<std::string> end_tokens;
};
// Lines of "base64 rank".
Result<PipelineParts> LoadTiktoken(const MappedFile& file, const TiktokenSpec& spec);
// The spec of a published vocabulary. `ranks`: how many the file holds; special ids follow them.
// `name` empty: the one that has so many ranks.
Result<TiktokenSpec> FindTiktokenSpec(std::string_view name, size_t ranks);
// How many ranks the file holds; kBadFile if it is no tiktoken file.
Result<size_t> CountTiktokenRanks(const MappedFile& file);

// An entry of "added_tokens" or "added_tokens_decoder"; `id` is for a token that the vocabulary lacks.
Status AddAddedToken(const nlohmann::json& spec, std::optional<int64_t> id, PipelineParts& parts);
// To be called once all are added: tokens that are searched in normalised text are themselves normalised.
Status NormalizeAddedTokens(PipelineParts& parts);

// Mistral's tekken.json.
Result<PipelineParts> LoadTekken(const MappedFile& file);
// vocab.json and merges.txt of byte-level BPE. `pre`: how text is split, as in tokenizer.ggml.pre.
Result<PipelineParts> LoadVocabAndMerges(const MappedFile& vocab, const MappedFile& merges,
                                         std::string_view pre);
// tokenizer.ggml.*; `name` is what messages call the file.
Result<PipelineParts> LoadGguf(const formats::GgufMetadata& metadata, const std::string& name);

}  // namespace sluice::tokenizer
