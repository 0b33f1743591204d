// Lines from a terminal, with editing and a history that outlives the program.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace sluice::cli {

class LineEditor {
 public:
  // The history is kept in the user's state directory ($XDG_STATE_HOME/sluice); without one, only in memory.
  explicit LineEditor(std::string prompt);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // The next line without its line feed; nullopt at the end of input (Ctrl-D). Ctrl-C clears the line.
  std::optional<std::string> Read();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::cli
