// Any JSON as a schema: refused, or a grammar of which every text is JSON.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "constrain/json_schema.h"
#include "walk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const WalkInput input(std::string_view(reinterpret_cast<const char*>(data), size));
  constexpr int kDeepest = 64;  // the server takes no deeper bodies
  bool deep = false;
  const auto schema = nlohmann::ordered_json::parse(
      input.source, [&](int depth, auto, auto&) { return !(deep |= depth > kDeepest); }, false);
  if (schema.is_discarded() || deep) return 0;
  const auto grammar = sluice::constrain::JsonSchemaGrammar(schema);
  if (!grammar) {
    FUZZ_REQUIRE(!grammar.error().message.empty());
    return 0;
  }
  Walk(*grammar, input.choices, [](const std::string& text) { FUZZ_REQUIRE(nlohmann::json::accept(text)); });
  return 0;
}
