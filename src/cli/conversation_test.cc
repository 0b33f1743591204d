#include "cli/conversation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>

namespace sluice::cli {
namespace {

using tokenizer::TokenId;

// A token for each byte; BOS is 256, EOS 257.
class ByteTokenizer final : public tokenizer::Tokenizer {
 public:
  explicit ByteTokenizer(std::string chat_template) : template_(std::move(chat_template)) {}

  Result<std::vector<TokenId>> Encode(std::string_view text,
                                      tokenizer::EncodeOptions options) const override {
    std::vector<TokenId> ids;
    if (options.add_special) ids.push_back(256);
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::string Decode(std::span<const TokenId> ids, bool) const override {
    std::string text;
    for (const TokenId id : ids)
      if (id < 256) text += static_cast<char>(id);
    return text;
  }
  int32_t vocab_size() const override { return 258; }
  std::string TokenSpelling(TokenId id) const override { return id == 256 ? "<s>" : id == 257 ? "</s>" : ""; }
  std::string TokenBytes(TokenId id) const override {
    return id < 256 ? std::string(1, static_cast<char>(id)) : "";
  }
  std::optional<TokenId> FindToken(std::string_view) const override { return std::nullopt; }
  bool IsSpecial(TokenId id) const override { return id >= 256; }
  std::optional<TokenId> bos() const override { return 256; }
  std::optional<TokenId> eos() const override { return kEnd[0]; }
  std::span<const TokenId> end_tokens() const override { return kEnd; }
  std::string_view chat_template() const override { return template_; }

 private:
  static constexpr TokenId kEnd[] = {257};
  std::string template_;
};

constexpr char kTemplate[] =
    "{% for m in messages %}{{ m.role[0] }}:{{ m.content }};{% endfor %}{% if add_generation_prompt %}a:{% "
    "endif %}";

std::string Text(const ByteTokenizer& tokenizer, const Result<std::vector<TokenId>>& ids) {
  return ids ? tokenizer.Decode(*ids, false) : "refused: " + ids.error().message;
}

TEST(Conversation, RepliesToTurns) {
  const ByteTokenizer tokenizer(kTemplate);
  const auto conversation = StartConversation(tokenizer);
  ASSERT_TRUE(conversation) << conversation.error().message;
  EXPECT_TRUE((*conversation)->IsChat());
  EXPECT_EQ(Text(tokenizer, (*conversation)->Say("one", 100)), "u:one;a:");
  (*conversation)->Answered("two", {});
  EXPECT_EQ(Text(tokenizer, (*conversation)->Say("three", 100)), "u:one;a:two;u:three;a:");
  (*conversation)->Reset();
  EXPECT_EQ(Text(tokenizer, (*conversation)->Say("four", 100)), "u:four;a:");
}

TEST(Conversation, ForgetsTheOldestTurnsOnly) {
  const ByteTokenizer tokenizer(kTemplate);
  const auto conversation = *StartConversation(tokenizer);
  for (const char* word : {"1", "2", "3"}) {
    ASSERT_TRUE(conversation->Say(word, 100));
    conversation->Answered("ok", {});
  }
  EXPECT_EQ(Text(tokenizer, conversation->Say("4", 16)), "u:3;a:ok;u:4;a:");
}

TEST(Conversation, AWordThatDoesNotFitChangesNothing) {
  const ByteTokenizer tokenizer(kTemplate);
  const auto conversation = *StartConversation(tokenizer);
  ASSERT_TRUE(conversation->Say("1", 30));
  conversation->Answered("ok", {});
  const auto refused = conversation->Say(std::string(40, 'x'), 30);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
  EXPECT_EQ(Text(tokenizer, conversation->Say("2", 30)), "u:1;a:ok;u:2;a:");
}

TEST(Conversation, ContinuesTheTextWithoutATemplate) {
  const ByteTokenizer tokenizer("");
  const auto conversation = *StartConversation(tokenizer);
  EXPECT_FALSE(conversation->IsChat());
  EXPECT_EQ((*conversation->Say("ab", 100)).front(), 256);
  conversation->Answered("cd", {'c', 'd', 257});
  const auto more = conversation->Say("ef", 100);
  EXPECT_EQ(Text(tokenizer, more), "abcdef");
  EXPECT_EQ(std::ranges::count(*more, 256), 1);
  EXPECT_EQ(std::ranges::count(*more, 257), 0) << "the end of an answer is not the end of the text";
}

TEST(Conversation, KeepsTheNewestHalfOfALongText) {
  const ByteTokenizer tokenizer("");
  const auto conversation = *StartConversation(tokenizer);
  const auto ids = conversation->Say("abcdefghijklmnop", 8);
  EXPECT_EQ(ids->front(), 256);
  EXPECT_EQ(Text(tokenizer, ids), "mnop");
}

TEST(Conversation, RefusesABrokenTemplate) {
  const ByteTokenizer tokenizer("{% for %}");
  EXPECT_FALSE(StartConversation(tokenizer));
}

}  // namespace
}  // namespace sluice::cli
