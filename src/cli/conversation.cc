#include "cli/conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "server/chat_prompt.h"

namespace sluice::cli {
namespace {

using tokenizer::TokenId;
using tokenizer::Tokenizer;

// A model without a template continues the text so far.
class Continuation final : public Conversation {
 public:
  explicit Continuation(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  Answer answer() const override { return Answer::kContinue; }
  std::string Habit() const override { return "it continues your text (an empty line: more of it)"; }

  Result<std::vector<TokenId>> Say(const std::string& text, int64_t room) override {
    SLUICE_TRY(const std::vector<TokenId> added, tokenizer_.Encode(text, {.add_special = ids_.empty()}));
    ids_.insert(ids_.end(), added.begin(), added.end());
    if (ids_.empty()) ids_.push_back(tokenizer_.bos().value_or(tokenizer_.eos().value_or(0)));
    Forget(room);
    return ids_;
  }

  void Answered(const std::string&, const std::vector<TokenId>& ids) override {
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    while (!ids_.empty() && std::ranges::count(tokenizer_.end_tokens(), ids_.back()) > 0) ids_.pop_back();
  }

  void Reset() override { ids_.clear(); }

 private:
  // Keeps the first token where it is BOS, and the newest half of what fits, so that this is not needed every
  // time.
  void Forget(int64_t room) {
    const auto size = static_cast<int64_t>(ids_.size());
    if (size <= room) return;
    const bool keep_first = tokenizer_.bos() == ids_.front();
    ids_.erase(ids_.begin() + (keep_first ? 1 : 0), ids_.end() - std::max<int64_t>(1, room / 2));
  }

  const Tokenizer& tokenizer_;
  std::vector<TokenId> ids_;
};

// A model that reads sources: nothing is remembered.
class Sources final : public Conversation {
 public:
  explicit Sources(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  Answer answer() const override { return Answer::kReply; }
  std::string Habit() const override { return "it answers each text on its own"; }
  Result<std::vector<TokenId>> Say(const std::string& text, int64_t) override {
    return tokenizer_.Encode(text);
  }
  void Answered(const std::string&, const std::vector<TokenId>&) override {}
  void Reset() override {}

 private:
  const Tokenizer& tokenizer_;
};

// A model with a template: messages in turn.
class Turns final : public Conversation {
 public:
  Turns(const Tokenizer& tokenizer, server::ChatPrompt prompt)
      : tokenizer_(tokenizer), prompt_(std::move(prompt)) {}

  Answer answer() const override { return Answer::kReply; }

  Result<std::vector<TokenId>> Say(const std::string& text, int64_t room) override {
    Json before = messages_;
    messages_.push_back({{"role", "user"}, {"content", text}});
    Result<std::vector<TokenId>> ids = Encode();
    while (ids && static_cast<int64_t>(ids->size()) > room && messages_.size() > 2) {
      messages_.erase(0);  // a question and its answer
      messages_.erase(0);
      ids = Encode();
    }
    if (ids && static_cast<int64_t>(ids->size()) > room)
      ids = Fail(ErrorCode::kUsage,
                 fmt::format("that has {} tokens, and there is room for {}", ids->size(), room),
                 "less text, or a larger --ctx");
    if (!ids) messages_ = std::move(before);  // as if it had not been said
    return ids;
  }

  void Answered(const std::string& text, const std::vector<TokenId>&) override {
    messages_.push_back({{"role", "assistant"}, {"content", text}});
  }

  void Reset() override { messages_ = Json::array(); }

 private:
  using Json = nlohmann::ordered_json;

  Result<std::vector<TokenId>> Encode() const {
    auto ids = prompt_.Encode(tokenizer_, {messages_, nullptr, {{"add_generation_prompt", true}}});
    if (!ids) return Fail(ErrorCode::kBadFile, ids.error().message);
    return std::move(ids->ids);
  }

  const Tokenizer& tokenizer_;
  const server::ChatPrompt prompt_;
  Json messages_ = Json::array();
};

}  // namespace

Result<std::unique_ptr<Conversation>> StartConversation(const Tokenizer& tokenizer, bool reads_source) {
  if (tokenizer.chat_template().empty()) {
    if (reads_source) return std::make_unique<Sources>(tokenizer);
    return std::make_unique<Continuation>(tokenizer);
  }
  SLUICE_TRY(server::ChatPrompt prompt, server::ChatPrompt::For(tokenizer));
  return std::make_unique<Turns>(tokenizer, std::move(prompt));
}

}  // namespace sluice::cli
