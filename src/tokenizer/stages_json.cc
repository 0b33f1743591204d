#include "tokenizer/stages_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "formats/file_error.h"
#include "tokenizer/base64.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/json_fields.h"

namespace sluice::tokenizer {
namespace {

using nlohmann::json;

tl::unexpected<Error> Unknown(std::string_view stage, std::string_view type) {
  return Fail(ErrorCode::kBadFile, fmt::format("the {} \"{}\" is not known", stage, formats::Printable(type)),
              "the file may be newer than this program");
}

// {"String": "..."} or {"Regex": "..."}; some files have a plain string.
Result<Pattern> ReadPattern(const json& spec) {
  if (spec.is_string()) return Pattern(spec.get<std::string>());
  if (const json& regex = Field(spec, "Regex"); regex.is_string()) {
    SLUICE_TRY(Regex compiled, Regex::Compile(regex.get_ref<const std::string&>(), RegexDialect::kOniguruma));
    return Pattern(std::move(compiled));
  }
  SLUICE_TRY(std::string literal, RequiredString(spec, "String"));
  return Pattern(std::move(literal));
}

Result<char32_t> ReadChar(const json& object, std::string_view key, char32_t fallback) {
  if (Field(object, key).is_null()) return fallback;
  SLUICE_TRY(const std::string text, RequiredString(object, key));
  const Decoded c = text.empty() ? Decoded{kReplacement, 0, Decoded::kInvalid} : DecodeAt(text, 0);
  if (c.status != Decoded::kValid || c.size != text.size())
    return Fail(ErrorCode::kBadFile, fmt::format("\"{}\" is not one character", key));
  return c.value;
}

Result<SplitBehavior> ReadBehavior(const json& spec, std::string_view fallback) {
  SLUICE_TRY(const std::string name, StringField(spec, "behavior", fallback));
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return Unknown("splitting behaviour", name);
}

// Calls read(member) for each member of a Sequence, with the members under `key`.
template <typename Read>
Status ForEach(const json& spec, std::string_view key, Read read) {
  const json& members = Field(spec, key);
  if (!members.is_array()) return Fail(ErrorCode::kBadFile, fmt::format("a Sequence has no \"{}\"", key));
  for (const json& member : members) SLUICE_CHECK_OK(read(member));
  return {};
}

Status ReadBertNormalizer(const json& spec, std::vector<Normalizer>& out) {
  SLUICE_TRY(const bool clean, BoolField(spec, "clean_text", true));
  SLUICE_TRY(const bool cjk, BoolField(spec, "handle_chinese_chars", true));
  SLUICE_TRY(const bool lower, BoolField(spec, "lowercase", true));
  SLUICE_TRY(const bool accents, BoolField(spec, "strip_accents", lower));
  out.emplace_back(BertNormalizer{clean, cjk, accents, lower});
  return {};
}

Status ReadPrecompiled(const json& spec, std::vector<Normalizer>& out) {
  SLUICE_TRY(const std::string encoded, StringField(spec, "precompiled_charsmap", ""));
  if (encoded.empty()) return {};
  std::string blob;
  if (!DecodeBase64(encoded, blob))
    return Fail(ErrorCode::kBadFile, "\"precompiled_charsmap\" is not base64");
  SLUICE_TRY(Charsmap charsmap, Charsmap::Parse(blob));
  out.emplace_back(PrecompiledNormalizer{std::move(charsmap)});
  return {};
}

Result<MetaspacePreTokenizer> ReadMetaspace(const json& spec) {
  using Prepend = MetaspacePreTokenizer::Prepend;
  SLUICE_TRY(const char32_t replacement, ReadChar(spec, "replacement", 0x2581));
  SLUICE_TRY(const bool add_prefix_space, BoolField(spec, "add_prefix_space", true));
  SLUICE_TRY(const std::string scheme,
             StringField(spec, "prepend_scheme", add_prefix_space ? "always" : "never"));
  SLUICE_TRY(const bool split, BoolField(spec, "split", true));
  Prepend prepend = Prepend::kAlways;
  if (scheme == "first") {
    prepend = Prepend::kFirst;
  } else if (scheme == "never") {
    prepend = Prepend::kNever;
  } else if (scheme != "always") {
    return Unknown("prepend_scheme", scheme);
  }
  return MetaspacePreTokenizer{ToUtf8(replacement), prepend, split};
}

Status ReadByteLevel(const json& spec, std::vector<PreTokenizer>& out) {
  SLUICE_TRY(const bool prefix, BoolField(spec, "add_prefix_space", true));
  SLUICE_TRY(const bool use_regex, BoolField(spec, "use_regex", true));
  ByteLevelPreTokenizer stage{prefix, std::nullopt};
  if (use_regex) {
    SLUICE_TRY(Regex regex, Regex::Compile(kGpt2Expression, RegexDialect::kOniguruma));
    stage.expression = std::move(regex);
  }
  out.emplace_back(std::move(stage));
  return {};
}

Status ReadSplit(const json& spec, std::vector<PreTokenizer>& out) {
  SLUICE_TRY(Pattern pattern, ReadPattern(Field(spec, "pattern")));
  SLUICE_TRY(const SplitBehavior behavior, ReadBehavior(spec, "Isolated"));
  SLUICE_TRY(const bool invert, BoolField(spec, "invert", false));
  out.emplace_back(SplitPreTokenizer{std::move(pattern), behavior, invert});
  return {};
}

Status ReadStrip(const json& spec, std::vector<DecoderStage>& out) {
  SLUICE_TRY(const char32_t content, ReadChar(spec, "content", ' '));
  SLUICE_TRY(const int64_t start, IntField(spec, "start", 0));
  SLUICE_TRY(const int64_t stop, IntField(spec, "stop", 0));
  constexpr int64_t kMost = 1000;
  if (start < 0 || start > kMost || stop < 0 || stop > kMost)
    return Fail(ErrorCode::kBadFile, fmt::format("Strip from {} to {} is out of range", start, stop));
  out.emplace_back(StripDecoder{content, static_cast<int>(start), static_cast<int>(stop)});
  return {};
}

Result<TokenId> ReadId(const json& value) {
  if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() > INT32_MAX)
    return Fail(ErrorCode::kBadFile, "a post-processor's token id is not a number from 0 to 2^31 - 1");
  return value.get<TokenId>();
}

Status ReadTemplate(const json& spec, std::vector<TokenId>& before, std::vector<TokenId>& after) {
  std::vector<TokenId> first, last;
  bool seen_text = false;
  for (const json& item : Field(spec, "single")) {
    if (!Field(item, "Sequence").is_null()) {
      if (seen_text) return Fail(ErrorCode::kBadFile, "a template repeats the text");
      seen_text = true;
      continue;
    }
    SLUICE_TRY(const std::string name, RequiredString(Field(item, "SpecialToken"), "id"));
    const json& ids = Field(Field(Field(spec, "special_tokens"), name), "ids");
    if (!ids.is_array()) return Fail(ErrorCode::kBadFile, "a template uses a token that it does not list");
    for (const json& id : ids) {
      SLUICE_TRY(const TokenId value, ReadId(id));
      (seen_text ? last : first).push_back(value);
    }
  }
  if (!seen_text) return Fail(ErrorCode::kBadFile, "a template leaves out the text");
  before.insert(before.begin(), first.begin(), first.end());
  after.insert(after.end(), last.begin(), last.end());
  return {};
}

// BERT's and RoBERTa's: "cls": [name, id] before, "sep" after.
Status ReadPair(const json& spec, std::string_view key, TokenId& id) {
  const json& pair = Field(spec, key);
  if (!pair.is_array() || pair.size() != 2)
    return Fail(ErrorCode::kBadFile, fmt::format("a post-processor's \"{}\" is not [name, id]", key));
  SLUICE_TRY(id, ReadId(pair[1]));
  return {};
}

}  // namespace

