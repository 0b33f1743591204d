// Runs the cases of a golden file against a tokenizer. For tests.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "tokenizer/tokenizer.h"

namespace sluice::tokenizer {

struct GoldenScore {
  int passed = 0;
  std::vector<std::string> misses;  // "file: tag: what was expected, what came"
  int excused = 0;                  // misses with a tag that says: the answer depends on the Unicode version
  int total() const { return passed + excused + static_cast<int>(misses.size()); }
};

nlohmann::json ReadGolden(const std::filesystem::path& path);
// The tokenizer that a golden file is about. `data`: what its paths are relative to; `made/...` is beside the
// file.
Result<std::unique_ptr<Tokenizer>> LoadForGolden(const std::filesystem::path& path,
                                                 const nlohmann::json& golden,
                                                 const std::filesystem::path& data);
// "cases", "decode_cases", "streaming" and "llama_cpp_cases".
void RunGolden(const std::string& name, const nlohmann::json& golden, const Tokenizer& tokenizer,
               GoldenScore& score);

}  // namespace sluice::tokenizer
