#include <fmt/format.h>

#include "tokenizer/loaders.h"
#include "tokenizer/splitters.h"

namespace sluice::tokenizer {
namespace {

constexpr std::string_view kR50kExpression =
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s)";
constexpr std::string_view kCl100kExpression =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|)"
    R"(\s+(?!\S)|\s)";

// Gives names to consecutive ids.
class Names {
 public:
  Names(TiktokenSpec& spec, TokenId next) : spec_(spec), next_(next) {}
  Names& Add(std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) spec_.special.emplace_back(name, next_++);
    return *this;
  }
  // `pattern` with the numbers first, first + 1, ... in place of {}.
  Names& Numbered(std::string_view pattern, int first, int count) {
    for (int i = first; i < first + count; ++i)
      spec_.special.emplace_back(fmt::format(fmt::runtime(pattern), i), next_++);
    return *this;
  }
  TokenId next() const { return next_; }

 private:
  TiktokenSpec& spec_;
  TokenId next_;
};

TiktokenSpec R50k(TokenId) {
  TiktokenSpec spec{.pattern = std::string(kR50kExpression), .eos = "<|endoftext|>"};
  spec.special = {{"<|endoftext|>", 50256}};
  return spec;
}

TiktokenSpec Cl100k(TokenId) {
  TiktokenSpec spec{.pattern = std::string(kCl100kExpression), .eos = "<|endoftext|>"};
  spec.special = {{"<|endoftext|>", 100257},
                  {"<|fim_prefix|>", 100258},
                  {"<|fim_middle|>", 100259},
                  {"<|fim_suffix|>", 100260},
                  {"<|endofprompt|>", 100276}};
  return spec;
}

TiktokenSpec O200k(TokenId) {
  TiktokenSpec spec{.pattern = std::string(kO200kExpression), .eos = "<|endoftext|>"};
  spec.special = {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}};
  return spec;
}

// gpt-oss. The id 200018 has two names.
TiktokenSpec Harmony(TokenId ranks) {
  TiktokenSpec spec = O200k(ranks);
  spec.bos = "<|startoftext|>";
  spec.eos = "<|return|>";
  spec.end_tokens = {"<|call|>", "<|endoftext|>"};
  Names(spec, 199998).Add({"<|startoftext|>"});
  Names(spec, 200000)
      .Numbered("<|reserved_{}|>", 200000, 2)
      .Add({"<|return|>", "<|constrain|>", "<|reserved_200004|>", "<|channel|>", "<|start|>", "<|end|>",
            "<|message|>"})
      .Numbered("<|reserved_{}|>", 200009, 3)
      .Add({"<|call|>"})
      .Numbered("<|reserved_{}|>", 200013, 201088 - 200013);
  return spec;
}

TiktokenSpec Llama3(TokenId ranks) {
  TiktokenSpec spec{.pattern = std::string(kLlama3Expression),
                    .bos = "<|begin_of_text|>",
                    .eos = "<|end_of_text|>",
                    .add_bos = true,
                    .end_tokens = {"<|eot_id|>", "<|eom_id|>"}};
  Names(spec, ranks)
      .Add({"<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>",
            "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>", "<|step_id|>", "<|start_header_id|>",
            "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>", "<|image|>"})
      .Numbered("<|reserved_special_token_{}|>", 2, 244);
  return spec;
}

