#include "server/tls.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

namespace sluice::server {

Result<std::shared_ptr<TlsContext>> ReadCertificate(const std::string& certificate, const std::string& key) {
  const auto context = std::make_shared<TlsContext>(TlsContext::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION);
  boost::system::error_code error;
  const auto refuse = [&](const std::string& file, const char* what) {
    return Fail(ErrorCode::kConfig, fmt::format("{}: {}: {}", file, what, error.message()),
                "TLS needs a certificate and its key as PEM files that the server may read");
  };
  context->use_certificate_chain_file(certificate, error);
  if (error) return refuse(certificate, "no certificate can be read");
  context->use_private_key_file(key, TlsContext::pem, error);
  if (error) return refuse(key, "no key for the certificate can be read");
  return context;
}

}  // namespace sluice::server
