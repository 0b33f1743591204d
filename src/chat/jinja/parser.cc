#include "chat/jinja/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "chat/jinja/error.h"
#include "chat/jinja/expression_parser.h"
#include "chat/jinja/token_stream.h"

namespace sluice::chat::jinja {
namespace {

using EndNames = std::initializer_list<std::string_view>;

class Parser {
 public:
  explicit Parser(std::string_view source)
      : tokens_(Tokenize(source)), program_(std::make_unique<Program>()), expressions_(tokens_, *program_) {}

  std::unique_ptr<Program> Run() {
    program_->body = ParseBlock({});
    expressions_.RejectUnknown(0);
    return std::move(program_);
  }

 private:
  using StatementPtr = std::unique_ptr<Statement>;

  TokenStream tokens_;
  std::unique_ptr<Program> program_;
  ExpressionParser expressions_;
  std::vector<std::string> open_tags_;

  StatementPtr Make(StatementKind kind, int line) const {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->line = line;
    return statement;
  }

  // Statements up to a tag whose name is in `ends`; the tag's name is left for the caller.
  Block ParseBlock(EndNames ends) {
    ExpressionParser::Nesting nesting(expressions_);
    Block block;
    while (!tokens_.Is(TokenKind::kEnd)) {
      const int line = tokens_.current().line;
      if (tokens_.Is(TokenKind::kData)) {
        block.push_back(Make(StatementKind::kText, line));
        block.back()->text = tokens_.Next().text;
      } else if (tokens_.Is(TokenKind::kVariableBegin)) {
        tokens_.Next();
        block.push_back(Make(StatementKind::kPrint, line));
        block.back()->value = expressions_.ParseTuple();
        tokens_.Expect(TokenKind::kVariableEnd);
      } else {
        tokens_.Expect(TokenKind::kBlockBegin);
        if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return tokens_.IsName(end); }))
          return block;
        block.push_back(ParseStatement());
        tokens_.Expect(TokenKind::kBlockEnd);
      }
    }
    if (ends.size() > 0) FailAtEnd(ends);
    return block;
  }

  [[noreturn]] void FailAtEnd(EndNames ends) {
    std::string looking;
    for (const std::string_view end : ends)
      looking += fmt::format("{}'{}'", looking.empty() ? "" : " or ", end);
    tokens_.Fail(
        fmt::format("Unexpected end of template. Jinja was looking for the following tags: {}. The innermost "
                    "block that needs "
                    "to be closed is '{}'.",
                    looking, open_tags_.empty() ? "" : open_tags_.back()));
  }

  // The rest of an opening tag, then its body. Unknown filters in it are refused.
  Block ParseBody(EndNames ends, bool conditional = false) {
    tokens_.SkipOperator(":");
    tokens_.Expect(TokenKind::kBlockEnd);
    const size_t mark = expressions_.UnknownMark();
    Block body = ParseBlock(ends);
    if (!conditional) expressions_.RejectUnknown(mark);
    return body;
  }

  StatementPtr ParseStatement() {
    struct Tag {
      std::string_view name;
      StatementPtr (Parser::*parse)();
    };
    static constexpr Tag kTags[] = {{"if", &Parser::ParseIf},
                                    {"for", &Parser::ParseFor},
                                    {"set", &Parser::ParseSet},
                                    {"macro", &Parser::ParseMacro},
                                    {"call", &Parser::ParseCallBlock},
                                    {"filter", &Parser::ParseFilterBlock},
                                    {"with", &Parser::ParseWith},
                                    {"generation", &Parser::ParseGeneration},
                                    {"block", &Parser::ParseNamedBlock},
                                    {"break", &Parser::ParseLoopControl},
                                    {"continue", &Parser::ParseLoopControl},
                                    {"print", &Parser::ParsePrint},
                                    {"include", &Parser::ParseUnsupported},
                                    {"import", &Parser::ParseUnsupported},
                                    {"from", &Parser::ParseUnsupported},
                                    {"extends", &Parser::ParseUnsupported}};
    if (!tokens_.Is(TokenKind::kName)) tokens_.Fail("tag name expected");
    const std::string name = tokens_.current().text;
    for (const Tag& tag : kTags) {
      if (tag.name != name) continue;
      open_tags_.push_back(name);
      StatementPtr statement = (this->*tag.parse)();
      open_tags_.pop_back();
      return statement;
    }
    tokens_.Fail(fmt::format("Encountered unknown tag '{}'.", name));
  }

  StatementPtr ParseIf() {
    const size_t mark = expressions_.UnknownMark();
    auto statement = Make(StatementKind::kIf, tokens_.Next().line);
    while (true) {
      ExpressionPtr condition = expressions_.ParseTuple(false);
      Block body = ParseBody({"elif", "else", "endif"}, true);
      statement->branches.emplace_back(std::move(condition), std::move(body));
      const Token tag = tokens_.Next();
      if (tag.text == "elif") continue;
      if (tag.text == "else") {
        statement->otherwise = ParseBody({"endif"}, true);
        tokens_.Next();
      }
      break;
    }
    expressions_.ForgetUnknown(mark);
    return statement;
  }

  StatementPtr ParseFor() {
    auto statement = Make(StatementKind::kFor, tokens_.Next().line);
    statement->target = expressions_.ParseTarget(false, "in");
    tokens_.ExpectName("in");
    statement->value = expressions_.ParseTuple(false, "recursive");
    if (tokens_.SkipName("if")) statement->condition = expressions_.ParseExpression();
    statement->recursive = tokens_.SkipName("recursive");
    statement->body = ParseBody({"endfor", "else"});
    if (tokens_.Next().text == "else") {
      statement->otherwise = ParseBody({"endfor"});
      tokens_.Next();
    }
    return statement;
  }

  StatementPtr ParseSet() {
    auto statement = Make(StatementKind::kSet, tokens_.Next().line);
    statement->target = expressions_.ParseTarget(true);
    if (tokens_.SkipOperator("=")) {
      statement->value = expressions_.ParseTuple();
      return statement;
    }
    statement->kind = StatementKind::kSetBlock;
    statement->value = expressions_.ParseFilters(nullptr, false);
    statement->body = ParseBody({"endset"});
    tokens_.Next();
    return statement;
  }

  void ParseSignature(MacroDefinition& macro) {
    tokens_.ExpectOperator("(");
    while (!tokens_.IsOperator(")")) {
      if (!macro.parameters.empty()) tokens_.ExpectOperator(",");
      const std::string name = tokens_.Expect(TokenKind::kName).text;
      Parameter parameter{expressions_.Symbol(name), name, nullptr};
      if (tokens_.SkipOperator("="))
        parameter.fallback = expressions_.ParseExpression();
      else if (!macro.parameters.empty() && macro.parameters.back().fallback)
        tokens_.Fail("non-default argument follows default argument");
      macro.parameters.push_back(std::move(parameter));
    }
    tokens_.ExpectOperator(")");
  }

  void ParseMacroBody(MacroDefinition& macro, std::string_view end) {
    auto& seen = expressions_.special_names();
    const auto outer = std::exchange(seen, {});
    macro.body = ParseBody({end});
    tokens_.Next();
    macro.uses_caller = seen.caller;
    macro.uses_varargs = seen.varargs;
    macro.uses_kwargs = seen.kwargs;
    seen = {outer.caller || seen.caller, outer.varargs || seen.varargs, outer.kwargs || seen.kwargs};
  }

  StatementPtr ParseMacro() {
    auto statement = Make(StatementKind::kMacro, tokens_.Next().line);
    statement->macro = std::make_unique<MacroDefinition>();
    statement->macro->name = tokens_.Expect(TokenKind::kName).text;
    statement->symbol = expressions_.Symbol(statement->macro->name);
    ParseSignature(*statement->macro);
    ParseMacroBody(*statement->macro, "endmacro");
    return statement;
  }

  StatementPtr ParseCallBlock() {
    auto statement = Make(StatementKind::kCallBlock, tokens_.Next().line);
    statement->macro = std::make_unique<MacroDefinition>();
    statement->macro->name = "caller";
    if (tokens_.IsOperator("(")) ParseSignature(*statement->macro);
    statement->value = expressions_.ParseExpression();
    if (statement->value->kind != ExpressionKind::kCall) tokens_.Fail("expected call");
    ParseMacroBody(*statement->macro, "endcall");
    return statement;
  }

  StatementPtr ParseFilterBlock() {
    auto statement = Make(StatementKind::kFilterBlock, tokens_.Next().line);
    statement->value = expressions_.ParseFilters(nullptr, true);
    statement->body = ParseBody({"endfilter"});
    tokens_.Next();
    return statement;
  }

  StatementPtr ParseWith() {
    auto statement = Make(StatementKind::kWith, tokens_.Next().line);
    while (!tokens_.Is(TokenKind::kBlockEnd)) {
      if (!statement->assignments.empty()) tokens_.ExpectOperator(",");
      ExpressionPtr target = expressions_.ParseTarget(false);
      tokens_.ExpectOperator("=");
      statement->assignments.emplace_back(std::move(target), expressions_.ParseExpression());
    }
    statement->body = ParseBody({"endwith"});
    tokens_.Next();
    return statement;
  }

  StatementPtr ParseGeneration() {
    auto statement = Make(StatementKind::kScope, tokens_.Next().line);
    statement->body = ParseBody({"endgeneration"});
    tokens_.Next();
    return statement;
  }

  StatementPtr ParseNamedBlock() {
    auto statement = Make(StatementKind::kNamedBlock, tokens_.Next().line);
    statement->text = tokens_.Expect(TokenKind::kName).text;
    tokens_.SkipName("scoped");
    tokens_.SkipName("required");
    statement->body = ParseBody({"endblock"});
    tokens_.Next();
    tokens_.SkipName(statement->text);
    if (!program_->blocks.emplace(statement->text, statement.get()).second)
      tokens_.Fail(fmt::format("block '{}' defined twice", statement->text));
    return statement;
  }

  StatementPtr ParseLoopControl() {
    const Token tag = tokens_.Next();
    const bool in_loop = std::find(open_tags_.begin(), open_tags_.end(), "for") != open_tags_.end();
    if (!in_loop) tokens_.Fail(fmt::format("'{}' outside of a loop", tag.text));
    return Make(tag.text == "break" ? StatementKind::kBreak : StatementKind::kContinue, tag.line);
  }

  StatementPtr ParsePrint() {
    auto statement = Make(StatementKind::kPrint, tokens_.Next().line);
    statement->value = expressions_.ParseExpression();
    return statement;
  }

  // Other templates cannot be reached from here; that is an error only where the tag is executed.
  StatementPtr ParseUnsupported() {
    auto statement = Make(StatementKind::kUnsupported, tokens_.current().line);
    statement->text =
        fmt::format("no loader for this environment specified (tag '{}')", tokens_.current().text);
    while (!tokens_.Is(TokenKind::kBlockEnd) && !tokens_.Is(TokenKind::kEnd)) tokens_.Next();
    return statement;
  }
};

}  // namespace

std::unique_ptr<Program> Parse(std::string_view source) { return Parser(source).Run(); }

}  // namespace sluice::chat::jinja
