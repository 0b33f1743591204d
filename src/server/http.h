// The HTTP server: sockets, limits, timeouts. What requests mean is the service's business.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace sluice::server {

class Service;

struct HttpOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 8080;  // 0: any that is free
  int threads = 2;
  size_t max_connections = 10'000;  // and never more than the system's file limit allows
  size_t max_body_bytes = size_t{16} << 20;
  std::chrono::milliseconds head_timeout{10'000}, body_timeout{30'000}, idle_timeout{75'000},
      write_timeout{30'000};
  // How long a connection is still listened to before it is closed: while nothing comes, and in all.
  std::chrono::milliseconds farewell_silence{1000}, farewell_timeout{10'000};
  std::chrono::milliseconds drain_timeout{
      30'000};                           // how long requests may go on after the server is told to stop
  bool handle_signals = false;           // SIGTERM and SIGINT drain; a second one ends the program
  std::function<void()> on_hangup;       // SIGHUP, with `handle_signals`
  std::string tls_certificate, tls_key;  // PEM files, the chain in the first; empty: plain HTTP
};

class HttpServer {
 public:
  struct Impl;
  // Listens at once; answers when Run is called. `service` must outlive the server.
  static Result<std::unique_ptr<HttpServer>> Listen(const HttpOptions& options, Service& service);
  ~HttpServer();

  uint16_t port() const;
  // Until Stop or a signal, and then until the running requests are done. Calls `ready` once all threads run.
  void Run(const std::function<void()>& ready = {});
  // Connections from now on get what the certificate's files hold now; after an error, what they got before.
  Status ReloadCertificate();
  // Drains. From any thread.
  void Stop();

 private:
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::server
