#include "tokenizer/pipeline.h"
#include "tokenizer/tokenizer.h"

namespace sluice::tokenizer {

struct StreamDecoder::State {
  const Tokenizer& tokenizer;
  const Pipeline* pipeline;
  bool skip_special;
  std::optional<DecodeRun> run;  // with a pipeline
  // With another Tokenizer: the ids that are not given out yet; their text, if it ends inside a character,
  // waits.
  std::vector<TokenId> waiting;
};

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special)
    : state_(new State{.tokenizer = tokenizer,
                       .pipeline = dynamic_cast<const Pipeline*>(&tokenizer),
                       .skip_special = skip_special}) {
  if (state_->pipeline) state_->run.emplace(state_->pipeline->decoder(), true);
}
StreamDecoder::~StreamDecoder() = default;
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;

std::string StreamDecoder::Push(TokenId id) {
  std::string out;
  if (state_->run) {
    state_->pipeline->PushTo(*state_->run, id, state_->skip_special, out);
    return out;
  }
  state_->waiting.push_back(id);
  out = state_->tokenizer.Decode(state_->waiting, state_->skip_special);
  if (out.ends_with(kReplacementUtf8)) return {};
  state_->waiting.clear();
  return out;
}

std::string StreamDecoder::Flush() {
  std::string out;
  if (state_->run) {
    state_->run->Finish(out);
  } else {
    out = state_->tokenizer.Decode(state_->waiting, state_->skip_special);
    state_->waiting.clear();
  }
  return out;
}

}  // namespace sluice::tokenizer
