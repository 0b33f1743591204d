#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "tokenizer/loaders.h"

namespace sluice::tokenizer {
namespace {

namespace fs = std::filesystem;
const fs::path kMade = fs::path(SLUICE_SOURCE_DIR) / "tests/tokenizer/made";

// A model directory that goes away again.
class Directory {
 public:
  Directory() { path_ = ::mkdtemp(name_) == nullptr ? "" : name_; }
  ~Directory() { fs::remove_all(path_); }
  void Write(std::string_view name, std::string_view text) const { std::ofstream(path_ / name) << text; }
  void Copy(const fs::path& from, std::string_view name) const { fs::copy_file(from, path_ / name); }
  const fs::path& path() const { return path_; }

 private:
  char name_[32] = "/tmp/tokenizer_test_XXXXXX";
  fs::path path_;
};

std::unique_ptr<Tokenizer> MustLoad(const fs::path& path) {
  auto tokenizer = LoadTokenizer(path.string());
  EXPECT_TRUE(tokenizer) << path << ": " << tokenizer.error().message;
  return tokenizer ? std::move(*tokenizer) : nullptr;
}

std::vector<fs::path> MadeVocabularies() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(kMade)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".cases.json") && !name.ends_with(".tiktoken")) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(Load, DirectoryWithItsConfigs) {
  const Directory model;
  model.Copy(kMade / "bl-qwen2-nfc.json", "tokenizer.json");
  model.Write("tokenizer_config.json",
              R"({"eos_token":{"content":"<|im_end|>"},"bos_token":null,"chat_template":"from config",
    "added_tokens_decoder":{"524":{"content":"<new>","special":true},"520":{"content":"<|endoftext|>","special":true}}})");
  model.Write("generation_config.json", R"({"eos_token_id":[522,520,999999,-1,"x"]})");
  auto tokenizer = MustLoad(model.path());
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->eos(), 522);
  EXPECT_EQ(tokenizer->bos(), std::nullopt);
  EXPECT_EQ(std::vector<TokenId>(tokenizer->end_tokens().begin(), tokenizer->end_tokens().end()),
            (std::vector<TokenId>{522, 520}));
  EXPECT_EQ(tokenizer->chat_template(), "from config");
  EXPECT_EQ(tokenizer->FindToken("<new>"), 524);
  EXPECT_TRUE(tokenizer->IsSpecial(524));
  EXPECT_EQ(tokenizer->Encode("<new>").value(), (std::vector<TokenId>{524}));
  EXPECT_EQ(tokenizer->Encode("<new>", {.parse_special = false})->size(), 5u);
  EXPECT_EQ(tokenizer->TokenSpelling(520), "<|endoftext|>");
  EXPECT_EQ(tokenizer->TokenSpelling(-1) + tokenizer->TokenSpelling(1 << 30), "");

  model.Write("chat_template.jinja", "from file");
  EXPECT_EQ(MustLoad(model.path())->chat_template(), "from file");
}

TEST(Load, AddBosTokenOverrulesThePostProcessor) {
  const Directory model;
  model.Copy(kMade / "bl-qwen2-nfc.json", "tokenizer.json");
  model.Write(
      "tokenizer_config.json",
      R"({"bos_token":"<|im_start|>","add_bos_token":true,"eos_token":"<|im_end|>","add_eos_token":true})");
  const auto ids = MustLoad(model.path())->Encode("").value();
  EXPECT_EQ(ids, (std::vector<TokenId>{521, 522}));
}

TEST(Load, NamedTemplates) {
  const Directory model;
  model.Copy(kMade / "bl-qwen2-nfc.json", "tokenizer.json");
  model.Write("tokenizer_config.json",
              R"({"chat_template":[{"name":"tool_use","template":"T"},{"name":"default","template":"D"}]})");
  EXPECT_EQ(MustLoad(model.path())->chat_template(), "D");
}

TEST(Load, SentencePieceInADirectory) {
  const Directory model;
  model.Copy(kMade / "spm-bpe-nodummy-ud.model", "tokenizer.model");
  auto tokenizer = MustLoad(model.path());
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
  EXPECT_EQ(tokenizer->Encode("").value(), (std::vector<TokenId>{1}));
  EXPECT_EQ(tokenizer->Encode("</s>", {.add_special = false}).value(), (std::vector<TokenId>{2}));
  EXPECT_GT(tokenizer->Encode("</s>", {.add_special = false, .parse_special = false})->size(), 1u);
}

TEST(Load, MissingAndStrangeFiles) {
  const Directory empty;
  EXPECT_EQ(LoadTokenizer(empty.path().string()).error().code, ErrorCode::kMissing);
  EXPECT_EQ(LoadTokenizer("/nowhere/at/all").error().code, ErrorCode::kMissing);
  EXPECT_EQ(LoadTokenizer("/dev/null").error().code, ErrorCode::kMissing);
  empty.Write("tokenizer.json", "");
  EXPECT_EQ(LoadTokenizer(empty.path().string()).error().code, ErrorCode::kBadFile);
  empty.Write("tokenizer.json", "{\"model\":1}");
  EXPECT_EQ(LoadTokenizer(empty.path().string()).error().code, ErrorCode::kBadFile);
}

