#include "convert/made_up_vocabulary.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "convert/token_types.h"

namespace sluice::convert {
namespace {

constexpr int kSmallest = 512;
constexpr std::string_view kSpace = "\u2581";  // how SentencePiece writes a space

struct Tokens {
  std::vector<std::string> text;
  std::vector<float> score;
  std::vector<int32_t> type;

  void Add(std::string token, TokenType kind) {
    text.push_back(std::move(token));
    // Earlier pieces are merged first.
    score.push_back(kind == TokenType::kNormal ? -static_cast<float>(text.size()) : 0.0f);
    type.push_back(static_cast<int32_t>(kind));
  }
};

// The n-th string over a..z: a, b, ... z, aa, ab, ...
std::string Letters(int64_t n) {
  std::string word;
  for (n += 1; n > 0; n = (n - 1) / 26) word.insert(word.begin(), static_cast<char>('a' + (n - 1) % 26));
  return word;
}

}  // namespace

Status AddMadeUpVocabulary(int size, MetadataList& metadata) {
  if (size < kSmallest)
    return Fail(ErrorCode::kConfig,
                fmt::format("a vocabulary of {}; at least {} tokens are needed", size, kSmallest));
  Tokens tokens;
  tokens.Add("<unk>", TokenType::kUnknown);
  tokens.Add("<s>", TokenType::kControl);
  tokens.Add("</s>", TokenType::kControl);
  for (int byte = 0; byte < 256; ++byte) tokens.Add(fmt::format("<0x{:02X}>", byte), TokenType::kByte);
  tokens.Add(std::string(kSpace), TokenType::kNormal);
  for (char c = '!'; c <= '~'; ++c) tokens.Add(std::string(1, c), TokenType::kNormal);
  // Single letters are there already; a space before a word, then the word inside another.
  for (int64_t n = 0; static_cast<int>(tokens.text.size()) < size; ++n) {
    std::string word = Letters(n);
    tokens.Add(std::string(kSpace) + word, TokenType::kNormal);
    if (word.size() > 1 && static_cast<int>(tokens.text.size()) < size)
      tokens.Add(std::move(word), TokenType::kNormal);
  }
  metadata.Set("tokenizer.ggml.model", std::string("llama"));
  metadata.Set("tokenizer.ggml.pre", std::string("default"));
  metadata.Set("tokenizer.ggml.tokens", std::move(tokens.text));
  metadata.Set("tokenizer.ggml.scores", std::move(tokens.score));
  metadata.Set("tokenizer.ggml.token_type", std::move(tokens.type));
  metadata.Set("tokenizer.ggml.bos_token_id", uint32_t{1});
  metadata.Set("tokenizer.ggml.eos_token_id", uint32_t{2});
  metadata.Set("tokenizer.ggml.unknown_token_id", uint32_t{0});
  metadata.Set("tokenizer.ggml.add_bos_token", true);
  metadata.Set("tokenizer.ggml.add_eos_token", false);
  return {};
}

}  // namespace sluice::convert
