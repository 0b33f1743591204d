#include "cli/tokenizer_source.h"

namespace sluice::cli {

void TokenizerSource::AddTo(Verb& verb) {
  verb.Argument("TOKENIZER", &path, Verb::Need::kRequired,
                "A model, a GGUF, a tokenizer.json, a SentencePiece model, or a tiktoken file with --pre");
  verb.Text("--pre", "NAME", &pre, "The splitter and special tokens of a tiktoken file, such as cl100k-base");
}

Result<std::unique_ptr<tokenizer::Tokenizer>> TokenizerSource::Load() const {
  return tokenizer::LoadTokenizer(path, {.pre = pre});
}

}  // namespace sluice::cli
