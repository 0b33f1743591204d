#include "server/http.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "server/http_wire.h"
#include "server/routes.h"
#include "server/sse.h"
#include "server/tls.h"

namespace sluice::server {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Milliseconds = std::chrono::milliseconds;
using TlsStream = asio::ssl::stream<Tcp::socket&>;

constexpr Milliseconds kCommentInterval{15'000};                    // of silence in an event stream
constexpr size_t kHeadPiece = 4096, kBodyPiece = size_t{32} << 10;  // bytes read at once
constexpr size_t kFarewellBytes = size_t{64} << 20;  // that a connection is listened to before it is closed
constexpr size_t kTurnedAwayAtOnce = 32;  // connections beyond the limit that are told so, not just closed

// Lets a coroutine get the error of an operation as a value.
auto Into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

}  // namespace

class Session;

struct HttpServer::Impl {
  Impl(const HttpOptions& options, Service& service)
      : options(options),
        service(service),
        context(options.threads),
        acceptor(context),
        signals(context),
        drain_timer(context) {}

  HttpOptions options;
  Service& service;
  size_t connection_limit = 0;
  bool loopback = false;
  std::atomic<bool> draining = false;
  std::atomic<bool> closing = false;  // the context is being destroyed, and sessions with it
  std::atomic<int> busy = 0;          // requests between their head and the end of their answer

  std::mutex mutex;
  std::set<std::weak_ptr<Session>, std::owner_less<>> sessions;

  asio::io_context context;
  Tcp::acceptor acceptor;
  asio::signal_set signals;
  asio::steady_timer drain_timer;

  std::mutex certificate_mutex;
  std::shared_ptr<TlsContext> certificate;  // null: plain HTTP

  std::shared_ptr<TlsContext> Certificate() {
    const std::lock_guard lock(certificate_mutex);
    return certificate;
  }
  Status Open();
  asio::awaitable<void> Accept();
  void Begin(Tcp::socket socket);
  void Work();
  void WaitForSignal();
  void Drain();
  void RequestDone() {
    if (--busy == 0 && draining && !closing) context.stop();
  }
};

// One connection, which answers one request after another. Everything happens on its strand.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(HttpServer::Impl& server, Tcp::socket socket)
      : server_(server),
        socket_(std::move(socket)),
        certificate_(server.Certificate()),
        deadline_(socket_.get_executor()),
        news_timer_(socket_.get_executor()) {
    if (certificate_) tls_.emplace(socket_, *certificate_);
  }
  ~Session() {
    if (in_request_) server_.RequestDone();
  }

  Tcp::socket::executor_type executor() { return socket_.get_executor(); }
  asio::awaitable<void> Run();
  asio::awaitable<void> TurnAway();
  // Ends the connection if it waits for a request.
  void CloseIfIdle();
  void Close();

 private:
  HttpServer::Impl& server_;
  Tcp::socket socket_;
  std::shared_ptr<TlsContext> certificate_;
  std::optional<TlsStream> tls_;
  asio::steady_timer deadline_, news_timer_;
  boost::beast::flat_buffer buffer_{kMaxHeadBytes + (64 << 10)};
  uint64_t deadline_number_ = 0;
  bool expired_ = false;
  bool in_request_ = false;
  bool writing_ = false;
  bool watching_ = false;     // the peer, while an answer is computed
  bool peek_later_ = false;   // when this piece has been written
  int status_ = 0;            // of the answer; 0: none has been sent
  bool news_ = false;         // the answer has progressed
  bool half_closed_ = false;  // the peer sends nothing more, but may still read
  bool gone_ = false;         // the peer is no longer there

  std::string_view Buffered() const {
    return {static_cast<const char*>(buffer_.data().data()), buffer_.data().size()};
  }

  // Cancels the socket's operations after `limit`, unless disarmed or armed anew before.
  void Arm(Milliseconds limit);
  void Disarm() {
    ++deadline_number_;
    deadline_.cancel();
  }