Status ReadNormalizer(const json& spec, std::vector<Normalizer>& out) {
  if (spec.is_null()) return {};
  SLUICE_TRY(const std::string type, RequiredString(spec, "type"));
  if (type == "Sequence")
    return ForEach(spec, "normalizers", [&](const json& member) { return ReadNormalizer(member, out); });
  if (type == "BertNormalizer") return ReadBertNormalizer(spec, out);
  if (type == "Precompiled") return ReadPrecompiled(spec, out);
  if (type == "NFC") {
    out.emplace_back(UnicodeNormalizer{NormalForm::kNfc});
  } else if (type == "NFD") {
    out.emplace_back(UnicodeNormalizer{NormalForm::kNfd});
  } else if (type == "NFKC") {
    out.emplace_back(UnicodeNormalizer{NormalForm::kNfkc});
  } else if (type == "NFKD") {
    out.emplace_back(UnicodeNormalizer{NormalForm::kNfkd});
  } else if (type == "Lowercase") {
    out.emplace_back(LowercaseNormalizer{});
  } else if (type == "StripAccents") {
    out.emplace_back(StripAccentsNormalizer{});
  } else if (type == "Nmt") {
    out.emplace_back(NmtNormalizer{});
  } else if (type == "ByteLevel") {
    out.emplace_back(ByteLevelNormalizer{});
  } else if (type == "Strip") {
    SLUICE_TRY(const bool left, BoolField(spec, "strip_left", true));
    SLUICE_TRY(const bool right, BoolField(spec, "strip_right", true));
    out.emplace_back(StripNormalizer{left, right});
  } else if (type == "Prepend") {
    SLUICE_TRY(std::string text, RequiredString(spec, "prepend"));
    out.emplace_back(PrependNormalizer{std::move(text)});
  } else if (type == "Replace") {
    SLUICE_TRY(Pattern pattern, ReadPattern(Field(spec, "pattern")));
    SLUICE_TRY(std::string content, RequiredString(spec, "content"));
    out.emplace_back(ReplaceNormalizer{std::move(pattern), std::move(content)});
  } else {
    return Unknown("normalizer", type);
  }
  return {};
}

