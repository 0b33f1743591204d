#include "chat/answer_syntax.h"

#include <algorithm>

namespace sluice::chat {
namespace {

// A format, and the text in a template that gives it away.
struct KnownFormat {
  std::string_view sign, second_sign;  // both have to occur; the second may be empty
  CallFormat format;
};

// The first that matches is taken: more particular ones come first.
const std::vector<KnownFormat>& KnownFormats() {
  static const std::vector<KnownFormat> kFormats = {
      {"<arg_key>",
       "<tool_call>",
       {.body = CallBody::kParameters,
        .begin = "<tool_call>",
        .end = "</tool_call>",
        .marks = {"", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", ""}}},
      {"<function=",
       "<tool_call>",
       {.body = CallBody::kParameters,
        .section = "<tool_call>",
        .section_end = "</tool_call>",
        .begin = "<function=",
        .end = "</function>",
        .marks = {">", "<parameter=", ">", "", "</parameter>", ""}}},
      {"<minimax:tool_call>",
       "<invoke name=",
       {.body = CallBody::kParameters,
        .section = "<minimax:tool_call>",
        .section_end = "</minimax:tool_call>",
        .begin = "<invoke name=\"",
        .end = "</invoke>",
        .marks = {"\">", "<parameter name=\"", "\">", "", "</parameter>", ""}}},
      {"｜DSML｜",
       "function_calls",
       {.body = CallBody::kParameters,
        .section = "<｜DSML｜function_calls>",
        .section_end = "</｜DSML｜function_calls>",
        .begin = "<｜DSML｜invoke name=\"",
        .end = "</｜DSML｜invoke>",
        .marks = {"\">", "<｜DSML｜parameter name=\"", ">", "", "</｜DSML｜parameter>", "string=\"true\""}}},
      {"<｜tool▁calls▁begin｜>",
       "```json",
       {.body = CallBody::kNamed,
        .section = "<｜tool▁calls▁begin｜>",
        .section_end = "<｜tool▁calls▁end｜>",
        .begin = "<｜tool▁call▁begin｜>",
        .end = "<｜tool▁call▁end｜>",
        .name_open = "function<｜tool▁sep｜>",
        .name_close = "\n```json\n",
        .arguments_close = "\n```"}},
      {"<｜tool▁calls▁begin｜>",
       "",
       {.body = CallBody::kNamed,
        .section = "<｜tool▁calls▁begin｜>",
        .section_end = "<｜tool▁calls▁end｜>",
        .begin = "<｜tool▁call▁begin｜>",
        .end = "<｜tool▁call▁end｜>",
        .name_close = "<｜tool▁sep｜>"}},
      {"<|tool_calls_section_begin|>",
       "",
       {.body = CallBody::kNamed,
        .section = "<|tool_calls_section_begin|>",
        .section_end = "<|tool_calls_section_end|>",
        .begin = "<|tool_call_begin|>",
        .end = "<|tool_call_end|>",
        .name_open = "functions.",
        .name_close = "<|tool_call_argument_begin|>",
        .numbered = true}},
      {"[TOOL_CALLS]", "[ARGS]", {.body = CallBody::kNamed, .begin = "[TOOL_CALLS]", .name_close = "[ARGS]"}},
      {"[TOOL_CALLS]", "", {.body = CallBody::kJson, .section = "[TOOL_CALLS]"}},
      {"<|tool_call_start|>",
       "",
       {.body = CallBody::kPython, .section = "<|tool_call_start|>", .section_end = "<|tool_call_end|>"}},
      {"<tool_call>", "", {.body = CallBody::kJson, .begin = "<tool_call>", .end = "</tool_call>"}},
      {"<|tool_call|>", "", {.body = CallBody::kJson, .section = "<|tool_call|>"}},
      {"\"parameters\": dictionary of argument name",
       "<|start_header_id|>",
       {.body = CallBody::kJson, .section = "<|python_tag|>", .bare = true}},
      {"func_name1(params_name1=params_value1", "", {.body = CallBody::kPython, .bare = true}},
      {"<|python_start|>",
       "",
       {.body = CallBody::kPython,
        .section = "<|python_start|>",
        .section_end = "<|python_end|>",
        .bare = true}},
  };
  return kFormats;
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

AnswerSyntax DetectSyntax(std::string_view source) {
  AnswerSyntax syntax;
  if (Contains(source, "<|channel|>") && Contains(source, "<|message|>")) {
    syntax.channels = true;
    return syntax;
  }
  if (Contains(source, "[THINK]")) {
    syntax.think_begin = "[THINK]";
    syntax.think_end = "[/THINK]";
  } else if (Contains(source, "<seed:think>")) {
    syntax.think_begin = "<seed:think>";
    syntax.think_end = "</seed:think>";
  } else if (Contains(source, "</think>")) {
    syntax.think_begin = "<think>";
    syntax.think_end = "</think>";
  }
  for (const KnownFormat& known : KnownFormats()) {
    if (!Contains(source, known.sign) || !Contains(source, known.second_sign)) continue;
    syntax.calls = known.format;
    break;
  }
  if (Contains(source, "[TOOL_CALLS]")) syntax.call_ids = CallIds::kNineCharacters;
  return syntax;
}

std::vector<std::string> AnswerSyntax::Marks() const {
  if (channels)
    return {"<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|constrain|>", "<|call|>", "<|return|>"};
  std::vector<std::string> marks = {think_begin,
                                    think_end,
                                    calls.section,
                                    calls.section_end,
                                    calls.begin,
                                    calls.end,
                                    calls.marks.key_open,
                                    calls.marks.key_close,
                                    calls.marks.value_open,
                                    calls.marks.value_close};
  if (calls.body == CallBody::kNamed)
    marks.insert(marks.end(), {"[CALL_ID]", "[ARGS]", "<｜tool▁sep｜>", "<|tool_call_argument_begin|>"});
  std::erase(marks, "");
  return marks;
}

bool EndsInReasoning(const AnswerSyntax& syntax, std::string_view prompt) {
  if (syntax.think_begin.empty()) return false;
  const size_t begin = prompt.rfind(syntax.think_begin);
  if (begin == std::string_view::npos) return false;
  const size_t end = prompt.rfind(syntax.think_end);
  if (end != std::string_view::npos && end > begin) return false;
  // A mark that only instructions mention has more than space behind it.
  return prompt.find_first_not_of(" \n", begin + syntax.think_begin.size()) == std::string_view::npos;
}

}  // namespace sluice::chat
