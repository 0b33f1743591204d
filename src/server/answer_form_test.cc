// Answers that have to have a form: what requests may ask for, and what the engine is told.
#include "server/call_grammar.h"
#include "server/server_fixture.h"

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

class FormTest : public ServerTest {
 protected:
  // True if the form that was asked for last lets this text through, to its end.
  bool Fits(std::string_view text) {
    const auto filter = Filter();
    if (!filter) return false;
    for (const char c : text)
      if (!filter->Accept(static_cast<unsigned char>(c))) return false;
    return filter->Accept(ByteTokenizer::kEos).has_value();
  }
  // Each answer has one of its own; the one of the last request, used once.
  std::shared_ptr<engine::TokenFilter> Filter() {
    const auto requests = backend.requests();
    return requests.empty() ? nullptr : requests.back().filter;
  }
};

TEST_F(FormTest, EveryWayToAskForOne) {
  Start();
  struct Case {
    std::string members;
    const char *in, *out;
  };
  const Case cases[] = {
      {R"("response_format":{"type":"json_object"})", R"({"a": [1]})", "[1]"},
      {R"("response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"integer"}}})",
       "12", "1.5"},
      {R"("response_format":{"type":"json_object","schema":{"type":"null"}})", "null", "{}"},
      {R"("json_schema":{"type":"boolean"})", "true", "1"},
      {R"("grammar":"root ::= \"x\"+")", "xxx", "y"},
      {R"("guided_json":"{\"type\":\"null\"}")", "null", "0"},
      {R"("guided_regex":"[0-9]{3}")", "123", "12"},
      {R"("guided_choice":["yes","no"])", "no", "maybe"},
      {R"("guided_grammar":"root ::= [ab]")", "a", "c"},
      {R"("structured_outputs":{"regex":"a|b"})", "b", "c"},
      {R"("structured_outputs":{"choice":["one"]})", "one", "two"},
      {R"("structured_outputs":{"json":{"const":1}})", "1", "2"},
      {R"("structured_outputs":{"grammar":"root ::= \"g\""})", "g", "h"},
  };
  for (const Case& c : cases) {
    ASSERT_EQ(Chat(c.members).status, 200) << c.members;
    EXPECT_TRUE(Fits(c.in)) << c.members;
    ASSERT_EQ(Post("/v1/completions", R"({"prompt":"a","stream":true,"n":2,)" + c.members + "}").status, 200);
    EXPECT_FALSE(Fits(c.out)) << c.members;
  }
  const auto requests = backend.requests();
  EXPECT_NE(requests[requests.size() - 1].filter, requests[requests.size() - 2].filter)
      << "one for each answer";
  ASSERT_EQ(Chat(R"("response_format":{"type":"text"})").status, 200);
  EXPECT_EQ(Filter(), nullptr);
}

TEST_F(FormTest, TheOtherApisSayIt) {
  Start();
  EXPECT_EQ(
      Post("/v1/responses",
           R"({"input":"a","text":{"format":{"type":"json_schema","name":"n","schema":{"type":"null"}}}})")
          .status,
      200);
  EXPECT_TRUE(Fits("null"));
  EXPECT_EQ(Post("/v1/messages", R"({"max_tokens":5,"messages":[{"role":"user","content":"a"}],
      "output_format":{"type":"json_schema","schema":{"const":"x"}}})")
                .status,
            200);
  EXPECT_TRUE(Fits("\"x\""));
}

TEST_F(FormTest, RefusedByName) {
  Start();
  struct Case {
    std::string members;
    const char *code, *part;
  };
  const Case cases[] = {
      {R"("response_format":{"type":"json_schema","json_schema":{"schema":{"properties":{"a":{"not":{}}}}}})",
       "invalid_schema", "#/properties/a/not"},
      {R"("json_schema":{"$ref":"http://elsewhere"})", "invalid_schema", "leaves the schema"},
      {R"("json_schema":{"type":"integer","minimum":2,"maximum":1})", "invalid_schema",
       "nothing can satisfy"},
      {R"("guided_json":"{")", "invalid_schema", "not JSON"},
      {R"j("guided_regex":"(?=a)")j", "invalid_grammar", "look-ahead"},
      {R"("grammar":"root ::= root \"a\" | \"b\"")", "invalid_grammar", "begins with itself"},
      {R"("grammar":"root ::= \"a\"", "guided_regex":"a")", "null", "both ask"},
      {R"("structured_outputs":{"structural_tag":"x"})", "unsupported_value", "not supported"},
      {R"("response_format":{"type":"xml"})", "unsupported_value", "json_schema"},
      {R"("guided_choice":[])", "null", "list of 1"},
  };
  for (const Case& c : cases) {
    const auto response = Chat(c.members);
    EXPECT_EQ(response.status, 400) << c.members;
    EXPECT_EQ(response.Error("code"), c.code) << c.members;
    EXPECT_NE(response.Error("message").find(c.part), std::string::npos) << response.body;
  }
}

TEST_F(FormTest, ManyFormsAreForgotten) {
  Start();
  for (int i = 0; i < 300; ++i)
    ASSERT_EQ(Chat(fmt::format(R"("json_schema":{{"const":{}}})", i)).status, 200);
  EXPECT_TRUE(Fits("299"));
}

constexpr char kReasons[] =
    "{% for m in messages %}{{ m.content }}{% endfor %}{% if enable_thinking %}<think>\n{% endif %}{# "
    "</think> #}";

TEST_F(FormTest, BeginsBehindTheReasoning) {
  backend.bytes().template_text = kReasons;
  Start();
  ASSERT_EQ(Chat(R"("json_schema":{"type":"null"},"chat_template_kwargs":{"enable_thinking":true})").status,
            200);
  EXPECT_TRUE(Fits("I <b>think</b>: {</think>\n\nnull"));
  ASSERT_EQ(Chat(R"("json_schema":{"type":"null"},"chat_template_kwargs":{"enable_thinking":true})").status,
            200);
  EXPECT_FALSE(Fits("null")) << "this is reasoning, which has no end";
  ASSERT_EQ(Chat(R"("json_schema":{"type":"null"})").status, 200);
  EXPECT_TRUE(Fits("null"));
  ASSERT_EQ(Chat(R"("json_schema":{"type":"null"})").status, 200);
  EXPECT_TRUE(Fits("<think>so</think>null"));
}

}  // namespace
}  // namespace sluice::server
