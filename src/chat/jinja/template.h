// A compiled template: compile once, render from any number of threads.
#pragma once

#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/result.h"
#include "chat/jinja/error.h"
#include "chat/jinja/runtime.h"

namespace sluice::chat::jinja {

struct TemplateError {
  FailureKind kind;
  std::string message;
  int line;  // 1-based, 0 if unknown

  bool raised() const {
    return kind == FailureKind::kRaised;
  }  // by the template itself, for the caller to read
};

// "chat template, line 7: UndefinedError: 'x' is undefined"
Error ToError(const TemplateError& error);

struct Program;

class Template {
 public:
  static tl::expected<Template, TemplateError> Compile(std::string_view source, Settings settings = {});
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // `variables` is a JSON object: each key is a variable.
  tl::expected<std::string, TemplateError> Render(const nlohmann::ordered_json& variables,
                                                  const std::tm& now) const;

 private:
  Template(std::unique_ptr<Program> program, Settings settings);

  std::unique_ptr<Program> program_;
  Settings settings_;
};

}  // namespace sluice::chat::jinja
