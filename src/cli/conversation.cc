#include "cli/conversation.h"

#include <algorithm>
#include <span>

namespace sluice::cli {
namespace {

using tokenizer::TokenId;
using tokenizer::Tokenizer;

// A model without a template continues the text so far.
class Continuation final : public Conversation {
 public:
  explicit Continuation(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  bool IsChat() const override { return false; }

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

}  // namespace

Result<std::unique_ptr<Conversation>> StartConversation(const Tokenizer& tokenizer) {
  return std::make_unique<Continuation>(tokenizer);
}

}  // namespace sluice::cli
