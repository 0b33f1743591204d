#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <memory>

#include "cli/session.h"
#include "cli/verb.h"
#include "server/engine_backend.h"
#include "server/server.h"

namespace sluice::cli {
namespace {

constexpr char kKeyVariable[] = "SLUICE_API_KEY";
constexpr int64_t kContextsAtOnce = 4;  // that fit into the KV cache unless --kv-tokens says otherwise

struct Options {
  std::string model, host = "127.0.0.1";
  int64_t port = 8080, context = 0, kv_tokens = 0;
  ComputeFlags compute;
};

Result<int> Serve(const Options& options) {
  std::signal(SIGPIPE, SIG_IGN);  // clients that go away are no reason to end
  engine::EngineOptions engine_options{.context = static_cast<int>(options.context),
                                       .kv_tokens = options.kv_tokens};
  if (options.kv_tokens == 0) engine_options.kv_contexts = kContextsAtOnce;
  SLUICE_TRY(const Session session, OpenSession(options.model, options.compute, engine_options));
  const auto backend = server::MakeEngineBackend(*session.engine, *session.tokenizer, session.name);
  server::ServerOptions server_options;
  server_options.http.host = options.host;
  server_options.http.port = static_cast<uint16_t>(options.port);
  if (const char* key = std::getenv(kKeyVariable)) server_options.security.api_key = key;
  SLUICE_CHECK_OK(server::Serve(server_options, *backend, [&](const std::string& address) {
    fmt::print(stderr, "{} answers on {} (context of {} tokens); Ctrl-C ends\n", session.name, address,
               session.engine->context());
  }));
  return 0;
}

}  // namespace

void AddServe(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "serve", "Answer the OpenAI API over HTTP");
  verb.Argument("MODEL", &options->model, Verb::Need::kOptional,
                "A GGUF file or a Hugging Face folder; the embedded model if not given");
  verb.Text("--host", "ADDRESS", &options->host, "Listen there [127.0.0.1]");
  verb.Integer("--port", &options->port, 0, UINT16_MAX, "And on this port; 0: any that is free");
  verb.Integer("--ctx", &options->context, 0, INT32_MAX,
               "Longest prompt and answer in tokens; 0: the model's, at most 4096");
  verb.Integer("--kv-tokens", &options->kv_tokens, 0, INT64_MAX,
               "Tokens kept over all requests; 0: four contexts");
  options->compute.AddTo(verb);
  verb.Do([options] { return Serve(*options); });
}

}  // namespace sluice::cli
