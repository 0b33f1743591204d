// Text to token ids and back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/checkpoint.h"

namespace sluice::tokenizer {

using TokenId = int32_t;

struct EncodeOptions {
  bool add_special = true;    // BOS, EOS and what else the post-processor adds
  bool parse_special = true;  // special tokens written in the text become their ids
};

// Immutable after loading; every method may be called from any number of threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Any byte string is accepted; invalid UTF-8 is replaced or byte-encoded as the vocabulary's library would.
  // Fails only where a limit is exceeded (more than 2^31 tokens).
  virtual Result<std::vector<TokenId>> Encode(std::string_view text, EncodeOptions options = {}) const = 0;
  // Ids out of range give nothing.
  virtual std::string Decode(std::span<const TokenId> ids, bool skip_special = false) const = 0;

  virtual int32_t vocab_size() const = 0;
  // The token's own spelling in the vocabulary ("Ġthe", "▁the", "<0x0A>"); empty if out of range.
  virtual std::string TokenSpelling(TokenId id) const = 0;
  // What the token adds to a text that has begun: single bytes of a character too. Empty if nothing.
  virtual std::string TokenBytes(TokenId id) const = 0;
  virtual std::optional<TokenId> FindToken(std::string_view spelling) const = 0;
  virtual bool IsSpecial(TokenId id) const = 0;

  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  // Every token that ends a generation: EOS, end of turn, end of message.
  virtual std::span<const TokenId> end_tokens() const = 0;
  // The chat template that came with the vocabulary; empty if none.
  virtual std::string_view chat_template() const = 0;
};

// Emits text as ids arrive. Never half a character, never a byte that later ids could change: pieces
// concatenate, with Flush(), to Decode(ids). One stream per generation; not thread-safe.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true);
  ~StreamDecoder();
  StreamDecoder(StreamDecoder&&) noexcept;

  std::string Push(TokenId id);  // the text that became certain with this id; may be empty
  std::string Flush();           // what a stream that ends here must still emit

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct LoadOptions {
  // For tiktoken files, which hold only ranks: the name of the splitter and special tokens (cl100k-base,
  // o200k-base, o200k-harmony, r50k-base, llama3, llama4, kimi-k2, qwen-tiktoken).
  std::string pre;
};

// `path`: a model directory, a GGUF, a tokenizer.json, a SentencePiece .model, a tiktoken file, a
// tekken.json, or a vocab.json with merges.txt beside it.
Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& path, const LoadOptions& options = {});
// From an opened model: GGUF metadata, or the tokenizer files in a Hugging Face directory.
Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const formats::Checkpoint& checkpoint);

}  // namespace sluice::tokenizer
