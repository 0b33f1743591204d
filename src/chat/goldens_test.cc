// Templates against what transformers and jinja2 render, from ../shared where it is present.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "chat/chat_template.h"
#include "formats/checkpoint.h"

namespace sluice::chat {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

const fs::path kShared = fs::path(SLUICE_SOURCE_DIR) / ".." / "shared";

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::tm GoldenTime(const Json& file) { return ParseTime(file["now"]).value(); }

// The text of a golden's template: a file, or a key of a tokenizer_config.json or a GGUF.
std::string TemplateText(const Json& golden) {
  const fs::path path = kShared / "data" / golden["template"].get<std::string>();
  if (path.extension() == ".gguf") {
    const auto checkpoint = formats::OpenCheckpoint(path.string());
    return std::string(checkpoint.value().gguf.String("tokenizer.chat_template").value());
  }
  if (golden.contains("key")) return Json::parse(ReadFile(path))[golden["key"].get<std::string>()];
  return ReadFile(path);
}

SpecialTokens Specials(const Json& golden) {
  SpecialTokens tokens;
  for (const char* name : {"bos_token", "eos_token"})
    if (golden[name].is_string()) tokens.emplace_back(name, golden[name]);
  return tokens;
}

struct Score {
  int right = 0, wrong = 0;
  int lenient = 0;  // rendered where only the sandbox of transformers forbids
};

void Miss(Score& score, const std::string& where, const std::string& expected, const std::string& got) {
  ++score.wrong;
  if (score.wrong <= 40)
    std::cout << "  " << where << "\n    expected " << expected << "\n    got      " << got << "\n";
}

std::string Show(const RenderResult& result) {
  if (result) return "'" + *result + "'";
  return jinja::ToError(result.error()).message;
}

// Errors must be errors; only the message of raise_exception is given word for word.
void Judge(Score& score, const std::string& where, const Json& test, const char* key,
           const RenderResult& result) {
  if (test.contains("error")) {
    const bool raised = test["error_type"] == "TemplateError";
    const std::string message = test["error"];
    if (!result && result.error().raised() == raised && (!raised || result.error().message == message)) {
      ++score.right;
    } else if (result && test["error_type"] == "SecurityError") {
      ++score.lenient;
    } else {
      Miss(score, where, test["error_type"].get<std::string>() + ": " + message, Show(result));
    }
    return;
  }
  if (result && *result == test[key].get<std::string>())
    ++score.right;
  else
    Miss(score, where, "'" + test[key].get<std::string>() + "'", Show(result));
}

TEST(ChatGoldens, RendersWhatTransformersRenders) {
  const fs::path folder = kShared / "goldens" / "templates";
  if (!fs::exists(folder)) GTEST_SKIP() << "no " << folder;
  Score score;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".json" || entry.path().filename() == "index.json") continue;
    const Json golden = Json::parse(ReadFile(entry.path()));
    const auto compiled = ChatTemplate::Compile(TemplateText(golden));
    for (const Json& test : golden["cases"]) {
      const std::string where = entry.path().stem().string() + "/" + test["name"].get<std::string>();
      const RenderResult result = compiled
                                      ? compiled->Render(test["messages"], test.value("tools", Json()),
                                                         test["kwargs"], Specials(golden), GoldenTime(golden))
                                      : tl::make_unexpected(compiled.error());
      Judge(score, where, test, "rendered", result);
    }
  }
  std::cout << "template goldens: " << score.right << " right, " << score.wrong << " wrong, " << score.lenient
            << " rendered although a sandbox would refuse\n";
  EXPECT_GE(score.right, 3328);
  EXPECT_EQ(score.wrong, 0);
}

TEST(ChatGoldens, EvaluatesWhatJinja2Evaluates) {
  const Json file =
      Json::parse(ReadFile(fs::path(SLUICE_SOURCE_DIR) / "tests" / "chat" / "jinja_cases.json"));
  Score score;
  for (const Json& test : file["cases"]) {
    const auto compiled = jinja::Template::Compile(test["template"].get<std::string>());
    const RenderResult result =
        compiled ? compiled->Render(test.value("context", file["context"]), GoldenTime(file))
                 : tl::make_unexpected(compiled.error());
    Judge(score, test["name"], test, "result", result);
  }
  std::cout << "jinja cases: " << score.right << " right, " << score.wrong << " wrong, " << score.lenient
            << " rendered although a sandbox would refuse\n";
  EXPECT_GE(score.right, 209);
}

TEST(ChatGoldens, RefusesMutationWhereAsked) {
  const auto strict =
      jinja::Template::Compile("{% set q = [] %}{% set _ = q.append(1) %}{{ q }}", {.allow_mutation = false});
  const auto result = strict->Render(Json::object(), LocalNow());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, jinja::FailureKind::kSecurity);
}

// Written for an engine that prints true for True and quotes like JSON: fewer can agree.
TEST(ChatGoldens, AgreesWithOtherEnginesWhereTheyAgreeWithPython) {
  const fs::path path = kShared / "data" / "vectors" / "jinja_unit_expected.json";
  if (!fs::exists(path)) GTEST_SKIP() << "no " << path;
  const Json file = Json::parse(ReadFile(path));
  int right = 0;
  for (const auto& [name, test] : file["cases"].items()) {
    const auto compiled = jinja::Template::Compile(test["template"].get<std::string>());
    if (!compiled) continue;
    const auto result = compiled->Render(test["context"], LocalNow());
    right += result && *result == test["expected"].get<std::string>();
  }
  std::cout << "jinja unit cases: " << right << " of " << file["cases"].size() << " as expected\n";
  EXPECT_GE(right, 99);
}

}  // namespace
}  // namespace sluice::chat
