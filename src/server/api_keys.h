// The keys that open the server: kept as their SHA-256 alone.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/rate_limit.h"

namespace sluice::server {

using KeyDigest = std::array<unsigned char, 32>;

KeyDigest DigestKey(std::string_view key);
// From and to 64 hexadecimal digits.
std::optional<KeyDigest> ParseDigest(std::string_view hex);
std::string ToHex(const KeyDigest& digest);
// A new one of 256 random bits: "sk-...".
Result<std::string> MakeKey();

struct ApiKey {
  std::string name;  // what logs call it
  KeyDigest digest{};
  int64_t requests_per_minute = 0, tokens_per_minute = 0;  // 0: no limit
  bool admin = false;
};

// Thread-safe.
class KeyRing {
 public:
  struct Entry {
    ApiKey key;
    RateLimit limit;
    Entry(ApiKey key, RateLimit::Clock::time_point now)
        : key(std::move(key)), limit(this->key.requests_per_minute, this->key.tokens_per_minute, now) {}
  };

  // Keys whose limits stay keep what they have used.
  void Replace(std::vector<ApiKey> keys);
  bool empty() const;
  // Takes the same time whichever key is given, and whether it is one of ours.
  std::shared_ptr<Entry> Find(std::string_view key) const;
  std::vector<ApiKey> List() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Entry>> entries_;
};

}  // namespace sluice::server
