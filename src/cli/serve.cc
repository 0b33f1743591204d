#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <memory>

#include "base/file.h"
#include "cli/key_file.h"
#include "cli/session.h"
#include "cli/settings.h"
#include "cli/streams.h"
#include "cli/verb.h"
#include "machine/bandwidth.h"
#include "server/engine_backend.h"
#include "server/server.h"

namespace sluice::cli {
namespace {

constexpr int64_t kContextsAtOnce = 4;  // that fit into the KV cache unless --kv-tokens says otherwise

struct Options {
  std::string config;
  bool print = false;  // the settings, instead of serving
  std::string model, host = "127.0.0.1", key, key_file, keys;
  bool open = false;  // no key is needed, wherever it listens
  int64_t port = 8080, context = 0, kv_tokens = 0, drain_seconds = 30, stuck_seconds = 120;
  double queue_seconds = 0, bandwidth = 0;  // GB/s
  int64_t step_tokens = engine::EngineOptions().max_batch_tokens;
  int64_t max_batch = engine::EngineOptions().max_running, max_queue = engine::EngineOptions().max_queue;
  bool no_prefix_cache = false;
  int64_t state_snapshots = 0;
  std::string loras, lora_directory;
  int64_t max_loras = server::LoraOptions().most, lora_mib = server::LoraOptions().most_bytes >> 20;
  std::string log_format = "auto", log_level = "info", tls_certificate, tls_key;
  bool log_prompts = false;
  ComputeFlags compute;
};

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

void AddKey(std::string_view key, std::vector<server::ApiKey>& keys) {
  keys.push_back({.name = fmt::format("key-{}", keys.size() + 1), .digest = server::DigestKey(key)});
}

// From the files and the environment; none is needed where there is none.
Result<std::vector<server::ApiKey>> ReadKeys(const Options& options) {
  std::vector<server::ApiKey> keys;
  if (!options.keys.empty()) {
    SLUICE_TRY(keys, ReadKeyFile(options.keys));
  }
  if (!options.key_file.empty()) {
    SLUICE_TRY(const MappedFile file, MappedFile::Open(options.key_file));
    const std::string_view key = file.text().substr(0, file.text().find_first_of("\r\n"));
    if (key.empty())
      return Fail(ErrorCode::kConfig, fmt::format("{}: the first line holds no key", options.key_file));
    AddKey(key, keys);
  } else {
    constexpr char kSpace[] = " \t\r\n";
    std::string_view rest = options.key;
    while ((rest = rest.substr(std::min(rest.size(), rest.find_first_not_of(kSpace)))) != "") {
      const size_t end = std::min(rest.size(), rest.find_first_of(kSpace));
      AddKey(rest.substr(0, end), keys);
      rest.remove_prefix(end);
    }
  }
  if (keys.empty() && !IsLoopback(options.host) && !options.open)
    return Fail(ErrorCode::kConfig,
                fmt::format("{} can be reached from other machines, and no key is asked for", options.host),
                "set SLUICE_API_KEY, --api-key-file or --api-keys, or say --no-api-key");
  return keys;
}

server::LogLevel LevelOf(const std::string& name) {
  using server::LogLevel;
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  return name == "error" ? LogLevel::kError : LogLevel::kInfo;
}

Result<std::shared_ptr<server::Backend>> OpenBackend(const std::string& path, const std::string& name,
                                                     const Options& options, server::Log& log) {
  engine::EngineOptions engine_options{.context = static_cast<int>(options.context),
                                       .kv_tokens = options.kv_tokens,
                                       .max_batch_tokens = static_cast<int>(options.step_tokens),
                                       .max_running = static_cast<int>(options.max_batch),
                                       .max_queue = static_cast<int>(options.max_queue),
                                       .queue_seconds = options.queue_seconds,
                                       .adapters = !options.loras.empty() || !options.lora_directory.empty(),
                                       .share_prefixes = !options.no_prefix_cache,
                                       .state_snapshots = options.state_snapshots};
  if (options.kv_tokens == 0) engine_options.kv_contexts = kContextsAtOnce;
  SLUICE_TRY(Session opened, OpenSession(path, options.compute, engine_options));
  const auto session = std::make_shared<Session>(std::move(opened));
  if (const model::Model& model = session->engine->model(); !model.not_placed.empty() && !ErrorIsTerminal())
    log.Write(server::LogLevel::kWarning, NotPlacedNote(model));
  return server::MakeEngineBackend(
      std::shared_ptr<engine::Engine>(session, session->engine.get()),
      std::shared_ptr<const tokenizer::Tokenizer>(session, session->tokenizer.get()),
      name.empty() ? session->name : name);
}

// On SIGHUP. What cannot change while it serves is named and left. `closed`: it has asked for keys so far.
Result<server::LiveSettings> Reload(Options& options, Settings& settings, bool closed) {
  const Options before = options;
  SLUICE_TRY(const std::vector<std::string> changed, settings.Resolve(options.config, std::getenv));
  auto keys = ReadKeys(options);
  if (keys && keys->empty() && closed)
    keys = Fail(ErrorCode::kConfig, "no key is left, and until now one was asked for",
                "to answer without keys, start again without them");
  if (!keys) {
    options = before;
    return Fail(keys.error());
  }
  server::LiveSettings live{.keys = std::move(*keys), .log_level = LevelOf(options.log_level), .ignored = {}};
  for (const std::string& key : changed)
    if (key != "log_level" && key != "api_keys" && key != "api_key_file" && key != "api_key")
      live.ignored.push_back(key);
  return live;
}

// "NAME=DIR,NAME=DIR": adapters that are there from the start.
Status OpenAdapters(const std::string& list, const server::LoraOptions& options, server::ModelHost& models) {
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    const size_t equals = entry.find('=');
    if (equals == entry.npos)
      return Fail(ErrorCode::kUsage, fmt::format("--lora holds \"{}\"", entry),
                  "write NAME=DIR, and commas between several");
    SLUICE_TRY(const auto order, LoraOrder(models, options, std::string(entry.substr(0, equals)),
                                           std::string(entry.substr(equals + 1))));
    SLUICE_TRY(const std::string opened, models.Open(order));
  }
  return {};
}

// Bytes a second, which metrics compare with; 0 where nothing can be measured.
double ReadBandwidth(const Options& options) {
  if (options.bandwidth > 0) return options.bandwidth * 1e9;
  ThreadTeam team(ThreadCount(options.compute));
  const auto rate = machine::ReadBandwidth(team, 0, machine::Care::kBrief);
  return rate ? rate->median : 0;
}

Status CheckTls(const Options& options) {
  if (options.tls_certificate.empty() == options.tls_key.empty()) return {};
  return Fail(ErrorCode::kConfig, "TLS needs both --tls-cert and --tls-key");
}

Result<int> Serve(Options& options, Settings& settings) {
  if (const char* file = std::getenv("SLUICE_CONFIG"); file != nullptr && options.config.empty())
    options.config = file;
  SLUICE_CHECK_OK(settings.Resolve(options.config, std::getenv));
  if (options.print) {
    Print(settings.Print());
    return 0;
  }
  SLUICE_CHECK_OK(CheckTls(options));
  server::ServerOptions server_options;
  SLUICE_TRY(server_options.service.security.keys, ReadKeys(options));
  std::signal(SIGPIPE, SIG_IGN);  // clients that go away are no reason to end
  std::signal(SIGXFSZ, SIG_IGN);  // nor is a file that may not grow
  std::signal(SIGHUP, SIG_IGN);   // until there is something to reload
  const Options first = options;  // for models that are loaded later, whatever is reloaded meanwhile
  const bool text = options.log_format == "text" || (options.log_format == "auto" && ErrorIsTerminal());
  const auto log = std::make_shared<server::Log>(
      STDERR_FILENO, text ? server::LogFormat::kText : server::LogFormat::kJson, LevelOf(options.log_level));
  const auto open = [&first, log](const std::string& path, const std::string& name) {
    return OpenBackend(path, name, first, *log);
  };
  server_options.service.read_bandwidth = ReadBandwidth(options);
  SLUICE_TRY(auto backend, open(options.model, ""));
  SLUICE_TRY(auto served, server::Served::Make(backend, options.model));
  const std::string name = backend->model_name();
  const int context = backend->context();
  backend.reset();
  server::ModelHost models(std::move(served), open);
  server_options.service.lora = {.directory = options.lora_directory,
                                 .most = static_cast<int>(options.max_loras),
                                 .most_bytes = options.lora_mib << 20};
  SLUICE_CHECK_OK(OpenAdapters(options.loras, server_options.service.lora, models));
  server_options.service.log = log;
  server_options.service.log_prompts = options.log_prompts;
  server_options.service.stuck_after = static_cast<double>(options.stuck_seconds);
  server_options.http.host = options.host;
  server_options.http.port = static_cast<uint16_t>(options.port);
  server_options.http.drain_timeout = std::chrono::seconds(options.drain_seconds);
  server_options.http.tls_certificate = options.tls_certificate;
  server_options.http.tls_key = options.tls_key;
  const bool closed = !server_options.service.security.keys.empty();
  server_options.reload = [&, closed] { return Reload(options, settings, closed); };
  SLUICE_CHECK_OK(server::Serve(server_options, models, [&](const std::string& address) {
    log->Write(server::LogLevel::kInfo,
               fmt::format("{} answers on {} (context of {} tokens); Ctrl-C ends", name, address, context));
  }));
  return 0;
}

void AddAdapters(Settings& settings, Options& options) {
  settings.Text("--lora", "NAME=DIR,...", &options.loras,
                "LoRA adapters (PEFT), each served as a model of this name");
  settings.Text("--lora-dir", "DIR", &options.lora_directory,
                "Let admins load adapters from below this folder while the server runs");
  settings.Integer("--max-loras", &options.max_loras, 1, 100'000, "Adapters at once");
  settings.Integer("--lora-memory", &options.lora_mib, 1, INT64_MAX >> 20, "MiB that they may take together");
}

void AddServing(Settings& settings, Options& options) {
  settings.Text("--api-keys", "FILE", &options.keys,
                "Ask for one of these keys: a TOML file of tables that sluice key makes");
  settings.Secret("--api-key", &options.key);
  settings.Text("--api-key-file", "FILE", &options.key_file,
                "Ask for the key in the file's first line; otherwise those of SLUICE_API_KEY");
  settings.Flag("--no-api-key", &options.open, "Ask for none although other machines can reach the address");
  settings.Text("--tls-cert", "FILE", &options.tls_certificate,
                "Speak TLS, with this certificate and what follows it in its chain (PEM)");
  settings.Text("--tls-key", "FILE", &options.tls_key, "And this key (PEM)");
  settings.Integer("--drain-timeout", &options.drain_seconds, 0, 86'400,
                   "Seconds that running answers get after SIGTERM");
  settings.Integer("--stuck-after", &options.stuck_seconds, 1, 86'400,
                   "Seconds that one step may take before /health answers 503");
  settings.Choice("--log-format", &options.log_format, {"auto", "json", "text"},
                  "How the log is written; auto: text on a terminal, else JSON");
  settings.Choice("--log-level", &options.log_level, {"debug", "info", "warning", "error"},
                  "What is left out of it: what matters less");
  settings.Flag("--log-prompts", &options.log_prompts, "Put what was asked and answered into the log");
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
  AddServing(*settings, *options);
  AddAdapters(*settings, *options);
  verb.Exclude("--no-api-key", "--api-key-file");
  verb.Exclude("--no-api-key", "--api-keys");
  settings->Integer("--ctx", &options->context, 0, INT32_MAX,
                    "Longest prompt and answer in tokens; 0: the model's, at most 4096");
  settings->Integer("--kv-tokens", &options->kv_tokens, 0, INT64_MAX,
                    "Tokens kept over all requests; 0: four contexts");
  settings->Integer("--step-tokens", &options->step_tokens, 1, 65536,
                    "Tokens computed in one step; fewer keep answers flowing while prompts are read");
  settings->Integer("--max-batch", &options->max_batch, 1, INT32_MAX, "Requests computed at once");
  settings->Integer("--max-queue", &options->max_queue, 1, INT32_MAX,
                    "Requests computed or waiting; more are answered 429");
  settings->Real("--queue-timeout", &options->queue_seconds, 0, 1e6,
                 "Seconds that a request may wait for room before it is answered 429; 0: any time");
  settings->Real("--read-bandwidth", &options->bandwidth, 0, 1e6,
                 "GB/s that this machine reads, for /metrics; 0: measured at the start");
  settings->Flag("--no-prefix-cache", &options->no_prefix_cache,
                 "Compute every prompt anew, also what an earlier one began with");
  settings->Integer("--state-snapshots", &options->state_snapshots, 0, INT32_MAX,
                    "Snapshots of linear attention kept for that; 0: as many as take the KV cache's bytes, "
                    "at least 8");
  options->compute.AddTo(*settings);
  verb.Do([options, settings] { return Serve(*options, *settings); });
}

}  // namespace sluice::cli