  // The next request; nullopt when the connection is over (an error has been answered by then).
  asio::awaitable<std::optional<HttpRequest>> Read();
  asio::awaitable<std::optional<size_t>> ReadHeadBytes();
  asio::awaitable<bool> ReadBody(HttpRequest& request);
  asio::awaitable<void> Refuse(ApiError error);
  asio::awaitable<bool> Write(std::string bytes);
  // Appends what has come to the buffer.
  asio::awaitable<void> ReadMore(size_t most, error_code& error);
  asio::awaitable<bool> Handshake();
  asio::awaitable<void> EndTls();
  void PeekTls();
  asio::awaitable<bool> WriteReply(const Reply& reply, const HttpRequest& request, bool keep_alive);
  // False: the connection is over.
  asio::awaitable<bool> Respond(const HttpRequest& request);
  asio::awaitable<bool> Follow(PendingAnswer& answer, const HttpRequest& request, bool keep_alive);
  asio::awaitable<bool> WaitForNews(const PendingAnswer& answer, bool chunked);
  Waker MakeWaker();
  void WatchPeer();
  void WatchForReset();
  void PeerChanged() { news_timer_.cancel(); }
  void Abort();
  asio::awaitable<void> CloseGently();
};

void Session::Arm(Milliseconds limit) {
  expired_ = false;
  deadline_.expires_after(limit);
  deadline_.async_wait([self = shared_from_this(), number = ++deadline_number_](error_code error) {
    if (error || number != self->deadline_number_) return;
    self->expired_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
  });
}

asio::awaitable<bool> Session::Write(std::string bytes) {
  error_code error;
  Arm(server_.options.write_timeout);
  writing_ = true;
  if (tls_)
    co_await asio::async_write(*tls_, asio::buffer(bytes), Into(error));
  else
    co_await asio::async_write(socket_, asio::buffer(bytes), Into(error));
  writing_ = false;
  Disarm();
  if (std::exchange(peek_later_, false)) WatchPeer();
  gone_ = gone_ || error;
  co_return !error;
}

asio::awaitable<void> Session::ReadMore(size_t most, error_code& error) {
  const size_t room = std::min(most, buffer_.max_size() - buffer_.size());
  if (room == 0) {
    error = http::error::buffer_overflow;
    co_return;
  }
  const auto space = buffer_.prepare(room);
  const size_t count = tls_ ? co_await tls_->async_read_some(space, Into(error))
                            : co_await socket_.async_read_some(space, Into(error));
  buffer_.commit(count);
}

asio::awaitable<bool> Session::Handshake() {
  error_code error;
  Arm(server_.options.head_timeout);
  co_await tls_->async_handshake(TlsStream::server, Into(error));
  Disarm();
  co_return !error;
}

// Says that nothing more comes, so that the peer can tell the end from a cut.
asio::awaitable<void> Session::EndTls() {
  error_code error;
  Arm(server_.options.farewell_silence);
  co_await tls_->async_shutdown(Into(error));
  Disarm();
}

asio::awaitable<bool> Session::WriteReply(const Reply& reply, const HttpRequest& request, bool keep_alive) {
  status_ = reply.status;
  Headers headers = server_.service.CommonHeaders(request);
  headers.insert(headers.end(), reply.headers.begin(), reply.headers.end());
  std::string bytes = ResponseHead(reply.status, reply.content_type, headers, keep_alive, reply.body.size());
  if (request.method != "HEAD") bytes += reply.body;
  co_return co_await Write(std::move(bytes));
}

// An error before there is a request. What the peer still sends would garble the next one, so this is the
// end.
asio::awaitable<void> Session::Refuse(ApiError error) {
  server_.service.Refused(error);
  const Reply reply = ErrorReply(error);
  std::string bytes =
      ResponseHead(reply.status, reply.content_type, reply.headers, false, reply.body.size()) + reply.body;
  co_await Write(std::move(bytes));
}

