#include "tokenizer/merges.h"

#include <fmt/format.h>

#include "formats/file_error.h"
#include "tokenizer/unicode.h"

namespace sluice::tokenizer {

Status MergeBuilder::Add(std::string_view left, std::string_view right) {
  const auto missing = [&](std::string_view token) {
    return Fail(
        ErrorCode::kBadFile,
        fmt::format("merge {} (\"{}\" + \"{}\") needs the token \"{}\", which the vocabulary lacks", rank_,
                    formats::Printable(left), formats::Printable(right), formats::Printable(token)));
  };
  const TokenId left_id = vocabulary_.Find(left);
  if (left_id == kNoToken) return missing(left);
  const TokenId right_id = vocabulary_.Find(right);
  if (right_id == kNoToken || right.size() < prefix_bytes_) return missing(right);
  const std::string joined = std::string(left).append(right.substr(prefix_bytes_));
  const TokenId joined_id = vocabulary_.Find(joined);
  if (joined_id == kNoToken) return missing(joined);
  table_.Set(left_id, right_id, {rank_++, joined_id});
  return {};
}

MergeTable ImpliedMerges(const Vocabulary& vocabulary, const std::vector<uint32_t>& rank_of) {
  const auto part = [&](std::string_view text) {
    const TokenId id = vocabulary.Find(text);
    return id == kNoToken || rank_of[static_cast<size_t>(id)] == kNotMerged ? kNoToken : id;
  };
  MergeTable table;
  table.Reserve(rank_of.size() * 3);
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    const uint32_t rank = rank_of[static_cast<size_t>(id)];
    const std::string_view text = vocabulary.Spelling(id);
    if (rank == kNotMerged || text.empty()) continue;
    for (size_t middle = DecodeAt(text, 0).size; middle < text.size();
         middle += DecodeAt(text, middle).size) {
      const TokenId left = part(text.substr(0, middle));
      const TokenId right = left == kNoToken ? kNoToken : part(text.substr(middle));
      if (right != kNoToken) table.Set(left, right, {rank, id});
    }
  }
  return table;
}

}  // namespace sluice::tokenizer
