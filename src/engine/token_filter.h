// Which tokens an answer may go on with: what holds answers to a form implements this.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"

namespace sluice::engine {

// The tokens in `ids`, rising; or, where there are `bits`, token t if bit t % 64 of word t / 64 is set.
struct AllowedTokens {
  std::span<const int32_t> ids = {};
  std::span<const uint64_t> bits = {};

  bool none() const { return ids.empty() && bits.empty(); }
};

// Of one answer. Called on the engine's thread, and must be quick.
class TokenFilter {
 public:
  virtual ~TokenFilter() = default;

  // What may come next; tokens that end the answer only where it may end. Valid until the next call.
  virtual Result<AllowedTokens> Allowed() = 0;
  // Goes on with the token. Fails, and changes nothing, where it may not come.
  virtual Status Accept(int32_t token) = 0;
};

}  // namespace sluice::engine