Status ReadPreTokenizer(const json& spec, std::vector<PreTokenizer>& out) {
  using Class = CharSplitPreTokenizer::Class;
  if (spec.is_null()) return {};
  SLUICE_TRY(const std::string type, RequiredString(spec, "type"));
  if (type == "Sequence")
    return ForEach(spec, "pretokenizers", [&](const json& member) { return ReadPreTokenizer(member, out); });
  if (type == "ByteLevel") return ReadByteLevel(spec, out);
  if (type == "Split") return ReadSplit(spec, out);
  if (type == "Metaspace") {
    SLUICE_TRY(MetaspacePreTokenizer stage, ReadMetaspace(spec));
    out.emplace_back(std::move(stage));
  } else if (type == "Punctuation") {
    SLUICE_TRY(const SplitBehavior behavior, ReadBehavior(spec, "Isolated"));
    out.emplace_back(CharSplitPreTokenizer{Class::kPunctuation, 0, behavior});
  } else if (type == "Digits") {
    SLUICE_TRY(const bool single, BoolField(spec, "individual_digits", false));
    out.emplace_back(CharSplitPreTokenizer{Class::kNumeric, 0,
                                           single ? SplitBehavior::kIsolated : SplitBehavior::kContiguous});
  } else if (type == "WhitespaceSplit") {
    out.emplace_back(CharSplitPreTokenizer{Class::kWhiteSpace, 0, SplitBehavior::kRemoved});
  } else if (type == "BertPreTokenizer") {
    out.emplace_back(CharSplitPreTokenizer{Class::kWhiteSpace, 0, SplitBehavior::kRemoved});
    out.emplace_back(CharSplitPreTokenizer{Class::kPunctuation, 0, SplitBehavior::kIsolated});
  } else if (type == "CharDelimiterSplit") {
    SLUICE_TRY(const char32_t delimiter, ReadChar(spec, "delimiter", ' '));
    out.emplace_back(CharSplitPreTokenizer{Class::kGiven, delimiter, SplitBehavior::kRemoved});
  } else if (type == "UnicodeScripts") {
    out.emplace_back(UnicodeScriptsPreTokenizer{});
  } else if (type == "Whitespace") {
    SLUICE_TRY(Regex words, Regex::Compile(R"(\w+|[^\w\s]+)", RegexDialect::kRust));
    out.emplace_back(SplitPreTokenizer{Pattern(std::move(words)), SplitBehavior::kRemoved, true});
  } else {
    return Unknown("pre-tokenizer", type);
  }
  return {};
}

Status ReadDecoder(const json& spec, std::vector<DecoderStage>& out) {
  if (spec.is_null()) return {};
  SLUICE_TRY(const std::string type, RequiredString(spec, "type"));
  if (type == "Sequence")
    return ForEach(spec, "decoders", [&](const json& member) { return ReadDecoder(member, out); });
  if (type == "Strip") return ReadStrip(spec, out);
  if (type == "ByteLevel") {
    out.emplace_back(ByteLevelDecoder{});
  } else if (type == "ByteFallback") {
    out.emplace_back(ByteFallbackDecoder{});
  } else if (type == "Fuse") {
    out.emplace_back(FuseDecoder{});
  } else if (type == "Metaspace") {
    SLUICE_TRY(const MetaspacePreTokenizer shared, ReadMetaspace(spec));
    out.emplace_back(MetaspaceDecoder{DecodeAt(shared.replacement, 0).value,
                                      shared.prepend != MetaspacePreTokenizer::Prepend::kNever});
  } else if (type == "WordPiece") {
    SLUICE_TRY(std::string prefix, StringField(spec, "prefix", "##"));
    SLUICE_TRY(const bool cleanup, BoolField(spec, "cleanup", true));
    out.emplace_back(WordPieceDecoder{std::move(prefix), cleanup});
  } else if (type == "BPEDecoder") {
    SLUICE_TRY(std::string suffix, StringField(spec, "suffix", "</w>"));
    out.emplace_back(EndSuffixDecoder{std::move(suffix)});
  } else if (type == "Replace") {
    SLUICE_TRY(Pattern pattern, ReadPattern(Field(spec, "pattern")));
    SLUICE_TRY(std::string content, RequiredString(spec, "content"));
    out.emplace_back(ReplaceDecoder{std::move(pattern), std::move(content)});
  } else {
    return Unknown("decoder", type);
  }
  return {};
}

Status ReadPostProcessor(const json& spec, std::vector<TokenId>& before, std::vector<TokenId>& after) {
  if (spec.is_null()) return {};
  SLUICE_TRY(const std::string type, RequiredString(spec, "type"));
  if (type == "Sequence")
    return ForEach(spec, "processors",
                   [&](const json& member) { return ReadPostProcessor(member, before, after); });
  if (type == "TemplateProcessing") return ReadTemplate(spec, before, after);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    TokenId cls = 0, sep = 0;
    SLUICE_CHECK_OK(ReadPair(spec, "cls", cls));
    SLUICE_CHECK_OK(ReadPair(spec, "sep", sep));
    before.insert(before.begin(), cls);
    after.push_back(sep);
  } else if (type != "ByteLevel") {
    return Unknown("post-processor", type);
  }
  return {};
}

}  // namespace sluice::tokenizer
