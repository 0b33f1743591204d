#include "chat/jinja/template.h"

#include <fmt/format.h>

#include <new>
#include <nlohmann/json.hpp>

#include "chat/jinja/interpreter.h"
#include "chat/jinja/json.h"
#include "chat/jinja/parser.h"

namespace sluice::chat::jinja {
namespace {

// Runs `work`; whatever it throws becomes a value.
template <typename Work>
auto Guard(Work work) -> tl::expected<decltype(work()), TemplateError> {
  try {
    return work();
  } catch (const Failure& failure) {
    return tl::make_unexpected(TemplateError{failure.kind, failure.message, failure.line});
  } catch (const std::bad_alloc&) {
    return tl::make_unexpected(TemplateError{FailureKind::kLimit, "out of memory", 0});
  } catch (const std::exception& error) {
    return tl::make_unexpected(TemplateError{FailureKind::kRuntime, error.what(), 0});
  }
}

}  // namespace

Error ToError(const TemplateError& error) {
  const std::string place =
      error.line > 0 ? fmt::format("chat template, line {}", error.line) : "chat template";
  return {ErrorCode::kBadFile, fmt::format("{}: {}: {}", place, Name(error.kind), error.message), {}};
}

Template::Template(std::unique_ptr<Program> program, Settings settings)
    : program_(std::move(program)), settings_(settings) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

tl::expected<Template, TemplateError> Template::Compile(std::string_view source, Settings settings) {
  return Guard([&] { return Template(Parse(source), settings); });
}

tl::expected<std::string, TemplateError> Template::Render(const nlohmann::ordered_json& variables,
                                                          const std::tm& now) const {
  return Guard([&] {
    Runtime runtime(settings_, now);
    std::vector<std::pair<std::string, Value>> values;
    for (const auto& [name, value] : variables.items()) values.emplace_back(name, FromJson(runtime, value));
    return Interpreter(runtime, *program_).Render(values);
  });
}

}  // namespace sluice::chat::jinja
