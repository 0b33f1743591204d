#include "cli/text_windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/file.h"

namespace sluice::cli {
namespace {

constexpr size_t kMostBytesPerToken = 64;  // so much text is enough for so many tokens

}  // namespace

Result<TextWindows> ReadWindows(const std::string& path, const tokenizer::Tokenizer& tokenizer,
                                const WindowOptions& options) {
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path));
  std::string_view text = file.text();
  const size_t wanted = static_cast<size_t>(options.tokens);
  if (wanted > 0) text = text.substr(0, wanted * kMostBytesPerToken);
  SLUICE_TRY(std::vector<int32_t> ids,
             tokenizer.Encode(text, {.add_special = false, .parse_special = false}));
  if (wanted > 0) ids.resize(std::min(ids.size(), wanted));
  SLUICE_TRY(const std::vector<int32_t> nothing, tokenizer.Encode(""));
  TextWindows result;
  result.begins = !nothing.empty() && tokenizer.bos() == nothing.front();
  const size_t room = static_cast<size_t>(options.window) - (result.begins ? 1 : 0);
  for (size_t at = 0; at < ids.size(); at += room) {
    const auto part = std::span(ids).subspan(at, std::min(room, ids.size() - at));
    if (part.size() < 2) break;
    std::vector<int32_t>& window = result.windows.emplace_back();
    if (result.begins) window.push_back(nothing.front());
    window.insert(window.end(), part.begin(), part.end());
  }
  if (result.windows.empty())
    return Fail(ErrorCode::kBadFile, fmt::format("{}: {} tokens are no text to measure on", path, ids.size()),
                "give a text of some pages");
  return result;
}

}  // namespace sluice::cli
