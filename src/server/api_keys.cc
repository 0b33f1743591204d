#include "server/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace sluice::server {

KeyDigest DigestKey(std::string_view key) {
  KeyDigest digest{};
  EVP_Digest(key.data(), key.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

std::optional<KeyDigest> ParseDigest(std::string_view hex) {
  KeyDigest digest{};
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  const auto value = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  for (size_t i = 0; i < digest.size(); ++i) {
    const int high = value(hex[2 * i]), low = value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return digest;
}

std::string ToHex(const KeyDigest& digest) {
  std::string hex;
  for (const unsigned char byte : digest)
    for (const int half : {byte >> 4, byte & 15}) hex += "0123456789abcdef"[half];
  return hex;
}

Result<std::string> MakeKey() {
  KeyDigest random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    return Fail(ErrorCode::kOs, "the system gave no random bytes for a key");
  return "sk-" + ToHex(random);
}

void KeyRing::Replace(std::vector<ApiKey> keys) {
  const auto now = RateLimit::Clock::now();
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Entry>> entries;
  for (ApiKey& key : keys) {
    std::shared_ptr<Entry> same;
    for (const auto& old : entries_)
      if (old->key.digest == key.digest && old->key.name == key.name && old->key.admin == key.admin &&
          old->key.requests_per_minute == key.requests_per_minute &&
          old->key.tokens_per_minute == key.tokens_per_minute)
        same = old;
    entries.push_back(same ? same : std::make_shared<Entry>(std::move(key), now));
  }
  entries_ = std::move(entries);
}

bool KeyRing::empty() const {
  const std::lock_guard lock(mutex_);
  return entries_.empty();
}

std::shared_ptr<KeyRing::Entry> KeyRing::Find(std::string_view key) const {
  const KeyDigest digest = DigestKey(key);
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Entry> found;
  for (const auto& entry : entries_)
    if (CRYPTO_memcmp(entry->key.digest.data(), digest.data(), digest.size()) == 0) found = entry;
  return found;
}

std::vector<ApiKey> KeyRing::List() const {
  const std::lock_guard lock(mutex_);
  std::vector<ApiKey> keys;
  for (const auto& entry : entries_) keys.push_back(entry->key);
  return keys;
}

}  // namespace sluice::server
