// Any bytes as a vocabulary: refused with a message, or loaded; then any bytes as a text encode to ids of the
// vocabulary, and the stream of these ids is whole characters that add up to the decoded text.
// Input: kind, length of the text, text, vocabulary.
#include <cstdint>

#include "require.h"
#include "tokenizer/loaders.h"

namespace {

using namespace sluice::tokenizer;
using sluice::ErrorCode;
using sluice::MappedFile;

sluice::Result<PipelineParts> Load(uint8_t kind, const MappedFile& file) {
  switch (kind % 7) {
    case 0:
      return LoadTokenizerJson(file);
    case 1:
      return LoadSentencePiece(file, {.add_bos = true, .add_eos = true});
    case 2:
      return LoadTekken(file);
    case 3: {
      const auto gguf = sluice::formats::ParseGguf(file);
      if (!gguf) return sluice::Fail(gguf.error());
      return LoadGguf(gguf->metadata, "input");
    }
    case 4: {
      const TiktokenSpec spec{.pattern = "\\p{L}+| ?[^\\s\\p{L}]++|\\s+(?!\\S)|\\s",
                              .special = {{"<|end|>", 300}}};
      return LoadTiktoken(file, spec);
    }
    case 5: {
      const MappedFile merges = MappedFile::FromOwned("a b\nab c\n", "merges");
      return LoadVocabAndMerges(file, merges, "qwen2");
    }
    default: {
      // The bytes are an expression that splits; every byte is a token.
      std::string document =
          R"({"model":{"type":"BPE","vocab":{"a":0,"b":1}},"pre_tokenizer":{"type":"Split","pattern":{"Regex":")";
      for (const char c : file.text().substr(0, 200)) {
        if (c == '"' || c == '\\') document += '\\';
        document += c;
      }
      return LoadTokenizerJson(MappedFile::FromOwned(document + "\"}}}", "input"));
    }
  }
}

void CheckDecoding(const Pipeline& tokenizer, const std::vector<TokenId>& ids) {
  for (const bool skip_special : {false, true}) {
    StreamDecoder stream(tokenizer, skip_special);
    std::string text;
    for (const TokenId id : ids) {
      const std::string piece = stream.Push(id);
      FUZZ_REQUIRE(IsValidUtf8(piece));
      text += piece;
    }
    text += stream.Flush();
    const std::string whole = tokenizer.Decode(ids, skip_special);
    FUZZ_REQUIRE(IsValidUtf8(whole));
    FUZZ_REQUIRE(text == whole || whole.find(kReplacementUtf8) != std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t text_size = std::min<size_t>(data[1], size - 2);
  const std::string text(reinterpret_cast<const char*>(data) + 2, text_size);
  const auto file =
      MappedFile::FromStatic(std::as_bytes(std::span(data + 2 + text_size, size - 2 - text_size)), "input");
  auto parts = Load(data[0], file);
  if (!parts) {
    FUZZ_REQUIRE(parts.error().code == ErrorCode::kBadFile);
    FUZZ_REQUIRE(!parts.error().message.empty());
    return 0;
  }
  const Pipeline tokenizer(std::move(*parts));
  for (const bool special : {false, true}) {
    const auto ids = tokenizer.Encode(text, {.add_special = special, .parse_special = special});
    if (!ids) {
      FUZZ_REQUIRE(ids.error().code == ErrorCode::kTryLater);
      continue;
    }
    for (const TokenId id : *ids) FUZZ_REQUIRE(id >= 0 && id < tokenizer.vocab_size());
    CheckDecoding(tokenizer, *ids);
  }
  std::vector<TokenId> from_text;
  for (const char c : text) from_text.push_back(static_cast<uint8_t>(c) - 2);
  CheckDecoding(tokenizer, from_text);
  return 0;
}
