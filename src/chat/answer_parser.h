// Splits an answer into content, reasoning and calls of tools while it is written.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "chat/answer_syntax.h"
#include "chat/piece_writer.h"

namespace sluice::chat {

// One answer; not thread-safe. Whatever is no reasoning and no call, however broken, is content: nothing but
// marks and the space around them is lost.
class AnswerParser {
 public:
  virtual ~AnswerParser() = default;

  // What became certain with `text`, which holds whole characters. Marks are never given out, nor halves of
  // what may be one.
  virtual std::vector<AnswerPiece> Push(std::string_view text) = 0;
  virtual std::vector<AnswerPiece> Finish() = 0;
};

// `tools` are those of the request; null: calls are content. Both references must outlive the parser.
// `in_reasoning`: the prompt ends in the middle of it.
std::unique_ptr<AnswerParser> MakeAnswerParser(const AnswerSyntax& syntax,
                                               const nlohmann::ordered_json& tools, bool in_reasoning);

// The parser for AnswerSyntax::channels.
std::unique_ptr<AnswerParser> MakeChannelParser();

// Length of the longest end of `text` that begins one of `marks` without completing it.
size_t PossibleMarkStart(std::string_view text, const std::vector<std::string>& marks);

}  // namespace sluice::chat
