#include <fmt/format.h>

#include "formats/file_error.h"
#include "formats/json.h"
#include "tokenizer/base64.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/loaders.h"
#include "tokenizer/merges.h"
#include "tokenizer/splitters.h"

#include <nlohmann/json.hpp>

namespace sluice::tokenizer {
namespace {

// Bounds the ids by the file's size: a rank takes at least 7 bytes of it.
constexpr size_t kRankSlack = 65536;

// The tokens of a vocabulary whose ids follow from ranks.
class RankedTokens {
 public:
  RankedTokens(size_t limit, TokenId first_id) : vocabulary_(limit), first_id_(first_id) {}

  Status Add(std::string_view bytes, uint64_t rank) {
    if (bytes.empty()) return Fail(ErrorCode::kBadFile, "a token is empty");
    if (rank > INT32_MAX / 2) return Fail(ErrorCode::kBadFile, fmt::format("the rank {} is too high", rank));
    const int64_t id = static_cast<int64_t>(rank) + first_id_;
    if (id < vocabulary_.size() && vocabulary_.Has(static_cast<TokenId>(id)))
      return Fail(ErrorCode::kBadFile, fmt::format("two tokens have the rank {}", rank));
    std::string spelled;
    AppendSpelled(bytes, spelled);
    return vocabulary_.Add(spelled, id);
  }

  // Fills in the vocabulary and the model. Every byte must be a token.
  Status Finish(PipelineParts& parts) {
    for (int byte = 0; byte < 256; ++byte)
      if (const std::string spelled = ToUtf8(ByteToChar(static_cast<unsigned char>(byte)));
          vocabulary_.Find(spelled) == kNoToken)
        return Fail(ErrorCode::kBadFile, fmt::format("the byte 0x{:02X} has no rank", byte));
    std::vector<uint32_t> ranks(static_cast<size_t>(vocabulary_.size()), kNotMerged);
    for (TokenId id = first_id_; id < vocabulary_.size(); ++id)
      if (vocabulary_.Has(id)) ranks[static_cast<size_t>(id)] = static_cast<uint32_t>(id - first_id_);
    parts.vocabulary = std::move(vocabulary_);
    parts.model = BpeModel(parts.vocabulary, {.ignore_merges = true}, ImpliedMerges(parts.vocabulary, ranks));
    parts.decoder.emplace_back(ByteLevelDecoder{});
    return {};
  }

