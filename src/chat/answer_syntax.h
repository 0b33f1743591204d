// How a model writes its reasoning and its calls of tools, read from the marks in its chat template.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::chat {

// What stands between the marks of one call.
enum class CallBody : uint8_t {
  kNone,        // this model calls no tools
  kJson,        // {"name": "f", "arguments": {...}}
  kNamed,       // a name, marks, and the arguments as JSON
  kParameters,  // a name, and each parameter between marks of its own
  kPython,      // f(a=1, b="x")
};

// Marks around the parts of a CallBody::kParameters, in order.
struct ParameterMarks {
  std::string name_close;  // empty: the name ends with its line or at the next mark
  std::string key_open, key_close;
  std::string value_open;  // empty: the value follows at once
  std::string value_close;
  std::string
      string_flag;  // what behind the key says that the value is text; empty: the tool's schema decides
};

struct CallFormat {
  CallBody body = CallBody::kNone;
  std::string section = {}, section_end = {};  // around several calls; either may be missing in an answer
  std::string begin = {}, end = {};            // around one call; no begin: the body's first character
  bool bare = false;  // an answer that begins like a body is a call, if it names a tool
  ParameterMarks marks = {};
  // How a model writes a CallBody::kNamed: what stands around the name and behind the arguments; `numbered`:
  // the name is followed by a colon and the call's number.
  std::string name_open = {}, name_close = {}, arguments_close = {};
  bool numbered = false;
};

// How long and of what form the ids of calls are that the template accepts back.
enum class CallIds : uint8_t {
  kCommon,         // call_ and 24 hexadecimal digits
  kNineCharacters  // nine letters and digits
};

struct AnswerSyntax {
  std::string think_begin, think_end;  // empty: no reasoning
  bool channels = false;               // <|channel|>analysis<|message|>..., which says all by itself
  CallFormat calls;
  CallIds call_ids = CallIds::kCommon;

  bool plain() const { return think_end.empty() && !channels && calls.body == CallBody::kNone; }
  // Every mark, for a decoder that leaves out special tokens otherwise.
  std::vector<std::string> Marks() const;
};

AnswerSyntax DetectSyntax(std::string_view template_source);

// True if a text that ends a prompt leaves the model in the middle of its reasoning.
bool EndsInReasoning(const AnswerSyntax& syntax, std::string_view prompt);

}  // namespace sluice::chat