TiktokenSpec Llama4(TokenId ranks) {
  constexpr int kSpecial = 2048;
  TiktokenSpec spec{.pattern = std::string(kO200kExpression),
                    .bos = "<|begin_of_text|>",
                    .eos = "<|end_of_text|>",
                    .add_bos = true,
                    .end_tokens = {"<|eot|>", "<|eom|>"}};
  Names names(spec, ranks);
  names
      .Add({"<|begin_of_text|>", "<|end_of_text|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
            "<|header_start|>", "<|header_end|>", "<|eom|>", "<|eot|>", "<|step|>"})
      .Numbered("<|text_post_train_reserved_special_token_{}|>", 0, 6)
      .Add({"<|python_start|>", "<|python_end|>", "<|finetune_right_pad|>"})
      .Numbered("<|text_post_train_reserved_special_token_{}|>", 8, 61)
      .Add({"<|image_start|>", "<|image_end|>"})
      .Numbered("<|vision_reserved_special_token_{}|>", 0, 2)
      .Add({"<|tile_x_separator|>", "<|tile_y_separator|>"})
      .Numbered("<|vision_reserved_special_token_{}|>", 2, 4)
      .Add({"<|image|>", "<|vision_reserved_special_token_6|>", "<|patch|>"})
      .Numbered("<|vision_reserved_special_token_{}|>", 7, 1041)
      .Numbered("<|reasoning_reserved_special_token_{}|>", 0, 8)
      .Add({"<|reasoning_thinking_start|>", "<|reasoning_thinking_end|>"});
  names.Numbered("<|reserved_special_token_{}|>", 0, ranks + kSpecial - names.next());
  return spec;
}

TiktokenSpec KimiK2(TokenId ranks) {
  constexpr int kSpecial = 256;
  TiktokenSpec spec{.pattern = std::string(kKimiK2Expression),
                    .bos = "[BOS]",
                    .eos = "[EOS]",
                    .end_tokens = {"<|im_end|>", "[EOT]"}};
  constexpr std::string_view kReserved = "<|reserved_token_{}|>";
  Names names(spec, ranks);
  names.Add({"[BOS]", "[EOS]", "<|im_end|>", "<|im_user|>", "<|im_assistant|>"})
      .Numbered(kReserved, names.next(), 1)
      .Add({"<|start_header_id|>", "<|end_header_id|>"})
      .Numbered(kReserved, names.next(), 1)
      .Add({"[EOT]", "<|im_system|>", "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>",
            "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"});
  names.Numbered(kReserved, names.next(), 1).Add({"<|im_middle|>"});
  names.Numbered(kReserved, names.next(), ranks + kSpecial - 2 - names.next()).Add({"[UNK]", "[PAD]"});
  return spec;
}

TiktokenSpec Qwen(TokenId ranks) {
  TiktokenSpec spec{
      .pattern = std::string(kQwen2Expression), .eos = "<|endoftext|>", .end_tokens = {"<|im_end|>"}};
  Names(spec, ranks).Add({"<|endoftext|>", "<|im_start|>", "<|im_end|>"}).Numbered("<|extra_{}|>", 0, 205);
  return spec;
}

struct Published {
  std::string_view name;
  size_t ranks;
  TiktokenSpec (*make)(TokenId ranks);
};

constexpr Published kPublished[] = {
    {"r50k-base", 50256, R50k},         {"cl100k-base", 100256, Cl100k}, {"o200k-base", 199998, O200k},
    {"o200k-harmony", 199998, Harmony}, {"llama3", 128000, Llama3},      {"llama4", 200000, Llama4},
    {"kimi-k2", 163584, KimiK2},        {"qwen-tiktoken", 151643, Qwen},
};

}  // namespace

Result<TiktokenSpec> FindTiktokenSpec(std::string_view name, size_t ranks) {
  std::string known;
  for (const Published& published : kPublished) {
    if (name.empty() ? published.ranks == ranks : published.name == name)
      return published.make(static_cast<TokenId>(ranks));
    known += fmt::format("{}{}", known.empty() ? "" : ", ", published.name);
  }
  if (name.empty())
    return Fail(ErrorCode::kUsage,
                fmt::format("a tiktoken file holds only ranks ({} here), not how text is split", ranks),
                fmt::format("say --pre with one of: {}", known));
  return Fail(ErrorCode::kUsage, fmt::format("--pre {} is not known for tiktoken files", name),
              fmt::format("one of: {}", known));
}

}  // namespace sluice::tokenizer
