#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "chat/template_case.h"
#include "cli/json_lines.h"
#include "cli/streams.h"
#include "cli/verb.h"
#include "formats/checkpoint.h"
#include "tokenizer/tokenizer.h"

namespace sluice::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string path;
  bool json_lines = false;
};

// "chat_template" of a tokenizer_config.json: a text, or a list of named ones with a default among them.
Result<std::string> FromConfig(const std::string& path, std::string_view text) {
  const Json config = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const Json value = config.is_object() ? config.value("chat_template", Json()) : Json();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array())
    for (const Json& entry : value)
      if (entry.is_object() && entry.value("name", Json()) == "default" &&
          entry.value("template", Json()).is_string())
        return entry["template"].get<std::string>();
  return Fail(ErrorCode::kBadFile, fmt::format("{}: there is no chat_template", path),
              "name a tokenizer_config.json with a chat_template, or the template itself");
}

Result<std::string> ReadTemplate(const std::string& path) {
  std::error_code unreadable;
  std::string text;
  if (std::filesystem::is_directory(path, unreadable)) {
    SLUICE_TRY(const auto tokenizer, tokenizer::LoadTokenizer(path));
    text = tokenizer->chat_template();
  } else if (path.ends_with(".gguf")) {
    SLUICE_TRY(const auto checkpoint, formats::OpenCheckpoint(path));
    text = checkpoint.gguf.String("tokenizer.chat_template").value_or("");
  } else {
    SLUICE_TRY(const MappedFile file, MappedFile::Open(path));
    if (path.ends_with(".json")) return FromConfig(path, file.text());
    return std::string(file.text());
  }
  if (text.empty()) return Fail(ErrorCode::kBadFile, fmt::format("{}: the model has no chat template", path));
  return text;
}

Result<int> Template(const Options& options) {
  SLUICE_TRY(const std::string source, ReadTemplate(options.path));
  const auto compiled = chat::ChatTemplate::Compile(source);
  if (options.json_lines) {
    SLUICE_CHECK_OK(AnswerJsonLines([&](const Json& line) -> Result<Json> {
      return compiled ? chat::RenderCase(*compiled, line) : chat::ErrorCase(compiled.error());
    }));
    return 0;
  }
  if (!compiled) {
    Error error = chat::jinja::ToError(compiled.error());
    return Fail(ErrorCode::kBadFile, fmt::format("{}: {}", options.path, error.message), error.hint);
  }
  Print(source);
  if (OutputIsTerminal()) Print("\n");
  return 0;
}

}  // namespace

void AddTemplate(CLI::App& program, Action& action) {
  auto options = std::make_shared<Options>();
  Verb verb(program, action, "template", "Print a chat template, or render conversations with it");
  verb.Argument("FILE", &options->path, Verb::Need::kRequired,
                "A model, a tokenizer_config.json, or a file that is the template");
  verb.Flag("--jsonl", &options->json_lines,
            R"(Read lines of {"messages", "tools", "kwargs", "bos_token", "eos_token", "now"}, )"
            R"(write lines of {"rendered"} or {"error"})");
  verb.Do([options] { return Template(*options); });
}

}  // namespace sluice::cli
