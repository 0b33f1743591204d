#include <fmt/format.h>

#include <memory>

#include "cli/key_file.h"
#include "cli/streams.h"
#include "cli/verb.h"

namespace sluice::cli {
namespace {

struct Options {
  std::string name = "key";
  bool admin = false, existing = false;
  int64_t requests_per_minute = 0, tokens_per_minute = 0;
};

Result<int> PrintKey(const Options& options) {
  if (!IsKeyName(options.name))
    return Fail(ErrorCode::kUsage,
                fmt::format("'{}' is no name for a key: up to 64 letters, digits, and . _ -", options.name));
  server::ApiKey entry{.name = options.name,
                       .digest = {},
                       .requests_per_minute = options.requests_per_minute,
                       .tokens_per_minute = options.tokens_per_minute,
                       .admin = options.admin};
  std::string key;
  if (options.existing) {
    SLUICE_TRY(const std::optional<std::string> line, ReadInputLine());
    key = line.value_or("");
    if (key.empty()) return Fail(ErrorCode::kUsage, "the first line of standard input holds no key");
  } else {
    SLUICE_TRY(key, server::MakeKey());
    fmt::print(stderr, "the key, which nobody can show again: {}\n", key);
  }
  entry.digest = server::DigestKey(key);
  Print(KeyTable(entry));
  return 0;
}

}  // namespace

void AddKey(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "key", "Make an API key for serve, and the table that --api-keys reads");
  verb.Text("--name", "NAME", &options->name, "What logs call it [key]");
  verb.Flag("--admin", &options->admin, "It opens /admin too");
  verb.Integer("--requests-per-minute", &options->requests_per_minute, 0, int64_t{1} << 40,
               "Its limit; 0: none");
  verb.Integer("--tokens-per-minute", &options->tokens_per_minute, 0, int64_t{1} << 40, "Its limit; 0: none");
  verb.Flag("--existing", &options->existing, "Take the key from standard input instead of making one");
  verb.Do([options] { return PrintKey(*options); });
}

}  // namespace sluice::cli
