#include "convert/made_up_vocabulary.h"

#include <fmt/format.h>

#include <string>

#include "convert/vocabulary.h"

namespace sluice::convert {
namespace {

constexpr int kSmallest = 512;
constexpr std::string_view kSpace = "\u2581";  // how SentencePiece writes a space

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
  Vocabulary vocabulary{.model = "llama", .pre = "default"};
  vocabulary.Add("<unk>", 0, TokenType::kUnknown);
  vocabulary.Add("<s>", 0, TokenType::kControl);
  vocabulary.Add("</s>", 0, TokenType::kControl);
  for (int byte = 0; byte < 256; ++byte) vocabulary.Add(fmt::format("<0x{:02X}>", byte), 0, TokenType::kByte);
  const auto full = [&] { return vocabulary.tokens.size() >= static_cast<size_t>(size); };
  // Earlier pieces are merged first.
  const auto add = [&](std::string text) {
    vocabulary.Add(std::move(text), -static_cast<float>(vocabulary.tokens.size()), TokenType::kNormal);
  };
  add(std::string(kSpace));
  for (char c = '!'; c <= '~'; ++c) add(std::string(1, c));
  for (int64_t n = 0; !full(); ++n) {
    const std::string word = Letters(n);
    add(std::string(kSpace) + word);
    if (word.size() > 1 && !full()) add(word);  // single letters are there already
  }
  vocabulary.AddTo(metadata);
  metadata.Set("tokenizer.ggml.bos_token_id", uint32_t{1});
  metadata.Set("tokenizer.ggml.eos_token_id", uint32_t{2});
  metadata.Set("tokenizer.ggml.unknown_token_id", uint32_t{0});
  metadata.Set("tokenizer.ggml.add_bos_token", true);
  metadata.Set("tokenizer.ggml.add_eos_token", false);
  return {};
}

}  // namespace sluice::convert
