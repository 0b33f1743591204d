// The server's end of TLS: its certificate, and connections that speak it. For http.cc alone: it is slow to
// compile.
#pragma once

#include <boost/asio/ssl.hpp>
#include <memory>
#include <string>

#include "base/result.h"

namespace sluice::server {

using TlsContext = boost::asio::ssl::context;

// TLS 1.2 and later, with the chain and the key of these PEM files.
Result<std::shared_ptr<TlsContext>> ReadCertificate(const std::string& certificate, const std::string& key);

}  // namespace sluice::server
