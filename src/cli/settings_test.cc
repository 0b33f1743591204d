#include "cli/settings.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <map>
#include <memory>

#include "base/temporary_directory.h"
#include "cli/arguments.h"

namespace sluice::cli {
namespace {

struct Values {
  std::string model, host = "127.0.0.1", key, level = "info";
  int64_t port = 8080;
  double share = 0.5;
  bool open = false;
};

class SettingsTest : public ::testing::Test {
 protected:
  Values values;
  std::map<std::string, std::string> environment;
  std::string printed;

  // The settings of a command line with this file.
  Status Read(std::vector<const char*> words, const std::string& file) {
    app_ = std::make_unique<CLI::App>("test", "test");
    Verb verb(*app_, action_, "serve", "Serve");
    settings_ = std::make_unique<Settings>(verb);
    Settings& settings = *settings_;
    settings.Argument("MODEL", &values.model, "Model");
    settings.Text("--host", "ADDRESS", &values.host, "Host");
    settings.Integer("--port", &values.port, 0, 65535, "Port");
    settings.Real("--memory-share", &values.share, 0, 1, "Share");
    settings.Flag("--no-key", &values.open, "Open");
    settings.Choice("--log-level", &values.level, {"info", "error"}, "Level");
    settings.Secret("--api-key", &values.key);
    words.insert(words.begin(), {"test", "serve"});
    const Result<bool> parsed = ParseArguments(*app_, static_cast<int>(words.size()), words.data());
    if (!parsed) return Fail(parsed.error());
    Write(file);
    SLUICE_CHECK_OK(Resolve());
    printed = settings.Print();
    return {};
  }
  void Write(const std::string& file) { std::ofstream(path_) << file; }
  Result<std::vector<std::string>> Resolve() {
    return settings_->Resolve(path_, [this](const char* name) {
      const auto found = environment.find(name);
      return found == environment.end() ? nullptr : found->second.c_str();
    });
  }
  // What is said about this file, without its path.
  std::string Refusal(const std::string& file) {
    const Status status = Read({}, file);
    if (status) return "accepted";
    std::string text = status.error().message + " / " + status.error().hint;
    if (text.starts_with(path_)) text = text.substr(path_.size());
    return text;
  }

 private:
  TemporaryDirectory directory_;
  std::string path_ = directory_ / "sluice.toml";
  std::unique_ptr<CLI::App> app_;
  Action action_;
  std::unique_ptr<Settings> settings_;
};

TEST_F(SettingsTest, FlagsBeforeEnvironmentBeforeFile) {
  environment = {{"SLUICE_PORT", "2"}, {"SLUICE_HOST", "env"}, {"SLUICE_MEMORY_SHARE", "0.25"}};
  ASSERT_TRUE(Read({"--port", "1"}, "port = 3\nhost = \"file\"\nmodel = \"m.gguf\"\nno_key = true\n"));
  EXPECT_EQ(values.port, 1);
  EXPECT_EQ(values.host, "env");
  EXPECT_EQ(values.share, 0.25);
  EXPECT_EQ(values.model, "m.gguf");
  EXPECT_TRUE(values.open);
  EXPECT_EQ(values.level, "info");
  EXPECT_NE(printed.find("port = 1  # flag\n"), std::string::npos) << printed;
  EXPECT_NE(printed.find("host = \"env\"  # environment SLUICE_HOST\n"), std::string::npos) << printed;
  EXPECT_NE(printed.find("sluice.toml:4\n"), std::string::npos) << printed;
  EXPECT_NE(printed.find("log_level = \"info\"  # default\n"), std::string::npos) << printed;
}

TEST_F(SettingsTest, SecretsAreHidden) {
  environment = {{"SLUICE_API_KEY", "sesame"}};
  ASSERT_TRUE(Read({}, ""));
  EXPECT_EQ(values.key, "sesame");
  EXPECT_EQ(printed.find("sesame"), std::string::npos);
  EXPECT_NE(printed.find("# api_key = \"(hidden)\"  # environment SLUICE_API_KEY\n"), std::string::npos)
      << printed;
}

TEST_F(SettingsTest, WhatIsPrintedReadsBack) {
  environment = {{"SLUICE_HOST", "a \"b\" \\ \x01"}};
  ASSERT_TRUE(Read({"--port", "7"}, ""));
  const std::string page = printed;
  environment.clear();
  values = {};
  ASSERT_TRUE(Read({}, page));
  EXPECT_EQ(values.host, "a \"b\" \\ \x01");
  EXPECT_EQ(values.port, 7);
}

TEST_F(SettingsTest, WrongFilesAreRefusedByLine) {
  EXPECT_EQ(Refusal("\nlog_levl = 1\n"), ":2: there is no setting 'log_levl' / did you mean log_level?");
  EXPECT_EQ(Refusal("port = \"80\"\n"), ":1: port must be an integer, and is a string / ");
  EXPECT_EQ(Refusal("port = 1.5\n"), ":1: port must be an integer, and is a number / ");
  EXPECT_EQ(Refusal("host = 1\n"), ":1: host must be a string, and is an integer / ");
  EXPECT_EQ(Refusal("host = [1]\n"), ":1: host must be a string, and is an array / ");
  EXPECT_EQ(Refusal("port = 70000\n"), ":1: port is 70000, not between 0 and 65535 / ");
  EXPECT_EQ(Refusal("log_level = \"loud\"\n"), ":1: log_level is 'loud', not info or error / ");
  EXPECT_EQ(Refusal("[server]\nport = 1\n").substr(0, 30), ":1: there is no setting 'serve");
  EXPECT_EQ(Refusal("[[port]]\na = 1\n").substr(0, 24), ":1: port is a list of ta");
  EXPECT_EQ(Refusal("port = 1\nport = 2\n").substr(0, 3), ":2:");
  EXPECT_EQ(Refusal("port = \n").substr(0, 3), ":1:");
  EXPECT_EQ(Refusal(std::string("a = \"\0\"\n", 8)).substr(0, 3), ":1:");
  EXPECT_NE(Refusal(std::string(2 << 20, '#')), "accepted");
  EXPECT_NE(Refusal("a = " + std::string(100'000, '[')), "accepted");
  EXPECT_EQ(Refusal("memory_share = 1\n"), "accepted");  // a number may be whole
}

TEST_F(SettingsTest, WrongVariablesAreRefusedByName) {
  environment = {{"SLUICE_PORT", "80a"}};
  EXPECT_EQ(Refusal(""), "the environment: SLUICE_PORT is '80a', not an integer / ");
  environment = {{"SLUICE_NO_KEY", "maybe"}};
  EXPECT_EQ(Refusal(""), "the environment: SLUICE_NO_KEY is 'maybe', not true or false / ");
}

TEST_F(SettingsTest, ResolvingAgainSaysWhatChangedAndKeepsWhatHeldOnErrors) {
  ASSERT_TRUE(Read({"--port", "1"}, "host = \"a\"\n"));
  Write("host = \"b\"\nport = 9\n");
  const auto changed = Resolve();
  ASSERT_TRUE(changed);
  EXPECT_EQ(*changed, std::vector<std::string>{"host"});
  EXPECT_EQ(values.port, 1);
  Write("host = \"c\"\nno_key = 1\n");
  EXPECT_FALSE(Resolve());
  EXPECT_EQ(values.host, "b");
  Write("");
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(values.host, "127.0.0.1");
}

}  // namespace
}  // namespace sluice::cli
