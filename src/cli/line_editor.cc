#include "cli/line_editor.h"

#include <histedit.h>

#include <langinfo.h>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kHistoryLines = 1000;

// The file that keeps the history, its folder made; empty where there is no place for it.
std::string HistoryFile() {
  fs::path state;
  if (const char* xdg = std::getenv("XDG_STATE_HOME"); xdg != nullptr && *xdg == '/')
    state = xdg;
  else if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    state = fs::path(home) / ".local/state";
  else
    return {};
  std::error_code error;
  fs::create_directories(state / "sluice", error);
  return error ? std::string() : (state / "sluice" / "history").string();
}

// The editor counts columns by the locale; a terminal of today speaks UTF-8 even where no locale is set.
void UseUtf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct LineEditor::State {
  std::string prompt, history_file;
  EditLine* editor = nullptr;
  History* history = nullptr;
  HistEvent event{};
};

LineEditor::LineEditor(std::string prompt) : state_(std::make_unique<State>()) {
  UseUtf8();
  State& s = *state_;
  s.prompt = std::move(prompt);
  s.history_file = HistoryFile();
  s.history = history_init();
  history(s.history, &s.event, H_SETSIZE, kHistoryLines);
  history(s.history, &s.event, H_SETUNIQUE, 1);
  if (!s.history_file.empty()) history(s.history, &s.event, H_LOAD, s.history_file.c_str());
  s.editor = el_init("sluice", stdin, stdout, stderr);
  el_set(s.editor, EL_CLIENTDATA, &s);
  el_set(
      s.editor, EL_PROMPT, +[](EditLine* editor) -> char* {
        State* state = nullptr;
        el_get(editor, EL_CLIENTDATA, &state);
        return state->prompt.data();
      });
  el_set(s.editor, EL_EDITOR, "emacs");
  el_set(s.editor, EL_HIST, ::history, s.history);
  el_set(s.editor, EL_SETTY, "-d", "-isig", nullptr);  // Ctrl-C is a key here
  el_set(s.editor, EL_BIND, "^C", "em-kill-line", nullptr);
  el_set(s.editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
}

LineEditor::~LineEditor() {
  State& s = *state_;
  if (!s.history_file.empty()) history(s.history, &s.event, H_SAVE, s.history_file.c_str());
  el_end(s.editor);
  history_end(s.history);
}

std::optional<std::string> LineEditor::Read() {
  State& s = *state_;
  int length = 0;
  // el_gets shows the prompt first: who types at once would type into a terminal that echoes and interrupts.
  el_set(s.editor, EL_PREP_TERM, 1);
  const char* raw = el_gets(s.editor, &length);
  if (raw == nullptr || length <= 0) return std::nullopt;
  std::string line(raw, static_cast<size_t>(length));
  if (line.ends_with('\n')) line.pop_back();
  if (!line.empty()) history(s.history, &s.event, H_ENTER, line.c_str());
  return line;
}

}  // namespace sluice::cli
