// Merges given as strings -> a table of ids.
#pragma once

#include <string_view>

#include "base/result.h"
#include "tokenizer/bpe.h"
#include "tokenizer/vocabulary.h"

namespace sluice::tokenizer {

class MergeBuilder {
 public:
  // `prefix_bytes`: what the right part of a merge loses when it is joined ("##").
  explicit MergeBuilder(const Vocabulary& vocabulary, size_t prefix_bytes = 0)
      : vocabulary_(vocabulary), prefix_bytes_(prefix_bytes) {}
  void Reserve(size_t merges) { table_.Reserve(merges); }
  // In the order of their ranks. kBadFile: a part or the result is no token.
  Status Add(std::string_view left, std::string_view right);
  MergeTable Take() { return std::move(table_); }

 private:
  const Vocabulary& vocabulary_;
  size_t prefix_bytes_;
  MergeTable table_;
  uint32_t rank_ = 0;
};

// The merges that a vocabulary implies whose ids are ranks: every split of every token in two tokens, ranked
// by `rank_of(id)` of the whole; kNoRank leaves a token out.
constexpr uint32_t kNotMerged = UINT32_MAX;
MergeTable ImpliedMerges(const Vocabulary& vocabulary, const std::vector<uint32_t>& rank_of);

}  // namespace sluice::tokenizer
