#include "server/answer_grammar.h"

#include <algorithm>

#include "constrain/gbnf.h"
#include "constrain/json_schema.h"
#include "constrain/regex_grammar.h"
#include "server/call_grammar.h"

namespace sluice::server {

using constrain::ExpressionId;
using constrain::Grammar;
using Json = nlohmann::ordered_json;
using Kind = AnswerForm::Kind;
using Mode = ToolChoice::Mode;

namespace {

constexpr size_t kMostEntries = 64, kMostBytes = size_t{512} << 20;

bool IsForced(const ToolChoice& choice) {
  return choice.mode == Mode::kRequired || choice.mode == Mode::kNamed;
}

// Puts the grammar of a whole answer together.
class Builder {
 public:
  Builder(const tokenizer::Tokenizer& tokenizer, const AnswerShape& shape, bool drops_first_space)
      : tokenizer_(tokenizer), shape_(shape), drops_first_space_(drops_first_space && !shape.continues) {}

  Result<Grammar> Build() {
    SLUICE_TRY(Grammar grammar, Notation());
    constrain::JsonText json(grammar);
    SLUICE_TRY(const ExpressionId body, Body(grammar, json));
    const auto root = grammar.AddRule("answer");
    grammar.Define(root, Whole(grammar, body));
    grammar.SetRoot(root);
    return grammar;
  }

 private:
  const tokenizer::Tokenizer& tokenizer_;
  const AnswerShape& shape_;
  const bool drops_first_space_;

  const AnswerReading* reading() const { return shape_.reading; }
  bool channels() const { return reading() != nullptr && reading()->syntax.channels; }

  // Forms that bring a grammar of their own; the content is its root.
  Result<Grammar> Notation() {
    if (shape_.form.kind == Kind::kRegex) return constrain::RegexGrammar(shape_.form.text);
    if (shape_.form.kind == Kind::kGrammar)
      return constrain::ParseGbnf(
          shape_.form.text, [this](std::string_view name) { return tokenizer_.FindToken(name); },
          tokenizer_.vocab_size());
    return Grammar();
  }

  Result<ExpressionId> Content(Grammar& grammar, constrain::JsonText& json) {
    switch (shape_.form.kind) {
      case Kind::kObject:
        return json.Object();
      case Kind::kSchema:
        return constrain::AddJsonSchema(grammar, json, shape_.form.schema);
      case Kind::kChoice: {
        std::vector<ExpressionId> choices;
        for (const std::string& choice : shape_.form.choices) choices.push_back(grammar.Bytes(choice));
        return grammar.Alternatives(std::move(choices));
      }
      default:
        return grammar.Rule(grammar.root());
    }
  }

  Result<ExpressionId> Body(Grammar& grammar, constrain::JsonText& json) {
    std::vector<ExpressionId> alternatives;
    if (shape_.form.kind != Kind::kFree && !IsForced(shape_.tool_choice)) {
      SLUICE_TRY(ExpressionId content, Content(grammar, json));
      if (channels()) {
        const auto header =
            grammar.Alternatives({Text(grammar, "<|channel|>final<|message|>"),
                                  Text(grammar, "<|channel|>final <|constrain|>json<|message|>")});
        content = grammar.Sequence({header, content});
      }
      alternatives.push_back(content);
    }
    const bool may_call =
        shape_.tool_choice.mode != Mode::kNone && reading() != nullptr && !reading()->tools.is_null();
    if (!may_call && IsForced(shape_.tool_choice))
      return Fail(ErrorCode::kUsage,
                  "this model's chat template calls no tools, so that no call can be forced");
    if (!may_call) return grammar.Alternatives(std::move(alternatives));
    Json tools = reading()->tools;
    if (shape_.tool_choice.mode == Mode::kNamed)
      tools.erase(std::remove_if(
                      tools.begin(), tools.end(),
                      [&](const Json& tool) { return tool["function"]["name"] != shape_.tool_choice.name; }),
                  tools.end());
    auto calls =
        CallsExpression(grammar, json, reading()->syntax, tokenizer_, {tools, reading()->parallel_calls});
    if (!calls && (IsForced(shape_.tool_choice) || alternatives.empty()))
      return Fail(std::move(calls).error());
    if (calls) alternatives.push_back(*calls);
    return grammar.Alternatives(std::move(alternatives));
  }

  ExpressionId Text(Grammar& grammar, std::string_view text) {
    return MarkedText(grammar, reading()->syntax, tokenizer_, text);
  }

  ExpressionId AnyText(Grammar& grammar) {
    return grammar.Repeat(grammar.Chars(tokenizer::CharSet{{0, tokenizer::kMaxCodePoint}}), 0);
  }

