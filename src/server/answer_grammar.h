// The grammars that hold answers to the form a request asks for.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "constrain/matcher.h"
#include "engine/token_filter.h"
#include "server/answer_form.h"
#include "server/answer_reading.h"
#include "server/errors.h"
#include "server/tool_choice.h"
#include "tokenizer/tokenizer.h"

namespace sluice::server {

// Everything that a grammar depends on.
struct AnswerShape {
  const AnswerForm& form;
  const AnswerReading* reading = nullptr;  // null: answers are text
  ToolChoice tool_choice = {};
  bool continues = false;  // the answer's text goes on from the prompt's
};

// Compiles, and keeps the grammars used last. Every method may be called from any thread.
class AnswerGrammars {
 public:
  explicit AnswerGrammars(const tokenizer::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // Null: the answer is free. Refused (400, `invalid_schema` or `invalid_grammar`) where the form cannot be
  // kept.
  ApiResult<std::shared_ptr<constrain::CompiledGrammar>> For(const AnswerShape& shape);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<constrain::CompiledGrammar> grammar;
  };
  const tokenizer::Tokenizer& tokenizer_;
  std::mutex mutex_;  // guards what follows
  std::shared_ptr<const constrain::TokenTrie> trie_;
  std::list<Entry> entries_;  // the one used last first

  Result<std::shared_ptr<constrain::CompiledGrammar>> Compile(const AnswerShape& shape);
  std::shared_ptr<const constrain::TokenTrie> Trie();
  void Keep(std::string key, std::shared_ptr<constrain::CompiledGrammar> grammar);
};

// For one answer.
std::shared_ptr<engine::TokenFilter> MakeTokenFilter(std::shared_ptr<constrain::CompiledGrammar> grammar);

}  // namespace sluice::server
