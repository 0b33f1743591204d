#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/conversation.h"
#include "cli/expert_heat.h"
#include "cli/sampling_flags.h"
#include "cli/session.h"
#include "cli/streams.h"
#include "cli/verb.h"
#include "model/accounting.h"

namespace sluice::cli {
namespace {

constexpr char kPrompt[] = "Once upon a time there was a little girl who";

struct Options {
  std::string model, prompt = kPrompt;
  ComputeFlags compute;
  SamplingFlags sampling{.temperature = 0.7, .min_p = 0.05, .max_tokens = 200, .seed = 18};
};

std::vector<int> MoeLayers(const model::Stack& stack) {
  std::vector<int> layers;
  for (size_t l = 0; l < stack.layers.size(); ++l)
    for (const model::Branch& branch : stack.layers[l])
      if (std::holds_alternative<model::Moe>(branch.op)) layers.push_back(static_cast<int>(l));
  return layers;
}

std::string ExpertsText(const model::Desc& desc, std::vector<std::vector<int64_t>> tokens) {
  const std::vector<int> layers = MoeLayers(desc.decoder);
  const std::vector<int> encoder = desc.encoder ? MoeLayers(*desc.encoder) : std::vector<int>();
  if (layers.empty() && encoder.empty()) return "A dense model: it has no experts.\n";
  std::string text = "Experts used, by layer:\n" + ExpertHeat(layers, tokens);
  tokens.erase(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(layers.size()));
  if (!encoder.empty()) text += "And of the encoder:\n" + ExpertHeat(encoder, tokens);
  return text;
}

std::string Summary(const Session& session, const Generation& answer) {
  const model::Desc& desc = session.engine->model().desc;
  const model::Accounting cost = model::Account(desc);
  std::string text =
      fmt::format("{} on {} threads, {}: {} tokens, {:.1f} tokens/s (prompt of {}: {:.0f} tokens/s)\n",
                  session.name, session.team->size(), kernels::Name(session.isa), answer.ids.size(),
                  answer.DecodeRate(), answer.prompt_tokens,
                  static_cast<double>(answer.prompt_tokens) / std::max(1e-9, answer.prompt_seconds));
  const double active = static_cast<double>(cost.active_parameters),
               all = static_cast<double>(cost.parameters);
  text += fmt::format("A token uses {:.1f} of {:.1f} million parameters ({:.0f} %).\n", active / 1e6,
                      all / 1e6, 100 * active / all);
  return text + ExpertsText(desc, session.engine->expert_tokens());
}

Result<int> Demo(const Options& options) {
  SLUICE_TRY(Session session, OpenSession(options.model, options.compute, {}));
  SLUICE_TRY(const std::unique_ptr<Conversation> conversation,
             StartConversation(*session.tokenizer, session.ReadsSource()));
  SLUICE_TRY(std::vector<int32_t> prompt, conversation->Say(options.prompt, session.engine->context() / 2));
  const bool colours = OutputIsTerminal();
  Print(fmt::format("{}{}{}", colours ? "\033[1m" : "", options.prompt, colours ? "\033[0m" : ""));
  if (conversation->IsChat()) Print("\n");
  SLUICE_TRY(const Generation answer,
             Generate(session, NewRequest(session, std::move(prompt), options.sampling),
                      conversation->answer(), PrintNow));
  Print("\n\n" + Summary(session, answer));
  return 0;
}

}  // namespace

void AddDemo(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "demo", "Answer a prompt and show the speed and which experts worked");
  verb.Argument("MODEL", &options->model, Verb::Need::kOptional, "The embedded model if not given");
  verb.Text("-p,--prompt", "TEXT", &options->prompt, "Another prompt");
  options->sampling.AddTo(verb);
  options->compute.AddTo(verb);
  verb.Do([options] { return Demo(*options); });
}

}  // namespace sluice::cli