// Whatever the ids: pieces are whole characters, and together they are Decode().
TEST(Stream, PiecesAreWholeAndAddUp) {
  std::mt19937 random(7);
  for (const fs::path& path : MadeVocabularies()) {
    const auto tokenizer = MustLoad(path);
    ASSERT_TRUE(tokenizer);
    for (const bool skip_special : {false, true}) {
      for (int round = 0; round < 20; ++round) {
        std::vector<TokenId> ids;
        for (int i = 0; i < 30; ++i)
          ids.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(tokenizer->vocab_size() + 5)) -
                        2);
        StreamDecoder stream(*tokenizer, skip_special);
        std::string text;
        for (const TokenId id : ids) {
          const std::string piece = stream.Push(id);
          EXPECT_TRUE(IsValidUtf8(piece)) << path;
          text += piece;
        }
        text += stream.Flush();
        const std::string whole = tokenizer->Decode(ids, skip_special);
        // The library turns the valid characters of a run of byte tokens, too, into U+FFFD when the run as a
        // whole is no text; a stream has given them out by then.
        const bool byte_runs = whole.find("\uFFFD\uFFFD") != std::string::npos;
        if (!byte_runs) {
          EXPECT_EQ(text, whole) << path;
        }
      }
    }
  }
}

// A Tokenizer of another make still streams whole characters.
TEST(Stream, WorksWithoutAPipeline) {
  class Bytes : public Tokenizer {
   public:
    Result<std::vector<TokenId>> Encode(std::string_view text, EncodeOptions) const override {
      return std::vector<TokenId>(reinterpret_cast<const uint8_t*>(text.begin()),
                                  reinterpret_cast<const uint8_t*>(text.end()));
    }
    std::string Decode(std::span<const TokenId> ids, bool) const override {
      return ReplaceInvalidUtf8(std::string(ids.begin(), ids.end()), Replacing::kPerIllFormedPart);
    }
    int32_t vocab_size() const override { return 256; }
    std::string TokenSpelling(TokenId) const override { return ""; }
    std::string TokenBytes(TokenId id) const override { return {static_cast<char>(id)}; }
    std::optional<TokenId> FindToken(std::string_view) const override { return std::nullopt; }
    bool IsSpecial(TokenId) const override { return false; }
    std::optional<TokenId> bos() const override { return std::nullopt; }
    std::optional<TokenId> eos() const override { return std::nullopt; }
    std::span<const TokenId> end_tokens() const override { return {}; }
    std::string_view chat_template() const override { return ""; }
  };
  const Bytes tokenizer;
  StreamDecoder stream(tokenizer);
  std::string text;
  for (const char c : std::string("aé漢😀\xF0")) text += stream.Push(static_cast<uint8_t>(c));
  EXPECT_EQ(text, "aé漢😀");
  EXPECT_EQ(stream.Flush(), "\uFFFD");
}

TEST(Encode, AnyBytesAndLongRuns) {
  std::mt19937 random(9);
  std::string noise;
  for (int i = 0; i < 20000; ++i) noise.push_back(static_cast<char>(random()));
  for (const fs::path& path : MadeVocabularies()) {
    const auto tokenizer = MustLoad(path);
    ASSERT_TRUE(tokenizer);
    for (const std::string& text :
         {noise, std::string(1 << 16, 'a'), std::string(1 << 16, ' '), std::string(1000, '\0')}) {
      const auto ids = tokenizer->Encode(text);
      if (!ids) {
        EXPECT_EQ(ids.error().code, ErrorCode::kTryLater) << path;
        continue;
      }
      for (const TokenId id : *ids) ASSERT_TRUE(id >= 0 && id < tokenizer->vocab_size()) << path;
    }
  }
}

// 1 MB in one piece: merging must not be quadratic.
TEST(Encode, MegabyteOfOneLetter) {
  const auto tokenizer = MustLoad(kMade / "gguf-spm.gguf");
  const std::string text(1 << 20, 'a');
  const auto ids = tokenizer->Encode(text, {.add_special = false});
  ASSERT_TRUE(ids);
  EXPECT_EQ(tokenizer->Decode(*ids), text);
}

// The long way (queue) and the short way (scan) of merging agree: a text's words give the same tokens alone.
TEST(Encode, LongPiecesMergeAsShortOnes) {
  const auto tokenizer = MustLoad(kMade / "gguf-spm.gguf");
  const std::string sentence = "Alice was beginning to get very tired of sitting by her sister on the bank";
  const auto one = tokenizer->Encode(sentence, {.add_special = false}).value();
  std::string many = sentence;
  std::vector<TokenId> expected = one;
  for (int i = 0; i < 50; ++i) {
    many.append(" ").append(sentence);
    expected.insert(expected.end(), one.begin(), one.end());
  }
  EXPECT_EQ(tokenizer->Encode(many, {.add_special = false}).value(), expected);
}

}  // namespace
}  // namespace sluice::tokenizer
