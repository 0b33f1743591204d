// Seconds to load a vocabulary, and megabytes a second on 1 MB inputs, hostile ones included.
//   tokenizer_bench VOCABULARY [TEXT_FILE] [PRE]
#include <fmt/format.h>

#include <ctime>
#include <functional>
#include <random>

#include "base/file.h"
#include "tokenizer/tokenizer.h"

namespace {

using sluice::tokenizer::Tokenizer;
constexpr size_t kBytes = 1 << 20;

// Processor time, so that other work on the machine does not count.
double Seconds(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

std::string Repeat(std::string_view unit) {
  std::string text;
  while (text.size() < kBytes) text += unit;
  return text;
}

std::string RandomFrom(std::string_view alphabet) {
  std::mt19937 random(1);
  std::string text;
  while (text.size() < kBytes) text += alphabet[random() % alphabet.size()];
  return text;
}

void Measure(const Tokenizer& tokenizer, std::string_view name, const std::string& text) {
  sluice::Result<std::vector<sluice::tokenizer::TokenId>> ids;
  const double encoding = Seconds([&] { ids = tokenizer.Encode(text); });
  if (!ids) {
    fmt::print("  {:<18} {:>8.3f} s: {}\n", name, encoding, ids.error().message);
    return;
  }
  const double decoding = Seconds([&] { (void)tokenizer.Decode(*ids); });
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  fmt::print("  {:<18} {:>8.3f} s {:>8.1f} MB/s, decoded {:>8.1f} MB/s {:>9} tokens\n", name, encoding,
             megabytes / encoding, megabytes / decoding, ids->size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} VOCABULARY [TEXT_FILE] [PRE]\n", argv[0]);
    return 2;
  }
  sluice::Result<std::unique_ptr<Tokenizer>> tokenizer;
  const double loading = Seconds(
      [&] { tokenizer = sluice::tokenizer::LoadTokenizer(argv[1], {.pre = argc > 3 ? argv[3] : ""}); });
  if (!tokenizer) {
    fmt::print(stderr, "{}\n", tokenizer.error().message);
    return 1;
  }
  fmt::print("{}: {} tokens, loaded in {:.3f} s\n", argv[1], (*tokenizer)->vocab_size(), loading);
  if (argc > 2) {
    const auto file = sluice::MappedFile::Open(argv[2]);
    if (file) Measure(**tokenizer, "text file", Repeat(file->text()).substr(0, kBytes));
  }
  const std::pair<const char*, std::string> inputs[] = {
      {"a", Repeat("a")},
      {"A", Repeat("A")},
      {"spaces", Repeat(" ")},
      {"spaces, x", Repeat(" ") + "x"},
      {"newlines", Repeat("\n")},
      {"tab newline", Repeat(" \n\t")},
      {"digits", Repeat("0123456789")},
      {"zeros", Repeat("0")},
      {"punctuation", Repeat("!")},
      {"symbols", RandomFrom("!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~")},
      {"random letters", RandomFrom("abcdefghijklmnopqrstuvwxyz")},
      {"random words", RandomFrom("abcdefghijklmnopqrstuvwxyzABCDE     \n.,")},
      {"random bits", RandomFrom("ab")},
      {"emoji", Repeat("😀👩‍🚀🏳️‍🌈")},
      {"chinese", Repeat("你好世界今天天气怎么样")},
      {"korean", Repeat("안녕하세요 세계 ")},
      {"arabic", Repeat("مرحبا بالعالم ")},
      {"marks", Repeat("e\xCC\x81\xCC\xA7\xCC\x88")},
      {"marks only", Repeat("\xCC\x88\xCC\xA7")},
      {"mixed", Repeat("Hello, мир! 你好 123 😀 don't\n\t  x")},
      {"invalid", Repeat("\xFF\xC0")},
      {"specials", Repeat("<|im_start|></s><s>")},
  };
  for (const auto& [name, text] : inputs) Measure(**tokenizer, name, text);
  return 0;
}
