// Vocabularies that are wrong are refused with kBadFile and a message that says what is wrong.
#include <gtest/gtest.h>

#include <cmath>

#include "tokenizer/loaders.h"
#include "tokenizer/tokenizer_json.h"

namespace sluice::tokenizer {
namespace {

using formats::GgufMetadata;
using formats::GgufValue;

MappedFile File(std::string bytes) { return MappedFile::FromOwned(std::move(bytes), "file"); }

void ExpectRefused(const Result<PipelineParts>& parts, std::string_view part_of_message) {
  ASSERT_FALSE(parts) << part_of_message;
  EXPECT_EQ(parts.error().code, ErrorCode::kBadFile);
  EXPECT_NE(parts.error().message.find(part_of_message), std::string::npos) << parts.error().message;
}

std::string Json(std::string_view model, std::string_view rest = "") {
  return std::string("{\"added_tokens\":[]") + std::string(rest) + ",\"model\":" + std::string(model) + "}";
}

TEST(BadJson, IsRefused) {
  const auto refused = [](std::string document, std::string_view message) {
    ExpectRefused(LoadTokenizerJson(File(std::move(document))), message);
  };
  refused("", "JSON");
  refused("{", "offset");
  refused("[]", "is not an object");
  refused("{}", "empty or missing");
  refused(Json(R"({"type":"BPE","vocab":{},"merges":[]})"), "empty or missing");
  refused(Json(R"({"type":"BPE","vocab":{"a":0,"b":0},"merges":[]})"), "same id 0");
  refused(Json(R"({"type":"BPE","vocab":{"a":-1},"merges":[]})"), "-1");
  refused(Json(R"({"type":"BPE","vocab":{"a":2000000000},"merges":[]})"), "2000000000");
  refused(Json(R"({"type":"BPE","vocab":{"a":99999999999999999999},"merges":[]})"), "wrong type");
  refused(Json(R"({"type":"BPE","vocab":{"a":1.5},"merges":[]})"), "wrong type");
  refused(Json(R"({"type":"BPE","vocab":{"a":0,"a":1},"merges":[]})"), "stands twice");
  refused(Json(R"({"type":"BPE","vocab":{"a":0},"merges":["a b"]})"), "needs the token \"b\"");
  refused(Json(R"({"type":"BPE","vocab":{"a":0},"merges":["a a"]})"), "needs the token \"aa\"");
  refused(Json(R"({"type":"BPE","vocab":{"a":0},"merges":["aa"]})"), "around one space");
  refused(Json(R"({"type":"BPE","vocab":{"a":0},"merges":[["a"]]})"), "two parts");
  refused(Json(R"({"type":"Unigram","vocab":[["a",0],["a",1]]})"), "stands twice");
  refused(Json(R"({"type":"Unigram","vocab":[["a","b"]]})"), "not [token, score]");
  refused(Json(R"({"type":"Unigram","vocab":[["a",0]],"unk_id":1})"), "unk_id");
  refused(Json(R"({"type":"Unigram","vocab":{"a":0}})"), "not of the form");
  refused(Json(R"({"type":"Neural","vocab":{"a":0}})"), "\"Neural\" is not known");
  refused(Json(R"({"type":"BPE","vocab":{"a":0}})", R"(,"decoder":{"type":"Vocoder"})"),
          "\"Vocoder\" is not known");
  refused(Json(R"({"type":"BPE","vocab":{"a":0}})",
               R"(,"normalizer":{"type":"Precompiled","precompiled_charsmap":"AA=="})"),
          "normalisation rules");
  refused(Json(R"({"type":"BPE","vocab":{"a":0}})",
               R"(,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"("}})"),
          "expression");
  refused(Json(R"({"type":"BPE","vocab":{"a":0}})",
               R"(,"post_processor":{"type":"BertProcessing","cls":["a",0],"sep":["b",7]})"),
          "id 7");
  refused(
      Json(R"({"type":"BPE","vocab":{"a":0}})", R"(,"x":)" + std::string(5000, '[') + std::string(5000, ']')),
      "nested");
}

GgufMetadata Gguf(std::vector<std::pair<std::string_view, GgufValue>> entries) {
  GgufMetadata metadata;
  for (auto& [key, value] : entries) EXPECT_TRUE(metadata.Add({key, std::move(value), 0}));
  return metadata;
}

using Strings = std::vector<std::string_view>;
using Ints = std::vector<int64_t>;
using Floats = std::vector<double>;
GgufValue Array(formats::GgufArray array) { return array; }

void ExpectGgufRefused(std::vector<std::pair<std::string_view, GgufValue>> entries,
                       std::string_view message) {
  ExpectRefused(LoadGguf(Gguf(std::move(entries)), "model.gguf"), message);
}

TEST(BadGguf, IsRefused) {
  const GgufValue llama = std::string_view("llama"), gpt2 = std::string_view("gpt2");
  const std::pair<std::string_view, GgufValue> three_tokens{"tokenizer.ggml.tokens",
                                                            Array(Strings{"<unk>", "a", "b"})};
  ExpectGgufRefused({}, "tokens: is missing");
  ExpectGgufRefused({{"tokenizer.ggml.tokens", Array(Strings{})}}, "missing or empty");
  ExpectGgufRefused({three_tokens}, "model: is missing");
  ExpectGgufRefused({three_tokens, {"tokenizer.ggml.model", std::string_view("magic")}},
                    "\"magic\" is not known");
  ExpectGgufRefused(
      {three_tokens, {"tokenizer.ggml.model", llama}, {"tokenizer.ggml.token_type", Array(Ints{1, 2})}},
      "2 entries for 3 tokens");
  ExpectGgufRefused(
      {three_tokens, {"tokenizer.ggml.model", llama}, {"tokenizer.ggml.scores", Array(Floats{1})}},
      "1 entries for 3 tokens");
  ExpectGgufRefused(
      {three_tokens, {"tokenizer.ggml.model", llama}, {"tokenizer.ggml.scores", Array(Floats{0, 0, NAN})}},
      "not a number");
  ExpectGgufRefused(
      {three_tokens, {"tokenizer.ggml.model", llama}, {"tokenizer.ggml.token_type", Array(Ints{2, 1, 77})}},
      "unknown type 77");
  ExpectGgufRefused(
      {three_tokens, {"tokenizer.ggml.model", llama}, {"tokenizer.ggml.bos_token_id", uint64_t{3}}},
      "3 is not in the vocabulary of 3");
  ExpectGgufRefused(
      {three_tokens, {"tokenizer.ggml.model", llama}, {"tokenizer.ggml.eos_token_id", int64_t{-5}}},
      "-5 is not in the vocabulary");
  ExpectGgufRefused(
      {{"tokenizer.ggml.tokens", Array(Strings{"<unk>", "a", "a"})}, {"tokenizer.ggml.model", llama}},
      "stands twice");
  ExpectGgufRefused({{"tokenizer.ggml.tokens", Array(Strings{"<unk>", ""})}, {"tokenizer.ggml.model", llama}},
                    "empty");
  for (const std::string_view name : {"<0x-1>", "<0xZZ>", "<0x0>", "<0x000>", "0x0A"})
    ExpectGgufRefused({{"tokenizer.ggml.tokens", Array(Strings{"<unk>", name})},
                       {"tokenizer.ggml.token_type", Array(Ints{2, 6})},
                       {"tokenizer.ggml.model", llama}},
                      "like <0x0A>");
  ExpectGgufRefused({three_tokens, {"tokenizer.ggml.model", gpt2}}, "merges: is missing");
  ExpectGgufRefused(
      {three_tokens, {"tokenizer.ggml.model", gpt2}, {"tokenizer.ggml.merges", Array(Strings{"a b"})}},
      "needs the token \"ab\"");
  ExpectGgufRefused(
      {three_tokens, {"tokenizer.ggml.model", gpt2}, {"tokenizer.ggml.merges", Array(Strings{"ab"})}},
      "no space");
  ExpectGgufRefused(
      {three_tokens, {"tokenizer.ggml.model", gpt2}, {"tokenizer.ggml.pre", std::string_view("alien")}},
      "\"alien\" is not known");
  ExpectGgufRefused({{"tokenizer.ggml.tokens", Array(Strings{"\xFF"})}, {"tokenizer.ggml.model", gpt2}},
                    "UTF-8");
}

TEST(BadSentencePiece, IsRefused) {
  using namespace std::string_literals;
  const auto refused = [](std::string bytes, std::string_view message) {
    ExpectRefused(LoadSentencePiece(File(std::move(bytes))), message);
  };
  const std::string unk = "\x0A\x09\x0A\x05<unk>\x18\x02"s;
  refused(std::string(16, '\0'), "damaged");
  refused("\x0A\x7F", "damaged");
  refused("\x12\x00"s, "no pieces");
  refused("\x0A\x03\x0A\x01\x61"s, "no piece is the unknown one");
  refused(unk + unk, "stands twice");
  refused(unk + "\x0A\x02\x0A\x00"s, "is empty");
  refused(unk + "\x0A\x03\x0A\x01\xE6"s, "is not valid UTF-8");
  refused(unk + "\x0A\x08\x0A\x01\x61\x15\x00\x00\xC0\x7F"s, "not a number");
  refused(unk + "\x0A\x0A\x0A\x06<0xZZ>\x18\x06"s, "like <0x0A>");
  refused(unk + "\x12\x02\x18\x09"s, "model type 9");
  refused(unk + "\x12\x03\x98\x02\x01"s, "0 of the 256 byte pieces");
  refused(unk + "\x1A\x04\x12\x02\x61\x62"s, "normalisation rules");
}

TEST(BadTiktoken, IsRefused) {
  const TiktokenSpec spec{.pattern = "\\S+"};
  const auto refused = [&](std::string text, std::string_view message) {
    ExpectRefused(LoadTiktoken(File(std::move(text)), spec), message);
  };
  refused("", "the byte 0x00 has no rank");
  refused("YQ==0", "has no space");
  refused("Y 0", "base64");
  refused("YQ== x", "no number");
  refused("YQ== 99999999999", "ten digits");
  refused("YQ== 9999999999", "too high");
  refused("YQ== 0\nYg== 0", "two tokens have the rank 0");
  refused("YQ== 0\nYQ== 1", "stands twice");
  const auto spec_of_nothing = FindTiktokenSpec("", 7);
  ASSERT_FALSE(spec_of_nothing);
  EXPECT_EQ(spec_of_nothing.error().code, ErrorCode::kUsage);
  EXPECT_NE(spec_of_nothing.error().hint.find("cl100k-base"), std::string::npos);
}

TEST(BadTekken, IsRefused) {
  ExpectRefused(LoadTekken(File("{\"config\":{}}")), "vocab");
  ExpectRefused(LoadTekken(File("{\"config\":{},\"vocab\":[]}")), "pattern");
  ExpectRefused(LoadTekken(File(R"({"config":{"pattern":"a","default_num_special_tokens":-1},"vocab":[]})")),
                "cannot be");
  ExpectRefused(LoadTekken(File(R"({"config":{"pattern":"a"},"vocab":[{"rank":0,"token_bytes":"?"}]})")),
                "base64");
}

// The decimal digits as an integer, divided by a power of ten: one bit more than the nearest double.
TEST(TokenizerJson, ReadsScoresAsTheLibraryDoes) {
  EXPECT_EQ(ParseLikeSerde("-2.0122928619384766"), -(20122928619384766.0 / 1e16));
  EXPECT_EQ(ParseLikeSerde("1.5e2"), 150.0);
  EXPECT_EQ(ParseLikeSerde("0.0"), 0.0);
  EXPECT_EQ(ParseLikeSerde("25E-1"), 2.5);
  EXPECT_EQ(ParseLikeSerde("1e-400"), 0.0);
  EXPECT_DOUBLE_EQ(ParseLikeSerde("123456789012345678901234567890.5"), 123456789012345678901234567890.5);
}

}  // namespace
}  // namespace sluice::tokenizer
