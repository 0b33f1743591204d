#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "formats/file_error.h"
#include "formats/json.h"
#include "tokenizer/loaders.h"
#include "tokenizer/merges.h"
#include "tokenizer/splitters.h"

namespace sluice::tokenizer {
namespace {

Status ReadVocab(const MappedFile& file, Vocabulary& vocabulary) {
  SLUICE_TRY(const nlohmann::json doc, formats::ParseJson(file));
  if (!doc.is_object() || doc.empty())
    return Fail(formats::FileError(file, 0, "vocabulary", "is no object with tokens"));
  vocabulary = Vocabulary(2 * doc.size() + 65536);
  vocabulary.Reserve(doc.size(), doc.size() * 8);
  for (const auto& [token, id] : doc.items()) {
    const bool number = id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() <= INT32_MAX;
    if (!number || vocabulary.Has(id.get<TokenId>()))
      return Fail(formats::FileError(file, 0, fmt::format("token \"{}\"", formats::Printable(token)),
                                     "has no id of its own"));
    if (const Status added = vocabulary.Add(token, id.get<int64_t>()); !added)
      return Fail(formats::FileError(file, 0, "vocabulary", added.error().message));
  }
  return {};
}

Result<MergeTable> ReadMerges(const MappedFile& file, const Vocabulary& vocabulary) {
  MergeBuilder merges(vocabulary);
  std::string_view rest = file.text();
  for (size_t number = 1; !rest.empty(); ++number) {
    const size_t offset = file.text().size() - rest.size();
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
      return Fail(formats::FileError(file, offset, fmt::format("line {}", number),
                                     "is not two parts around one space"));
    if (const Status added = merges.Add(line.substr(0, space), line.substr(space + 1)); !added)
      return Fail(formats::FileError(file, offset, fmt::format("line {}", number), added.error().message));
  }
  return merges.Take();
}

}  // namespace

Result<PipelineParts> LoadVocabAndMerges(const MappedFile& vocab, const MappedFile& merges,
                                         std::string_view pre) {
  PipelineParts parts;
  SLUICE_CHECK_OK(ReadVocab(vocab, parts.vocabulary));
  SLUICE_TRY(MergeTable table, ReadMerges(merges, parts.vocabulary));
  parts.model = BpeModel(parts.vocabulary, {}, std::move(table));
  SLUICE_TRY(Splitter splitter, FindSplitter(pre));
  parts.normalizers = std::move(splitter.normalizers);
  parts.pre_tokenizers = std::move(splitter.pre_tokenizers);
  parts.decoder.emplace_back(ByteLevelDecoder{});
  return parts;
}

}  // namespace sluice::tokenizer
