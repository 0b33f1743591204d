// Reads what stands between the marks of one call, as it arrives.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "chat/answer_syntax.h"
#include "chat/piece_writer.h"

namespace sluice::chat {

class CallReader {
 public:
  enum class Progress : uint8_t {
    kMore,  // the call goes on behind `text`
    kDone,  // it has ended; what is left of `text` comes after it
    kWrong  // this is no call; nothing was taken or written
  };

  virtual ~CallReader() = default;

  // Takes what it understands from the front of `text`, which grows between calls. Takes and writes nothing
  // before the name is known. `last`: nothing comes behind `text`.
  virtual Progress Read(std::string& text, bool last, PieceWriter& out) = 0;
};

// `tools` are those of the request (null: none): their schemas say which parameters are text. Both arguments
// must outlive the reader. `known_only`: a call of anything else is none.
std::unique_ptr<CallReader> MakeCallReader(const CallFormat& format, const nlohmann::ordered_json& tools,
                                           bool known_only);

// One for each body; MakeCallReader chooses.
std::unique_ptr<CallReader> MakeParameterReader(const CallFormat& format,
                                                const nlohmann::ordered_json& tools);
std::unique_ptr<CallReader> MakePythonReader(const nlohmann::ordered_json& tools, bool known_only);

bool IsCallName(std::string_view name);
// The function of that name among `tools`; nullptr if there is none.
const nlohmann::ordered_json* FindTool(const nlohmann::ordered_json& tools, std::string_view name);

// `text` could become `mark` with what follows.
bool BeginsMark(std::string_view text, std::string_view mark);

}  // namespace sluice::chat
