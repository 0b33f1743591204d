#include "tokenizer/splitters.h"

#include <fmt/format.h>

#include <string>

#include "formats/file_error.h"
#include "tokenizer/byte_level.h"

namespace sluice::tokenizer {

const std::string_view kQwen2Expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string_view kLlama3Expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string_view kO200kExpression =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string_view kKimiK2Expression =
    R"([\p{Han}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

namespace {

constexpr std::string_view kTekkenExpression =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDeepseekWords =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDeepseekLlmLetters =
    R"(\s?[A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370)"
    R"(-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-)"
    R"(\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF)"
    R"(\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-)"
    R"(\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC)"
    R"(\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115)"
    R"(\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E)"
    R"(\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-)"
    R"(\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A)"
    R"(\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2})"
    R"(\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)";
constexpr std::string_view kDeepseekLlmSigns =
    R"(\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+)";
constexpr std::string_view kDeepseekHan = R"([\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+)";
constexpr std::string_view kDeepseekV3Han = R"([\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+)";
constexpr std::string_view kQwen35Expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kBailingExpression =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kSeedCoderExpression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kExaoneMoeExpression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kAfmoeHan =
    R"([\u4E00-\u9FFF\u3400-\u4DBF\uF900-\uFAFF\u3040-\u309F\u30A0-\u30FF\uFF65-\uFF9F\u2F00-\u2FDF\u0E40-\u0E7F)"
    R"(\u0E80-\u0EFF\u1780-\u17FF\u1000-\u109F\uAA60-\uAA7F\uA9E0-\uA9FF\uAC00-\uD7AF\u1100-\u11FF]+)";

// How the pieces of a known name are cut, before bytes become characters.
enum class Kind {
  kGpt2,         // GPT-2's expression alone
  kDigitsGpt2,   // single digits, then GPT-2's
  kFalcon,       // punctuation, GPT-2's, then digits on the byte-level text
  kExpressions,  // each of `expressions` in turn
  kGemma,        // lines; no byte-level text
};

struct Named {
  std::string_view names;  // each between spaces
  Kind kind;
  std::vector<std::string_view> expressions;
  bool ignore_merges = false;
  bool add_bos = false;
  bool nfc = false;  // the published tokenizers normalise, which a GGUF cannot say
};

const std::vector<Named>& Table() {
  static const std::vector<Named> table = {
      {" gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de jina-v1-en jina-v2-code roberta-bpe gigachat "
       "a.x-4.0 mellum "
       "modern-bert exaone4 jais trillion granite-docling ",
       Kind::kGpt2},
      {" mpt olmo gpt-neox ", Kind::kGpt2, {}, false, false, true},
      {" starcoder refact smollm codeshell exaone minerva-7b mellum2 ", Kind::kDigitsGpt2},
      {" command-r ", Kind::kDigitsGpt2, {}, false, false, true},
      {" falcon ", Kind::kFalcon},
      {" llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano ",
       Kind::kExpressions,
       {kLlama3Expression},
       true,
       true},
      {" dbrx smaug-bpe chatglm-bpe glm4 ", Kind::kExpressions, {kLlama3Expression}},
      {" qwen2 megrez ", Kind::kExpressions, {kQwen2Expression}, false, false, true},
      {" deepseek-r1-qwen stablelm2 hunyuan solar-open grok-2 kormo f2llmv2 ",
       Kind::kExpressions,
       {kQwen2Expression}},
      {" qwen35 ", Kind::kExpressions, {kQwen35Expression}, false, false, true},
      {" gpt-4o llama4 kanana2 minimax-m2 talkie ", Kind::kExpressions, {kO200kExpression}},
      {" tekken ", Kind::kExpressions, {kTekkenExpression}, true, true},
      {" kimi-k2 ", Kind::kExpressions, {kKimiK2Expression}},
      {" deepseek-llm ",
       Kind::kExpressions,
       {"[\r\n]", kDeepseekLlmLetters, kDeepseekLlmSigns, R"(\s+$)", kDeepseekHan, R"(\p{N})"}},
      {" deepseek-coder ",
       Kind::kExpressions,
       {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepseekHan, R"(\p{N})"}},
      {" deepseek-v3 hunyuan-dense joyai-llm ",
       Kind::kExpressions,
       {R"(\p{N}{1,3})", kDeepseekV3Han, kDeepseekWords}},
      {" bailingmoe bailingmoe2 llada-moe ", Kind::kExpressions, {kBailingExpression}},
      {" seed-coder ", Kind::kExpressions, {kSeedCoderExpression}},
      {" exaone-moe ", Kind::kExpressions, {kExaoneMoeExpression}},
      {" superbpe ", Kind::kExpressions, {R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"}},
      {" tiny_aya cohere2moe ", Kind::kExpressions, {R"(\d{1,3}(?=(?:\d{3})*\b))", kO200kExpression}},
      {" minicpm5 ", Kind::kExpressions, {R"(\p{N}{1,3})", kLlama3Expression}, true},
      {" afmoe ", Kind::kExpressions, {R"(\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N})))", kAfmoeHan, kDeepseekWords}},
      {" viking ", Kind::kExpressions, {R"( ?[^(\s|.,!?…。，、।۔،)]+)", R"(\p{N})"}},
      {" poro-chat bloom gpt3-finnish ", Kind::kExpressions, {R"( ?[^(\s|.,!?…。，、।۔،)]+)"}},
      {" default ",
       Kind::kExpressions,
       {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Expression, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {" gemma4 ", Kind::kGemma, {R"([^\n]+|[\n]+)"}, true},
  };
  return table;
}

Status AddExpression(std::string_view expression, std::vector<PreTokenizer>& out) {
  SLUICE_TRY(Regex regex, Regex::Compile(expression, RegexDialect::kOniguruma));
  out.emplace_back(SplitPreTokenizer{Pattern(std::move(regex)), SplitBehavior::kIsolated, false});
  return {};
}

Status AddGpt2(std::vector<PreTokenizer>& out) {
  SLUICE_TRY(Regex regex, Regex::Compile(kGpt2Expression, RegexDialect::kOniguruma));
  out.emplace_back(ByteLevelPreTokenizer{false, std::move(regex)});
  return {};
}

}  // namespace

Result<Splitter> FindSplitter(std::string_view name) {
  using Class = CharSplitPreTokenizer::Class;
  const Named* found = nullptr;
  const std::string between_spaces = fmt::format(" {} ", name);
  for (const Named& named : Table())
    if (named.names.find(between_spaces) != std::string_view::npos) found = &named;
  if (found == nullptr || name.empty() || name.find(' ') != std::string_view::npos)
    return Fail(ErrorCode::kBadFile,
                fmt::format("the pre-tokenizer \"{}\" is not known", formats::Printable(name)),
                "the file may be newer than this program");
  Splitter out{.ignore_merges = found->ignore_merges, .add_bos = found->add_bos};
  if (found->nfc) out.normalizers.emplace_back(UnicodeNormalizer{NormalForm::kNfc});
  auto& stages = out.pre_tokenizers;
  switch (found->kind) {
    case Kind::kDigitsGpt2:
      stages.emplace_back(CharSplitPreTokenizer{Class::kNumeric, 0, SplitBehavior::kIsolated});
      [[fallthrough]];
    case Kind::kGpt2:
      SLUICE_CHECK_OK(AddGpt2(stages));
      return out;
    case Kind::kFalcon:
      stages.emplace_back(CharSplitPreTokenizer{Class::kPunctuation, 0, SplitBehavior::kContiguous});
      SLUICE_CHECK_OK(AddGpt2(stages));
      stages.emplace_back(CharSplitPreTokenizer{Class::kNumeric, 0, SplitBehavior::kContiguous});
      SLUICE_CHECK_OK(AddExpression("[0-9][0-9][0-9]", stages));
      return out;
    case Kind::kExpressions:
      for (const std::string_view expression : found->expressions)
        SLUICE_CHECK_OK(AddExpression(expression, stages));
      stages.emplace_back(ByteLevelPreTokenizer{false, std::nullopt});
      return out;
    case Kind::kGemma:
      out.normalizers.emplace_back(ReplaceNormalizer{Pattern(" "), std::string(kSpaceSymbol)});
      for (const std::string_view expression : found->expressions)
        SLUICE_CHECK_OK(AddExpression(expression, stages));
      return out;
  }
  return out;
}

Result<std::vector<PreTokenizer>> TiktokenSplitter(std::string_view expression) {
  SLUICE_TRY(Regex regex, Regex::Compile(expression, RegexDialect::kRust));
  std::vector<PreTokenizer> out;
  out.emplace_back(SplitPreTokenizer{Pattern(std::move(regex)), SplitBehavior::kRemoved, true});
  out.emplace_back(ByteLevelPreTokenizer{false, std::nullopt});
  return out;
}

}  // namespace sluice::tokenizer
