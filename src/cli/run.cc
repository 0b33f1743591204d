#include <fmt/format.h>

#include <memory>

#include "cli/conversation.h"
#include "cli/interrupt.h"
#include "cli/line_editor.h"
#include "cli/sampling_flags.h"
#include "cli/session.h"
#include "cli/streams.h"
#include "cli/verb.h"
#include "model/lora.h"

namespace sluice::cli {
namespace {

struct Options {
  std::string model, prompt, lora;
  ComputeFlags compute;
  SamplingFlags sampling;
  int64_t context = 0;
  bool stats = false;
};

constexpr char kHelp[] =
    "/reset  forget what was said\n"
    "/stats  tokens a second, the context\n"
    "/quit   leave (or Ctrl-D)\n"
    "Ctrl-C stops an answer. Anything else is for the model.\n";

// Answers in turn, on standard output; remarks go to standard error.
class Chat {
 public:
  Chat(const Options& options, Session& session, Conversation& conversation)
      : options_(options), session_(session), conversation_(conversation) {}

  // False if Ctrl-C ended the answer.
  Result<bool> Answer(const std::string& text) {
    const int64_t context = session_.engine->context();
    // An answer needs room too: at least a quarter of the context.
    SLUICE_TRY(std::vector<int32_t> prompt,
               conversation_.Say(text, std::max<int64_t>(1, context - context / 4)));
    SLUICE_TRY(last_, Generate(session_, NewRequest(session_, std::move(prompt), options_.sampling),
                               conversation_.answer(), PrintNow));
    Print("\n");
    SLUICE_CHECK_OK(FlushOutput());
    conversation_.Answered(last_.text, last_.ids);
    if (options_.stats) PrintStats();
    return last_.finish != engine::Finish::kCancelled;
  }

  void PrintStats() const {
    fmt::print(
        stderr,
        "{} prompt tokens in {:.2f} s ({:.0f}/s), {} tokens in {:.2f} s ({:.1f}/s), context {} of {}\n",
        last_.prompt_tokens, last_.prompt_seconds,
        last_.prompt_seconds > 0 ? static_cast<double>(last_.prompt_tokens) / last_.prompt_seconds : 0,
        last_.ids.size(), last_.prompt_seconds + last_.decode_seconds, last_.DecodeRate(),
        last_.prompt_tokens + static_cast<int64_t>(last_.ids.size()), session_.engine->context());
  }

  // True if `line` was a command; sets *quit.
  bool Command(const std::string& line, bool* quit) {
    if (line == "/quit" || line == "/exit") {
      *quit = true;
    } else if (line == "/help") {
      fmt::print(stderr, kHelp);
    } else if (line == "/reset") {
      conversation_.Reset();
    } else if (line == "/stats") {
      PrintStats();
    } else if (line.starts_with('/') && line.find(' ') == std::string::npos) {
      fmt::print(stderr, "there is no command {}; /help lists them\n", line);
    } else {
      return false;
    }
    return true;
  }

 private:
  const Options& options_;
  Session& session_;
  Conversation& conversation_;
  Generation last_;
};

Status Converse(const Session& session, const Conversation& conversation, Chat& chat) {
  const std::string habit = conversation.Habit();
  fmt::print(stderr, "{}: {}. /help lists commands.\n", session.name,
             habit.empty() ? "ask it something" : "has no chat template, so " + habit);
  LineEditor editor("> ");
  const InterruptScope between_answers;  // one Ctrl-C too many ends no conversation
  bool quit = false;
  while (!quit) {
    const std::optional<std::string> line = editor.Read();
    if (!line) {
      fmt::print(stderr, "\n");
      break;
    }
    if (chat.Command(*line, &quit) || (line->empty() && conversation.IsChat())) continue;
    if (auto answered = chat.Answer(*line); !answered) PrintError(answered.error());
  }
  return {};
}

// What is asked once: --prompt, or all of standard input where it is not a terminal.
Result<std::string> OnlyPrompt(const Options& options) {
  if (!options.prompt.empty()) return options.prompt;
  SLUICE_TRY(std::string text, ReadAllInput());
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Result<int> Run(const Options& options) {
  constexpr int kInterrupted = 130;  // as a shell reports SIGINT
  const bool once = !options.prompt.empty() || !InputIsTerminal();
  std::string prompt;
  if (once) {
    SLUICE_TRY(prompt, OnlyPrompt(options));
  }
  SLUICE_TRY(Session session,
             OpenSession(options.model, options.compute,
                         {.context = static_cast<int>(options.context), .adapters = !options.lora.empty()}));
  if (!options.lora.empty()) {
    SLUICE_TRY(session.adapter, model::LoadAdapter(session.engine->model(), options.lora));
  }
  SLUICE_TRY(const std::unique_ptr<Conversation> conversation,
             StartConversation(*session.tokenizer, session.ReadsSource()));
  Chat chat(options, session, *conversation);
  if (!once) {
    SLUICE_CHECK_OK(Converse(session, *conversation, chat));
    return 0;
  }
  if (!conversation->IsChat() && ErrorIsTerminal())
    fmt::print(stderr, "{} has no chat template: it continues the text\n", session.name);
  SLUICE_TRY(const bool whole, chat.Answer(prompt));
  return whole ? 0 : kInterrupted;
}

}  // namespace

void AddRun(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "run",
            "Talk to a model in the terminal; with a pipe, answer what comes through it");
  verb.Argument("MODEL", &options->model, Verb::Need::kOptional,
                "A GGUF file or a Hugging Face folder; the embedded model if not given");
  verb.Text("-p,--prompt", "TEXT", &options->prompt, "Answer this and end");
  verb.Text("--lora", "DIR", &options->lora, "Answer with the adapter in this folder (PEFT's LoRA)");
  options->sampling.AddTo(verb);
  verb.Integer("--ctx", &options->context, 0, INT32_MAX,
               "Longest prompt and answer in tokens; 0: the model's, at most 4096");
  options->compute.AddTo(verb);
  verb.Flag("--stats", &options->stats, "Print speed and context after each answer");
  verb.Do([options] { return Run(*options); });
}

}  // namespace sluice::cli