// Closing with unread input would reset the connection and could destroy our last words on their way, so what
// still comes is read and dropped.
asio::awaitable<void> Session::CloseGently() {
  error_code error;
  if (tls_ && !gone_ && socket_.is_open()) co_await EndTls();
  socket_.shutdown(Tcp::socket::shutdown_send, error);
  buffer_.clear();
  const auto end = std::chrono::steady_clock::now() + server_.options.farewell_timeout;
  size_t dropped = 0;
  while (!error && !gone_ && dropped < kFarewellBytes && std::chrono::steady_clock::now() < end) {
    Arm(server_.options.farewell_silence);
    dropped += co_await socket_.async_read_some(buffer_.prepare(kBodyPiece), Into(error));
  }
  Disarm();
  socket_.close(error);
}

asio::awaitable<std::optional<size_t>> Session::ReadHeadBytes() {
  size_t searched = 0;
  bool begun = buffer_.size() > 0;
  Arm(begun ? server_.options.head_timeout : server_.options.idle_timeout);
  while (true) {
    const size_t end = HeadEnd(Buffered(), searched);
    if (end != std::string_view::npos && end <= kMaxHeadBytes) {
      Disarm();
      co_return end;
    }
    if (buffer_.size() > kMaxHeadBytes) {
      Disarm();
      ApiError too_long{.status = 431,
                        .message = fmt::format("the request's head is longer than {} bytes", kMaxHeadBytes)};
      co_await Refuse(std::move(too_long));
      co_return std::nullopt;
    }
    searched = buffer_.size();
    error_code error;
    co_await ReadMore(kHeadPiece, error);
    if (error) break;
    if (!begun) Arm(server_.options.head_timeout);
    begun = true;
  }
  Disarm();
  ApiError too_slow{.status = 408, .message = "the request's head took too long"};
  if (expired_ && begun) co_await Refuse(std::move(too_slow));
  co_return std::nullopt;
}

asio::awaitable<std::optional<HttpRequest>> Session::Read() {
  while (Buffered().starts_with("\r\n")) buffer_.consume(2);  // left over by careless clients
  const auto end = co_await ReadHeadBytes();
  if (!end) co_return std::nullopt;
  auto request = ReadHead(Buffered().substr(0, *end));
  if (!request) {
    ApiError error = request.error();
    co_await Refuse(std::move(error));
    co_return std::nullopt;
  }
  request->loopback = server_.loopback;
  in_request_ = true;
  ++server_.busy;
  if (!co_await ReadBody(*request)) co_return std::nullopt;
  co_return std::move(*request);
}

asio::awaitable<bool> Session::ReadBody(HttpRequest& request) {
  const size_t limit = server_.options.max_body_bytes;
  const auto length = request.Header("content-length");
  ApiError problem{
      .status = 413, .message = fmt::format("the body may have {} bytes", limit), .code = "body_too_large"};
  if (length && std::strtoull(std::string(*length).c_str(), nullptr, 10) > limit) {
    co_await Refuse(std::move(problem));
    co_return false;
  }
  std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  if (request.Header("expect") == "100-continue" && !co_await Write(std::move(go_on))) co_return false;
  http::request_parser<http::string_body> parser;
  parser.header_limit(2 * kMaxHeadBytes);
  parser.body_limit(limit);
  parser.eager(true);
  error_code error;
  Arm(server_.options.body_timeout);
  while (!error && !parser.is_done()) {
    if (buffer_.size() > 0) buffer_.consume(parser.put(buffer_.data(), error));
    if (error == http::error::need_more) error = {};
    if (!error && !parser.is_done()) co_await ReadMore(kBodyPiece, error);
  }
  Disarm();
  if (!error) {
    request.body = std::move(parser.get().body());
    co_return true;
  }
  const bool malformed = error.category() == http::make_error_code(http::error::bad_chunk).category() &&
                         error != http::error::partial_message && error != http::error::end_of_stream;
  if (expired_)
    problem = {.status = 408, .message = "the request's body took too long"};
  else if (malformed && error != http::error::body_limit)
    problem = {.message = fmt::format("the HTTP request is malformed: {}", error.message())};
  if (expired_ || malformed) co_await Refuse(std::move(problem));
  co_return false;
}

