#include "server/tokenizer_routes.h"

#include "server/server_fixture.h"

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

TEST_F(ServerTest, TokenizesAndBack) {
  backend.bytes().template_text = "{% for m in messages %}[{{ m.content }}]{% endfor %}";
  Start();
  const Json tokens = Post("/tokenize", R"({"prompt":"Hi"})").json();
  EXPECT_EQ(tokens["tokens"], Json::parse("[72,105]"));
  EXPECT_EQ(tokens["count"], 2);
  EXPECT_EQ(tokens["max_model_len"], 200);
  EXPECT_EQ(Post("/tokenize", R"({"prompt":"H","return_token_strs":true})").json()["token_strs"],
            Json::parse(R"(["H"])"));
  EXPECT_EQ(Post("/detokenize", R"({"tokens":[72,105]})").json()["prompt"], "Hi");
  EXPECT_EQ(Post("/tokenize", R"({"messages":[{"role":"user","content":"A"}]})").json()["count"], 3);
  EXPECT_EQ(Post("/apply-template", R"({"messages":[{"role":"user","content":"A"}]})").json()["prompt"],
            "[A]");
  const Json info = Get("/tokenizer_info").json();
  EXPECT_EQ(info["eos_token"], "</s>");
  EXPECT_EQ(info["bos_token"], "<s>");
  EXPECT_EQ(info["chat_template"], backend.bytes().template_text);
  EXPECT_EQ(Post("/tokenize", "{}").Error("param"), "prompt");
  EXPECT_EQ(Post("/tokenize", R"({"prompt":5})").Error("param"), "prompt");
  EXPECT_EQ(Post("/detokenize", R"({"tokens":[258]})").Error("param"), "tokens");
  EXPECT_EQ(Post("/detokenize", R"({"tokens":[-1]})").status, 400);
  EXPECT_EQ(Post("/detokenize", R"({"tokens":"x"})").status, 400);
  EXPECT_EQ(Post("/apply-template", R"({"messages":[]})").Error("param"), "messages");
}

TEST_F(ServerTest, SaysWhatItIs) {
  Start();
  EXPECT_EQ(Get("/ready").json()["ready"], true);
  EXPECT_TRUE(Get("/version").json()["version"].is_string());
}

TEST_F(ServerTest, EveryRouteButHealthNeedsTheKey) {
  security.keys = {{.name = "test", .digest = DigestKey("secret")}};
  Start();
  EXPECT_EQ(Get("/health").status, 200);
  for (const char* path :
       {"/ready", "/version", "/metrics", "/v1/models", "/v1/models/fake", "/tokenizer_info"})
    EXPECT_EQ(Get(path).Error("code"), "invalid_api_key") << path;
  for (const char* path : {"/tokenize", "/detokenize", "/apply-template", "/v1/chat/completions",
                           "/v1/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens"}) {
    EXPECT_EQ(Post(path, "{}").Error("code"), "invalid_api_key") << path;
    EXPECT_EQ(Post(path, "{}", "x-api-key: secre\r\n").status, 401) << path;
    EXPECT_EQ(Post(path, "{}", "x-api-key: secret\r\n").status, 400) << path;
  }
}

}  // namespace
}  // namespace sluice::server
