// Any text as a grammar: refused, or followed.
#include <cstdint>

#include "constrain/gbnf.h"
#include "walk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const WalkInput input(std::string_view(reinterpret_cast<const char*>(data), size));
  const auto& toy = WalkVocabulary();
  const auto grammar = sluice::constrain::ParseGbnf(
      input.source, [&](std::string_view name) { return toy.FindToken(name); }, toy.vocab_size());
  if (!grammar) {
    FUZZ_REQUIRE(!grammar.error().message.empty());
    return 0;
  }
  Walk(*grammar, input.choices, [](const std::string&) {});
  return 0;
}