asio::awaitable<void> Session::Run() {
  const auto self = shared_from_this();
  error_code ignored;
  socket_.set_option(Tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  bool open = !tls_ || co_await Handshake();
  while (open) {
    const auto request = co_await Read();
    if (!request) break;
    open = co_await Respond(*request);
    server_.service.Ended(*request, gone_ && status_ == 0 ? 0 : status_);
    if (!open) break;
    in_request_ = false;
    server_.RequestDone();
    if (server_.draining) break;
  }
  co_await CloseGently();
}

asio::awaitable<void> Session::TurnAway() {
  const auto self = shared_from_this();
  if (tls_ && !co_await Handshake()) co_return;
  ApiError full{.status = 503,
                .message = "too many connections",
                .type = "server_error",
                .headers = {{"Retry-After", "1"}}};
  co_await Refuse(std::move(full));
  co_await CloseGently();
}

void Session::CloseIfIdle() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    error_code ignored;
    if (!self->in_request_) self->socket_.cancel(ignored);
  });
}

void Session::Close() {
  error_code ignored;
  socket_.close(ignored);
  Disarm();
  news_timer_.cancel();
}

Waker Session::MakeWaker() {
  return [weak = weak_from_this(), executor = socket_.get_executor()] {
    asio::post(executor, [weak] {
      const auto self = weak.lock();
      if (!self) return;
      self->news_ = true;
      self->news_timer_.cancel();
    });
  };
}

asio::awaitable<bool> Session::Respond(const HttpRequest& request) {
  const bool keep_alive = KeepsAlive(request) && !server_.draining;
  news_ = half_closed_ = gone_ = false;
  status_ = 0;
  Answer answer = server_.service.Handle(request, MakeWaker());
  if (const Reply* reply = std::get_if<Reply>(&answer))
    co_return co_await WriteReply(*reply, request, keep_alive) && keep_alive;
  const auto pending = std::move(std::get<std::unique_ptr<PendingAnswer>>(answer));
  watching_ = buffer_.size() == 0;
  if (watching_) WatchPeer();
  const bool written = co_await Follow(*pending, request, keep_alive);
  watching_ = peek_later_ = false;
  error_code ignored;
  socket_.cancel(ignored);  // ends the watch
  co_return written&& keep_alive && !half_closed_;
}

// Writes an answer as it comes. The head goes out at once for a stream. A whole answer waits for its status,
// but when the peer has closed its side the head is sent early: a peer that is really gone refuses it, and
// the work can stop.
asio::awaitable<bool> Session::Follow(PendingAnswer& answer, const HttpRequest& request, bool keep_alive) {
  const bool chunked = SpeaksHttp11(request);
  bool head_sent = false;
  const auto write_head = [&]() -> asio::awaitable<bool> {
    head_sent = true;
    status_ = 200;
    Headers headers = server_.service.CommonHeaders(request);
    const Headers own = answer.headers();
    headers.insert(headers.end(), own.begin(), own.end());
    if (answer.streamed()) headers.emplace_back("Cache-Control", "no-cache");
    const char* type = answer.streamed() ? "text/event-stream; charset=utf-8" : "application/json";
    std::string head = StreamHead(type, headers, keep_alive && chunked, chunked);
    co_return co_await Write(std::move(head));
  };
  while (!gone_) {
    auto progress = answer.Take();
    if (answer.streamed() && !head_sent && !co_await write_head()) co_return false;
    if (progress.reply && !head_sent) co_return co_await WriteReply(*progress.reply, request, keep_alive);
    if (progress.reply) progress.bytes = std::move(progress.reply->body);
    if (progress.reply && progress.reply->status != 200) progress.failed = true;
    std::string piece = progress.bytes.empty() ? std::string() : Framed(progress.bytes, chunked);
    if (progress.done && !progress.failed && chunked) piece += "0\r\n\r\n";
    if (!piece.empty() && !co_await Write(std::move(piece))) co_return false;
    if (progress.failed) {
      Abort();
      co_return false;
    }
    if (progress.done) co_return chunked;
    if (half_closed_ && !head_sent && !co_await write_head()) co_return false;
    if (!co_await WaitForNews(answer, chunked)) co_return false;
  }
  co_return false;
}

