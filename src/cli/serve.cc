#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <memory>

#include "base/file.h"
#include "cli/session.h"
#include "cli/settings.h"
#include "cli/streams.h"
#include "cli/verb.h"
#include "server/engine_backend.h"
#include "server/server.h"

namespace sluice::cli {
namespace {

constexpr int64_t kContextsAtOnce = 4;  // that fit into the KV cache unless --kv-tokens says otherwise

struct Options {
  std::string config;
  bool print = false;  // the settings, instead of serving
  std::string model, host = "127.0.0.1", key, key_file;
  bool open = false;  // no key is needed, wherever it listens
  int64_t port = 8080, context = 0, kv_tokens = 0;
  double queue_seconds = 0;
  int64_t max_batch = engine::EngineOptions().max_running, max_queue = engine::EngineOptions().max_queue;
  bool no_prefix_cache = false;
  ComputeFlags compute;
};

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// From the file, or else the settings; empty: none is needed.
Result<std::string> ReadKey(const Options& options) {
  std::string key = options.key;
  if (!options.key_file.empty()) {
    SLUICE_TRY(const MappedFile file, MappedFile::Open(options.key_file));
    key = file.text().substr(0, file.text().find_first_of("\r\n"));
    if (key.empty())
      return Fail(ErrorCode::kConfig, fmt::format("{}: the first line holds no key", options.key_file));
  }
  if (key.empty() && !IsLoopback(options.host) && !options.open)
    return Fail(ErrorCode::kConfig,
                fmt::format("{} can be reached from other machines, and no key is asked for", options.host),
                "set SLUICE_API_KEY or --api-key-file, or say --no-api-key");
  return key;
}

Result<int> Serve(Options& options, Settings& settings) {
  if (const char* file = std::getenv("SLUICE_CONFIG"); file != nullptr && options.config.empty())
    options.config = file;
  SLUICE_CHECK_OK(settings.Resolve(options.config, std::getenv));
  if (options.print) {
    Print(settings.Print());
    return 0;
  }
  SLUICE_TRY(std::string key, ReadKey(options));
  std::signal(SIGPIPE, SIG_IGN);  // clients that go away are no reason to end
  engine::EngineOptions engine_options{.context = static_cast<int>(options.context),
                                       .kv_tokens = options.kv_tokens,
                                       .max_running = static_cast<int>(options.max_batch),
                                       .max_queue = static_cast<int>(options.max_queue),
                                       .queue_seconds = options.queue_seconds,
                                       .share_prefixes = !options.no_prefix_cache};
  if (options.kv_tokens == 0) engine_options.kv_contexts = kContextsAtOnce;
  SLUICE_TRY(const Session session, OpenSession(options.model, options.compute, engine_options));
  const auto backend = server::MakeEngineBackend(*session.engine, *session.tokenizer, session.name);
  server::ServerOptions server_options;
  server_options.http.host = options.host;
  server_options.http.port = static_cast<uint16_t>(options.port);
  server_options.security.api_key = std::move(key);
  SLUICE_CHECK_OK(server::Serve(server_options, *backend, [&](const std::string& address) {
    fmt::print(stderr, "{} answers on {} (context of {} tokens); Ctrl-C ends\n", session.name, address,
               session.engine->context());
  }));
  return 0;
}

}  // namespace

void AddServe(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "serve", "Answer the APIs of OpenAI and Anthropic over HTTP");
  verb.Text("--config", "FILE", &options->config, "Read settings from a TOML file; flags and SLUICE_* win");
  verb.Flag("--print-config", &options->print, "Print every setting and where it comes from, and exit");
  const auto settings = std::make_shared<Settings>(verb);
  settings->Argument("MODEL", &options->model,
                     "A GGUF file or a Hugging Face folder; the embedded model if not given");
  settings->Text("--host", "ADDRESS", &options->host, "Listen there [127.0.0.1]");
  settings->Integer("--port", &options->port, 0, UINT16_MAX, "And on this port; 0: any that is free");
  settings->Secret("--api-key", &options->key);
  settings->Text("--api-key-file", "FILE", &options->key_file,
                 "Ask for the key in the file's first line; otherwise that of SLUICE_API_KEY");
  settings->Flag("--no-api-key", &options->open,
                 "Ask for none although other machines can reach the address");
  verb.Exclude("--no-api-key", "--api-key-file");
  settings->Integer("--ctx", &options->context, 0, INT32_MAX,
                    "Longest prompt and answer in tokens; 0: the model's, at most 4096");
  settings->Integer("--kv-tokens", &options->kv_tokens, 0, INT64_MAX,
                    "Tokens kept over all requests; 0: four contexts");
  settings->Integer("--max-batch", &options->max_batch, 1, INT32_MAX, "Requests computed at once [256]");
  settings->Integer("--max-queue", &options->max_queue, 1, INT32_MAX,
                    "Requests computed or waiting; more are answered 429 [1024]");
  settings->Real("--queue-timeout", &options->queue_seconds, 0, 1e6,
                 "Seconds that a request may wait for room before it is answered 429; 0: any time");
  settings->Flag("--no-prefix-cache", &options->no_prefix_cache,
                 "Compute every prompt anew, also what an earlier one began with");
  options->compute.AddTo(*settings);
  verb.Do([options, settings] { return Serve(*options, *settings); });
}

}  // namespace sluice::cli