  // Reasoning goes on freely up to its end; behind it two line ends may stand.
  ExpressionId Reasoning(Grammar& grammar) {
    const std::string& mark = reading()->syntax.think_end;
    const auto id = tokenizer_.FindToken(mark);
    const bool special = id && tokenizer_.IsSpecial(*id);
    const auto lines = grammar.Repeat(grammar.Bytes("\n"), 0, 2);
    if (!special) return grammar.Sequence({grammar.Until(mark), lines});
    return grammar.Sequence({AnyText(grammar), grammar.Token(*id), lines});
  }

  ExpressionId Whole(Grammar& grammar, ExpressionId body) {
    if (channels()) {
      const auto analysis = grammar.Sequence({Text(grammar, "<|channel|>analysis<|message|>"),
                                              AnyText(grammar), Text(grammar, "<|end|><|start|>assistant")});
      return grammar.Sequence({grammar.Repeat(analysis, 0, 4), body});
    }
    if (reading() != nullptr && reading()->in_reasoning) return grammar.Sequence({Reasoning(grammar), body});
    // A decoder drops the first space: what the client is to see has one in front.
    const auto first = [&](ExpressionId e) {
      return drops_first_space_ ? grammar.Sequence({grammar.Bytes(" "), e}) : e;
    };
    if (reading() == nullptr || !reading()->may_reason) return first(body);
    const auto thought =
        grammar.Sequence({first(Text(grammar, reading()->syntax.think_begin)), Reasoning(grammar), body});
    return grammar.Alternatives({first(body), thought});
  }
};

class GrammarFilter final : public engine::TokenFilter {
 public:
  explicit GrammarFilter(std::shared_ptr<constrain::CompiledGrammar> grammar)
      : matcher_(std::move(grammar)) {}

  Result<engine::AllowedTokens> Allowed() override {
    SLUICE_TRY(const constrain::TokenSet* set, matcher_.Allowed());
    return engine::AllowedTokens{set->ids, set->bits};
  }
  Status Accept(int32_t token) override { return matcher_.Accept(token); }

 private:
  constrain::Matcher matcher_;
};

std::string KeyOf(const AnswerShape& shape) {
  Json key = {
      static_cast<int>(shape.form.kind),        shape.form.schema,      shape.form.text, shape.form.choices,
      static_cast<int>(shape.tool_choice.mode), shape.tool_choice.name, shape.continues};
  if (const AnswerReading* reading = shape.reading)
    key.push_back({reading->tools, reading->in_reasoning, reading->may_reason, reading->parallel_calls});
  return key.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::shared_ptr<engine::TokenFilter> MakeTokenFilter(std::shared_ptr<constrain::CompiledGrammar> grammar) {
  return std::make_shared<GrammarFilter>(std::move(grammar));
}

std::shared_ptr<const constrain::TokenTrie> AnswerGrammars::Trie() {
  const std::lock_guard lock(mutex_);
  if (!trie_) trie_ = std::make_shared<constrain::TokenTrie>(tokenizer_);
  return trie_;
}

Result<std::shared_ptr<constrain::CompiledGrammar>> AnswerGrammars::Compile(const AnswerShape& shape) {
  const auto trie = Trie();
  SLUICE_TRY(const Grammar grammar, Builder(tokenizer_, shape, trie->drops_first_space()).Build());
  return constrain::CompiledGrammar::Create(grammar, trie);
}

void AnswerGrammars::Keep(std::string key, std::shared_ptr<constrain::CompiledGrammar> grammar) {
  const std::lock_guard lock(mutex_);
  entries_.push_front({std::move(key), std::move(grammar)});
  size_t bytes = 0, kept = 0;
  auto at = entries_.begin();
  for (; at != entries_.end() && kept < kMostEntries; ++at, ++kept) {
    bytes += at->key.size() + at->grammar->bytes();
    if (bytes > kMostBytes && kept > 0) break;
  }
  entries_.erase(at, entries_.end());
}

ApiResult<std::shared_ptr<constrain::CompiledGrammar>> AnswerGrammars::For(const AnswerShape& shape) {
  if (shape.form.kind == Kind::kFree && !IsForced(shape.tool_choice)) return nullptr;
  std::string key = KeyOf(shape);
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::ranges::find(entries_, key, &Entry::key);
    if (at != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, at);
      return entries_.front().grammar;
    }
  }
  auto compiled = Compile(shape);
  if (compiled) {
    Keep(std::move(key), *compiled);
    return *compiled;
  }
  const bool forced = IsForced(shape.tool_choice);
  const bool notation = shape.form.kind == Kind::kRegex || shape.form.kind == Kind::kGrammar;
  const Error& error = compiled.error();
  return tl::make_unexpected(BadParam(forced ? "tool_choice" : shape.form.param,
                                      error.hint.empty() ? error.message : error.message + "; " + error.hint,
                                      notation && !forced ? "invalid_grammar" : "invalid_schema"));
}

}  // namespace sluice::server