// Until the answer has progressed, is late, or the peer has changed. In a long silence a stream gets a
// comment.
asio::awaitable<bool> Session::WaitForNews(const PendingAnswer& answer, bool chunked) {
  if (!news_ && !gone_) {
    error_code error;
    const auto comment_at = std::chrono::steady_clock::now() + kCommentInterval;
    news_timer_.expires_at(std::min(comment_at, answer.late_at()));
    co_await news_timer_.async_wait(Into(error));
    const bool comment = answer.streamed() && comment_at < answer.late_at();
    std::string waiting = Framed(kSseComment, chunked);
    if (!error && comment && !news_) co_return co_await Write(std::move(waiting));
  }
  news_ = false;
  co_return !gone_;
}

// Sees the peer's end of input while an answer is computed.
void Session::WatchPeer() {
  socket_.async_wait(Tcp::socket::wait_read, [self = shared_from_this()](error_code error) {
    if (error) return;
    if (self->tls_) return self->PeekTls();
    char byte;
    error_code state;
    const size_t count = self->socket_.receive(asio::buffer(&byte, 1), Tcp::socket::message_peek, state);
    if (count > 0) return;  // the next request is already there
    if (state == asio::error::would_block) return self->WatchPeer();
    if (state == asio::error::eof) {
      self->half_closed_ = true;
      self->WatchForReset();
    } else {
      self->gone_ = true;
    }
    self->PeerChanged();
  });
}

// What has come may be the next request, or a record that holds no text, such as the peer's farewell. TLS
// cannot say which without reading it, and may then write: not in the middle of our own writing.
void Session::PeekTls() {
  if (!watching_) return;
  peek_later_ = writing_;
  if (peek_later_) return;
  error_code state;
  const size_t count = tls_->read_some(buffer_.prepare(kHeadPiece), state);
  buffer_.commit(count);
  if (count > 0) return;
  if (state == asio::error::would_block) return WatchPeer();
  gone_ = true;
  PeerChanged();
}

void Session::WatchForReset() {
  socket_.async_wait(Tcp::socket::wait_error, [self = shared_from_this()](error_code error) {
    if (error) return;
    self->gone_ = true;
    self->PeerChanged();
  });
}

// Cuts the connection so that the peer cannot take it for a regular end.
void Session::Abort() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

namespace {

size_t ConnectionLimit(size_t wanted) {
  rlimit files{};
  constexpr size_t kReserve = 64;  // model files, logs
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return wanted;
  return std::min<size_t>(wanted, files.rlim_cur > 2 * kReserve ? files.rlim_cur - kReserve : kReserve);
}

}  // namespace

Status HttpServer::Impl::Open() {
  error_code error;
  Tcp::resolver resolver(context);
  const auto found =
      resolver.resolve(options.host, std::to_string(options.port), Tcp::resolver::passive, error);
  if (error)
    return Fail(ErrorCode::kUsage,
                fmt::format("cannot find the address of '{}': {}", options.host, error.message()),
                "127.0.0.1 is this machine alone, 0.0.0.0 every address of it");
  const Tcp::endpoint endpoint = *found.begin();
  loopback = endpoint.address().is_loopback();
  if (!options.tls_certificate.empty()) {
    SLUICE_TRY(certificate, ReadCertificate(options.tls_certificate, options.tls_key));
  }
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return {};
  const std::string what =
      fmt::format("cannot listen on {} port {}: {}", options.host, options.port, error.message());
  if (error == asio::error::address_in_use)
    return Fail(ErrorCode::kPortInUse, what, "stop the program that uses it, or choose another --port");
  if (error == asio::error::access_denied)
    return Fail(ErrorCode::kPermission, what, "ports below 1024 are reserved");
  return Fail(ErrorCode::kOs, what);
}