 private:
  Vocabulary vocabulary_;
  TokenId first_id_;
};

// Calls visit(bytes, rank) for each line; the error names the line.
template <typename Visit>
Status ForEachRank(const MappedFile& file, Visit visit) {
  std::string_view rest = file.text();
  std::string bytes;
  for (size_t line_number = 1; !rest.empty(); ++line_number) {
    const auto wrong = [&](std::string_view what) {
      return Fail(formats::FileError(file, file.text().size() - rest.size(),
                                     fmt::format("line {}", line_number), what,
                                     "a tiktoken file has lines of base64, a space and a rank"));
    };
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) {
      const size_t space = line.find(' ');
      if (space == std::string_view::npos) return wrong("has no space");
      bytes.clear();
      if (!DecodeBase64(line.substr(0, space), bytes)) return wrong("does not start with base64");
      uint64_t rank = 0;
      const std::string_view digits = line.substr(space + 1);
      if (digits.empty() || digits.size() > 10) return wrong("has no rank of at most ten digits");
      for (const char c : digits) {
        if (c < '0' || c > '9') return wrong("has a rank that is no number");
        rank = rank * 10 + static_cast<uint64_t>(c - '0');
      }
      if (const Status status = visit(bytes, rank); !status) return wrong(status.error().message);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

// Aliases of an id that already has a name are searched but never shown.
Status AddSpecial(std::string_view name, int64_t id, PipelineParts& parts) {
  SLUICE_CHECK_OK(parts.vocabulary.Add(name, id));
  parts.special.push_back(static_cast<TokenId>(id));
  parts.added.Add({.content = std::string(name), .id = static_cast<TokenId>(id), .special = true});
  return {};
}

Status AddDefaultTekkenSpecial(int64_t count, PipelineParts& parts) {
  constexpr std::string_view kNames[] = {"<unk>",
                                         "<s>",
                                         "</s>",
                                         "[INST]",
                                         "[/INST]",
                                         "[AVAILABLE_TOOLS]",
                                         "[/AVAILABLE_TOOLS]",
                                         "[TOOL_RESULTS]",
                                         "[/TOOL_RESULTS]",
                                         "[TOOL_CALLS]",
                                         "[IMG]",
                                         "<pad>"};
  for (int64_t id = 0; id < count; ++id) {
    const bool named = static_cast<size_t>(id) < std::size(kNames);
    SLUICE_CHECK_OK(AddSpecial(named ? std::string(kNames[id]) : fmt::format("<SPECIAL_{}>", id), id, parts));
  }
  return {};
}

Result<PipelineParts> BuildTekken(const nlohmann::json& doc) {
  const nlohmann::json& config = Field(doc, "config");
  const nlohmann::json& vocab = Field(doc, "vocab");
  if (!vocab.is_array()) return Fail(ErrorCode::kBadFile, "\"vocab\" is not an array");
  SLUICE_TRY(const std::string pattern, RequiredString(config, "pattern"));
  SLUICE_TRY(const int64_t special_count, IntField(config, "default_num_special_tokens", 1000));
  SLUICE_TRY(const int64_t size,
             IntField(config, "default_vocab_size", static_cast<int64_t>(vocab.size()) + special_count));
  if (special_count < 3 || special_count > static_cast<int64_t>(kRankSlack) || size < special_count)
    return Fail(ErrorCode::kBadFile,
                fmt::format("{} special tokens of {} tokens in all cannot be", special_count, size));
  PipelineParts parts;
  RankedTokens tokens(vocab.size() + kRankSlack * 2, static_cast<TokenId>(special_count));
  std::string bytes;
  for (const nlohmann::json& entry : vocab) {
    SLUICE_TRY(const int64_t rank, IntField(entry, "rank", -1));
    SLUICE_TRY(const std::string encoded, RequiredString(entry, "token_bytes"));
    if (rank < 0) return Fail(ErrorCode::kBadFile, "a token has no rank");
    if (rank >= size - special_count) continue;
    bytes.clear();
    if (!DecodeBase64(encoded, bytes))
      return Fail(ErrorCode::kBadFile, fmt::format("token {} is not base64", rank));
    SLUICE_CHECK_OK(tokens.Add(bytes, static_cast<uint64_t>(rank)));
  }
  SLUICE_CHECK_OK(tokens.Finish(parts));
  if (const nlohmann::json& special = Field(doc, "special_tokens"); special.is_array()) {
    for (const nlohmann::json& entry : special) {
      SLUICE_TRY(const std::string name, RequiredString(entry, "token_str"));
      SLUICE_TRY(const int64_t rank, IntField(entry, "rank", -1));
      if (rank < 0 || rank >= special_count)
        return Fail(ErrorCode::kBadFile, "a special token's rank is out of range");
      SLUICE_CHECK_OK(AddSpecial(name, rank, parts));
    }
  } else {
    SLUICE_CHECK_OK(AddDefaultTekkenSpecial(special_count, parts));
  }
  parts.never_shown = parts.special;
  SLUICE_TRY(parts.pre_tokenizers, TiktokenSplitter(pattern));
  parts.bos = parts.vocabulary.Find("<s>");
  parts.eos = parts.vocabulary.Find("</s>");
  if (parts.bos != kNoToken) parts.before.push_back(parts.bos);
  if (parts.eos != kNoToken) parts.end_tokens.push_back(parts.eos);
  return parts;
}

}  // namespace

Result<size_t> CountTiktokenRanks(const MappedFile& file) {
  size_t count = 0;
  SLUICE_CHECK_OK(ForEachRank(file, [&](std::string_view, uint64_t) -> Status {
    ++count;
    return {};
  }));
  if (count == 0) return Fail(formats::FileError(file, 0, "ranks", "there are none"));
  return count;
}

Result<PipelineParts> LoadTiktoken(const MappedFile& file, const TiktokenSpec& spec) {
  PipelineParts parts;
  RankedTokens tokens(file.text().size() / 7 + kRankSlack, 0);
  SLUICE_CHECK_OK(
      ForEachRank(file, [&](std::string_view bytes, uint64_t rank) { return tokens.Add(bytes, rank); }));
  if (const Status status = tokens.Finish(parts); !status)
    return Fail(formats::FileError(file, 0, "ranks", status.error().message));
  for (const auto& [name, id] : spec.special)
    if (const Status status = AddSpecial(name, id, parts); !status)
      return Fail(formats::FileError(file, 0, "special tokens", status.error().message,
                                     "check --pre: this vocabulary may be another one"));
  SLUICE_TRY(parts.pre_tokenizers, TiktokenSplitter(spec.pattern));
  const auto find = [&](std::string_view name) {
    return name.empty() ? kNoToken : parts.vocabulary.Find(name);
  };
  parts.bos = find(spec.bos);
  parts.eos = find(spec.eos);
  if (spec.add_bos && parts.bos != kNoToken) parts.before.push_back(parts.bos);
  if (parts.eos != kNoToken) parts.end_tokens.push_back(parts.eos);
  for (const std::string& name : spec.end_tokens)
    if (const TokenId id = find(name); id != kNoToken && id != parts.eos) parts.end_tokens.push_back(id);
  return parts;
}

Result<PipelineParts> LoadTekken(const MappedFile& file) {
  SLUICE_TRY(const nlohmann::json doc, formats::ParseJson(file));
  auto parts = BuildTekken(doc);
  if (!parts)
    return Fail(ErrorCode::kBadFile, fmt::format("{}: {}", file.path(), parts.error().message),
                parts.error().hint);
  return parts;
}

}  // namespace sluice::tokenizer
