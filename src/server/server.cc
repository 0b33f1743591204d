#include "server/server.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace sluice::server {
namespace {

void LogError(Log* log, const char* what, const Error& error) {
  if (log != nullptr) log->Write(LogLevel::kError, what, {{"why", error.message}, {"try", error.hint}});
}

// A file that is wrong changes nothing.
void Reload(const ServerOptions& options, Service& service, HttpServer& server) {
  Log* log = options.service.log.get();
  auto live = options.reload();
  if (!live) return LogError(log, "the settings were not reloaded: the old ones stay", live.error());
  if (const Status read = server.ReloadCertificate(); !read)
    return LogError(log, "the settings were not reloaded: the old ones stay", read.error());
  service.SetKeys(live->keys);
  if (log == nullptr) return;
  log->SetLevel(live->log_level);
  log->Write(LogLevel::kInfo, "the settings were reloaded", {{"keys", live->keys.size()}});
  if (!live->ignored.empty())
    log->Write(LogLevel::kWarning, "some settings change with the next start only",
               {{"settings", fmt::format("{}", fmt::join(live->ignored, ", "))}});
}

}  // namespace

Status Serve(const ServerOptions& options, ModelHost& models,
             const std::function<void(const std::string& address)>& ready) {
  Service service(models, options.service);
  HttpOptions http = options.http;
  http.handle_signals = true;
  std::unique_ptr<HttpServer> server;
  if (options.reload) http.on_hangup = [&] { Reload(options, service, *server); };
  SLUICE_TRY(server, HttpServer::Listen(http, service));
  const bool ipv6 = http.host.find(':') != std::string::npos;
  const std::string address = fmt::format("http{}://{}{}{}:{}", http.tls_certificate.empty() ? "" : "s",
                                          ipv6 ? "[" : "", http.host, ipv6 ? "]" : "", server->port());
  server->Run([&] {
    if (ready) ready(address);
  });
  return {};
}

}  // namespace sluice::server