void HttpServer::Impl::Begin(Tcp::socket socket) {
  const auto session = std::make_shared<Session>(*this, std::move(socket));
  bool full = false;
  {
    std::lock_guard lock(mutex);
    std::erase_if(sessions, [](const auto& weak) { return weak.expired(); });
    full = sessions.size() >= connection_limit;
    if (sessions.size() >= connection_limit + kTurnedAwayAtOnce) return;
    sessions.insert(session);
  }
  // A session that memory was short for would otherwise live on in its timers.
  const auto ended = [session](const std::exception_ptr& error) {
    if (error) session->Close();
  };
  asio::co_spawn(session->executor(), full ? session->TurnAway() : session->Run(), ended);
}

asio::awaitable<void> HttpServer::Impl::Accept() {
  while (acceptor.is_open()) try {
      error_code error;
      Tcp::socket socket = co_await acceptor.async_accept(asio::make_strand(context), Into(error));
      if (error == asio::error::operation_aborted) co_return;
      if (!error) {
        Begin(std::move(socket));
        continue;
      }
      // No more files, most likely: connections wait until some are closed.
      asio::steady_timer pause(context, Milliseconds(50));
      co_await pause.async_wait(Into(error));
    } catch (const std::bad_alloc&) {  // this connection is closed, others are not
    }
}

// What handlers throw, where memory is short, ends what they were about, and nothing else.
void HttpServer::Impl::Work() {
  while (true) try {
      context.run();
      return;
    } catch (const std::exception&) {
    }
}

void HttpServer::Impl::WaitForSignal() {
  signals.async_wait([this](error_code error, int number) {
    if (error) return;
    if (number == SIGHUP) {
      options.on_hangup();
      return WaitForSignal();
    }
    if (draining) std::_Exit(1);
    Drain();
    WaitForSignal();
  });
}

void HttpServer::Impl::Drain() {
  if (draining.exchange(true)) return;
  service.Drain();
  {
    std::lock_guard lock(mutex);
    for (const auto& weak : sessions)
      if (const auto session = weak.lock()) session->CloseIfIdle();
  }
  drain_timer.expires_after(options.drain_timeout);
  drain_timer.async_wait([this](error_code error) {
    if (!error) context.stop();
  });
  if (busy == 0) context.stop();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { impl_->closing = true; }

Result<std::unique_ptr<HttpServer>> HttpServer::Listen(const HttpOptions& options, Service& service) {
  auto impl = std::make_unique<Impl>(options, service);
  SLUICE_CHECK_OK(impl->Open());
  impl->connection_limit = ConnectionLimit(options.max_connections);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

uint16_t HttpServer::port() const { return impl_->acceptor.local_endpoint().port(); }

void HttpServer::Run(const std::function<void()>& ready) {
  Impl& impl = *impl_;
  if (impl.options.handle_signals) {
    impl.signals.add(SIGTERM);
    impl.signals.add(SIGINT);
    if (impl.options.on_hangup) impl.signals.add(SIGHUP);
    impl.WaitForSignal();
  }
  asio::co_spawn(impl.context, impl.Accept(), asio::detached);
  std::vector<std::jthread> threads;
  try {
    for (int i = 1; i < impl.options.threads; ++i) threads.emplace_back([&impl] { impl.Work(); });
    if (ready) ready();
  } catch (...) {
    impl.context.stop();
    throw;
  }
  impl.Work();
}

Status HttpServer::ReloadCertificate() {
  if (impl_->options.tls_certificate.empty()) return {};
  SLUICE_TRY(auto certificate, ReadCertificate(impl_->options.tls_certificate, impl_->options.tls_key));
  const std::lock_guard lock(impl_->certificate_mutex);
  impl_->certificate = std::move(certificate);
  return {};
}

void HttpServer::Stop() {
  asio::post(impl_->context, [this] { impl_->Drain(); });
}

}  // namespace sluice::server
