#include "server/server.h"

#include <fmt/format.h>

namespace sluice::server {

Status Serve(const ServerOptions& options, Backend& backend,
             const std::function<void(const std::string& address)>& ready) {
  SLUICE_TRY(ChatPrompt chat_prompt, ChatPrompt::For(backend.tokenizer()));
  Service service(backend, std::move(chat_prompt), options.security);
  HttpOptions http = options.http;
  http.handle_signals = true;
  SLUICE_TRY(const auto server, HttpServer::Listen(http, service));
  const bool ipv6 = http.host.find(':') != std::string::npos;
  if (ready)
    ready(fmt::format("http://{}{}{}:{}", ipv6 ? "[" : "", http.host, ipv6 ? "]" : "", server->port()));
  server->Run();
  return {};
}

}  // namespace sluice::server
