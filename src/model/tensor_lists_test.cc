// The tensors that published files hold, by name: each is used or knowingly skipped, and none that a model
// needs is missing. The README of tests/tensor_lists says what a list looks like.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/file.h"
#include "formats/json.h"
#include "model/config.h"
#include "model/family.h"
#include "model/name_pattern.h"
#include "model/weight_needs.h"

namespace sluice::model {
namespace {

namespace fs = std::filesystem;

struct TensorList {
  std::string config;
  bool gguf = false;
  bool whole = true;
  size_t tensors = 0;  // 0: not known
  std::set<std::string> names;
};

int ReadNumber(std::string_view text) {
  int n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

// "a.{0-2,5}.b" is a.0.b, a.1.b, a.2.b and a.5.b; the first range is the outermost.
void Expand(const std::string& pattern, std::set<std::string>* names) {
  const size_t open = pattern.find('{'), close = pattern.find('}');
  if (open == pattern.npos) {
    names->insert(pattern);
    return;
  }
  std::string ranges = pattern.substr(open + 1, close - open - 1) + ",";
  for (size_t comma = ranges.find(','); comma != ranges.npos; comma = ranges.find(',')) {
    const std::string range = ranges.substr(0, comma);
    const size_t dash = range.find('-');
    const int first = ReadNumber(range),
              last = dash == range.npos ? first : ReadNumber(std::string_view(range).substr(dash + 1));
    for (int i = first; i <= last; ++i)
      Expand(pattern.substr(0, open) + std::to_string(i) + pattern.substr(close + 1), names);
    ranges.erase(0, comma + 1);
  }
}

TensorList ReadList(const fs::path& path) {
  TensorList list;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# config ")) list.config = line.substr(9);
    if (line == "# container gguf") list.gguf = true;
    if (line == "# a part of the file") list.whole = false;
    if (line.starts_with("# tensors ")) list.tensors = static_cast<size_t>(ReadNumber(line.substr(10)));
    if (!line.empty() && line[0] != '#') Expand(line, &list.names);
  }
  return list;
}

// The names that a rule gives to a weight: the tensor itself, and what stands beside it.
std::vector<std::string> NamesBy(const Rule& rule, const WeightNeed& need, int expert, bool bias) {
  std::string name = FillPattern(rule.pattern, need.layer, expert);
  constexpr std::string_view kWeight = ".weight", kBlocks = "_blocks";
  if (bias && name.ends_with(kWeight)) name.replace(name.size() - kWeight.size(), kWeight.size(), ".bias");
  std::vector<std::string> names = {name, name + "_scale_inv"};
  if (name.ends_with(kBlocks)) names.push_back(name.substr(0, name.size() - kBlocks.size()) + "_scales");
  return names;
}

// Marks the first tensor that serves the weight; false if there is none.
bool Use(const TensorList& list, std::span<const Rule> rules, const WeightNeed& need, int expert,
         std::set<std::string>* used) {
  constexpr std::string_view kBias = ".bias";
  std::string stem = need.canonical;
  if (stem.ends_with(kBias)) stem.resize(stem.size() - kBias.size());
  for (const bool bias : {false, true})
    for (const Rule& rule : rules) {
      if (rule.canonical != (bias ? stem : need.canonical) || (bias && stem == need.canonical)) continue;
      const std::vector<std::string> names = NamesBy(rule, need, expert, bias);
      if (!list.names.contains(names.front())) continue;
      used->insert(names.begin(), names.end());
      return true;
    }
  return false;
}

class TensorLists : public ::testing::TestWithParam<std::string> {};

TEST_P(TensorLists, AreFullyAccountedFor) {
  const fs::path root = SLUICE_SOURCE_DIR "/tests";
  const TensorList list = ReadList(root / "tensor_lists" / (GetParam() + ".txt"));
  ASSERT_FALSE(list.names.empty());
  if (list.tensors > 0) {
    EXPECT_EQ(list.names.size(), list.tensors);
  }
  const auto file = MappedFile::Open(root / "configs" / (list.config + ".json"));
  ASSERT_TRUE(file) << file.error().message;
  const auto json = formats::ParseJson(*file);
  ASSERT_TRUE(json);
  const auto described = Describe(Config(*json, list.config));
  ASSERT_TRUE(described) << described.error().message;
  const Family& family = *described->family;
  const std::span<const Rule> rules = list.gguf ? family.gguf_rules : family.hf_rules;

  std::set<std::string> used;
  const LatentForm latent =
      list.names.contains("blk.0.attn_k_b.weight") ? LatentForm::kSplit : LatentForm::kJoined;
  for (const WeightNeed& need : WeightNeeds(described->desc, latent))
    for (int expert = 0; expert < std::max(1, need.experts); ++expert) {
      const bool found = Use(list, rules, need, expert, &used);
      EXPECT_TRUE(found || !list.whole) << need.canonical << " of layer " << need.layer;
    }
  const int layers = static_cast<int>(described->desc.decoder.layers.size());
  for (const std::string& name : list.names) {
    const bool skipped = std::ranges::any_of(
        family.skip, [&](std::string_view pattern) { return MatchesPattern(pattern, name, layers); });
    EXPECT_NE(used.contains(name), skipped) << name << (skipped ? " is used and skipped" : " is not used");
  }
}

std::vector<std::string> Lists() {
  std::vector<std::string> lists;
  for (const auto& entry : fs::directory_iterator(SLUICE_SOURCE_DIR "/tests/tensor_lists"))
    if (entry.path().extension() == ".txt") lists.push_back(entry.path().stem());
  std::ranges::sort(lists);
  return lists;
}

INSTANTIATE_TEST_SUITE_P(All, TensorLists, ::testing::ValuesIn(Lists()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace sluice::model
