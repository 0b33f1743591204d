#include "chat/chat_template.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "chat/template_case.h"

namespace sluice::chat {
namespace {

using Json = nlohmann::ordered_json;

std::string Render(std::string_view source, const Json& messages, const Json& kwargs = {},
                   const Json& tools = {}) {
  const auto compiled = ChatTemplate::Compile(source);
  if (!compiled) return jinja::ToError(compiled.error()).message;
  const auto result = compiled->Render(messages, tools, kwargs, {{"bos_token", "<s>"}},
                                       ParseTime("2025-03-04 09:05:07").value());
  return result ? *result : jinja::ToError(result.error()).message;
}

TEST(ChatTemplate, RendersAConversation) {
  const char* source =
      "{{ bos_token }}{% for m in messages %}\n<{{ m.role }}>{{ m.content | trim }}\n{% endfor %}\n"
      "{% if add_generation_prompt %}<assistant>{% endif %}";
  const Json messages =
      Json::parse(R"([{"role":"user","content":" Hi "},{"role":"assistant","content":"Yes?"}])");
  EXPECT_EQ(Render(source, messages), "<s><user>Hi\n<assistant>Yes?\n");
  EXPECT_EQ(Render(source, messages, {{"add_generation_prompt", true}}),
            "<s><user>Hi\n<assistant>Yes?\n<assistant>");
}

TEST(ChatTemplate, ToolsAndDocumentsAreNoneUnlessGiven) {
  EXPECT_EQ(Render("{{ tools }} {{ documents }} {{ eos_token is defined }}", Json::array()),
            "None None False");
  EXPECT_EQ(Render("{{ tools | tojson }}", Json::array(), {}, Json::parse(R"([{"b":1,"a":"é"}])")),
            R"([{"b": 1, "a": "é"}])");
}

TEST(ChatTemplate, DropsNullsAndNamesReasoningTwice) {
  const Json messages = Json::parse(R"([{"role":"assistant","content":null,"reasoning":"why"}])");
  EXPECT_EQ(Render("{{ messages }}", messages),
            "[{'thinking': 'why', 'role': 'assistant', 'reasoning': 'why', 'reasoning_content': 'why'}]");
}

TEST(ChatTemplate, TellsRaisedErrorsFromOthers) {
  const auto raising = ChatTemplate::Compile("{{ raise_exception('Roles must alternate') }}");
  const auto raised = raising->Render(Json::array(), {}, {}, {}, LocalNow());
  ASSERT_FALSE(raised);
  EXPECT_TRUE(raised.error().raised());
  EXPECT_EQ(raised.error().message, "Roles must alternate");
  EXPECT_EQ(Render("\n\n{{ nothing.at_all }}", Json::array()),
            "chat template, line 3: UndefinedError: 'nothing' is undefined");
}

TEST(ChatTemplate, OneTemplateServesManyThreads) {
  const auto compiled = ChatTemplate::Compile(
      "{% set ns = namespace(n=0) %}{% for i in range(200) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n "
      "}}");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j)
        EXPECT_EQ(compiled->Render(Json::array(), {}, {}, {}, LocalNow()).value(), "19900");
    });
  for (auto& thread : threads) thread.join();
}

TEST(ChatTemplate, PlainRenderingJoinsTexts) {
  const Json messages = Json::parse(R"([{"role":"system","content":"Be brief."},
      {"role":"user","content":[{"type":"text","text":"One"},{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"Two"}]},
      {"role":"assistant","content":null}])");
  EXPECT_EQ(RenderPlain(messages), "Be brief.\n\nOne\n\nTwo");
  EXPECT_EQ(RenderPlain(Json::array()), "");
}

TEST(TemplateCase, DescribesOneRendering) {
  const auto compiled = ChatTemplate::Compile(
      "{{ bos_token }}{{ messages[0].content }}{{ strftime_now('%Y') }}{% if x %}{{ raise_exception(x) }}{% "
      "endif %}");
  const Json input = Json::parse(
      R"({"messages":[{"role":"user","content":"Hi"}],"bos_token":"<s>","eos_token":null,"now":"2025-03-04 09:05:07"})");
  EXPECT_EQ(RenderCase(*compiled, input), (Json{{"rendered", "<s>Hi2025"}}));
  Json raising = input;
  raising["kwargs"] = {{"x", "no"}};
  EXPECT_EQ(RenderCase(*compiled, raising), (Json{{"error", "no"}, {"error_type", "TemplateError"}}));
  EXPECT_EQ(RenderCase(*compiled, Json::object())["error_type"], "ValueError");
}

// ---- templates are untrusted ----

jinja::FailureKind FailureOf(const std::string& source, jinja::Settings settings = {}) {
  const auto compiled = jinja::Template::Compile(source, settings);
  if (!compiled) return compiled.error().kind;
  const auto result = compiled->Render({{"x", "0123456789"}}, LocalNow());
  return result ? jinja::FailureKind::kRaised : result.error().kind;
}

std::string Repeat(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

TEST(HostileTemplate, NestingIsBounded) {
  using jinja::FailureKind;
  EXPECT_EQ(FailureOf("{{ " + Repeat("(", 100000) + Repeat(")", 100000) + " }}"), FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{{ " + Repeat("[", 100000) + Repeat("]", 100000) + " }}"), FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{{ " + Repeat("-", 100000) + "1 }}"), FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{{ " + Repeat("not ", 100000) + "1 }}"), FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{{ 1" + Repeat(" + 1", 100000) + " }}"), FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{{ x" + Repeat(".y", 100000) + " }}"), FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{{ x" + Repeat(" | trim", 100000) + " }}"), FailureKind::kLimit);
  EXPECT_EQ(FailureOf(Repeat("{% if x %}", 100000) + Repeat("{% endif %}", 100000)), FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), FailureKind::kLimit);
}

TEST(HostileTemplate, WorkAndMemoryAreBounded) {
  using jinja::FailureKind;
  EXPECT_EQ(FailureOf("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
                      {.limits = {.max_steps = 100000}}),
            FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{{ x * 1000000000000 }}"), FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{{ '%1000000000d' % 1 }}"), FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{{ x.center(100000000000) }}"), FailureKind::kLimit);
  EXPECT_EQ(
      FailureOf(
          "{% set ns = namespace(s=x) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"),
      FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] "
                      "%}{% endfor %}{{ ns.l }}"),
            FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{% set l = [] %}{% set _ = l.append(l) %}{{ l }}"), FailureKind::kLimit);
  EXPECT_EQ(FailureOf("{% for i in range(99999) %}" + Repeat("x", 1000) + "{% endfor %}",
                      {.limits = {.max_output_bytes = 1 << 20}}),
            FailureKind::kLimit);
}

TEST(HostileTemplate, DeepValuesAreFreed) {
  const auto compiled = jinja::Template::Compile(
      "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}done");
  EXPECT_EQ(compiled->Render(Json::object(), LocalNow()).value(), "done");
}

TEST(HostileTemplate, UnfinishedTagsAreErrors) {
  for (const char* source : {"{{", "{%", "{{ 'a", "{% raw %}", "{#", "{{ 1 +", "{{ a.", "{{ a[", "{{ a(",
                             "{% for", "{% set x", "{{ '\\", "{{ '\\x", "{{ 0x }}", "{% raw"})
    EXPECT_FALSE(jinja::Template::Compile(source)) << source;
}

}  // namespace
}  // namespace sluice::chat
