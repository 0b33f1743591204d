#include "server/embeddings.h"

#include "server/server_fixture.h"

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

// The backend's vectors are (3, 4), and (3, 0) for the last state.
class EmbeddingsTest : public ServerTest {
 protected:
  TestResponse Embed(const std::string& members) { return Post("/v1/embeddings", "{" + members + "}"); }
};

TEST_F(EmbeddingsTest, GivesAVectorOfLengthOneForEachInput) {
  backend.KnowPrompts(1);
  Start();
  const auto response = Embed(R"("model":"fake","input":["Hello","Hi"])");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.json(), Json::parse(R"({"object":"list","data":[
                {"object":"embedding","index":0,"embedding":[0.6000000238418579,0.800000011920929]},
                {"object":"embedding","index":1,"embedding":[0.6000000238418579,0.800000011920929]}],
                "model":"fake","usage":{"prompt_tokens":7,"total_tokens":7,
                "prompt_tokens_details":{"cached_tokens":2}}})"))
      << response.body;
  EXPECT_EQ(backend.requests()[1].prompt, (std::vector<int32_t>{'H', 'i'}));
}

TEST_F(EmbeddingsTest, TakesStringsAndIds) {
  Start();
  for (const char* input : {R"("Hi")", R"(["Hi"])", "[72,105]", "[[72,105]]"}) {
    const auto response =
        Embed(fmt::format(R"("pooling":"last","priority":4,"timeout":9,"input":{})", input));
    ASSERT_EQ(response.status, 200) << input << response.body;
    EXPECT_EQ(response.json()["data"][0]["embedding"], Json::parse("[1.0,0.0]"));
    const auto request = backend.requests().back();
    EXPECT_EQ(request.prompt, (std::vector<int32_t>{'H', 'i'})) << input;
    EXPECT_EQ(request.pooling, engine::Pooling::kLast);
    EXPECT_EQ(request.priority, 4);
    EXPECT_EQ(request.seconds, 9);
  }
}

TEST_F(EmbeddingsTest, WritesBase64) {
  Start();
  const auto response = Embed(R"("input":"Hi","encoding_format":"base64","dimensions":2,"pooling":"last")");
  EXPECT_EQ(response.json()["data"][0]["embedding"], "AACAPwAAAAA=") << response.body;
}

TEST_F(EmbeddingsTest, RefusesWhatItCannotDo) {
  Start();
  const std::string long_text(201, 'x');
  for (const std::string& members :
       {std::string(), std::string(R"("input":"")"), std::string(R"("input":[])"),
        std::string(R"("input":[[]])"), std::string(R"("input":[1,"x"])"), std::string(R"("input":["x",1])"),
        std::string(R"("input":[258])"), std::string(R"("input":"Hi","dimensions":1)"),
        std::string(R"("input":"Hi","encoding_format":"int8")"),
        std::string(R"("input":"Hi","pooling":"max")"), R"("input":")" + long_text + "\""}) {
    const auto response = Embed(members);
    EXPECT_EQ(response.status, 400) << members;
    EXPECT_EQ(response.Error("type"), "invalid_request_error") << members;
  }
  EXPECT_EQ(Embed(R"("input":"Hi","model":"other")").status, 404);
  EXPECT_TRUE(backend.requests().empty());
}

TEST_F(EmbeddingsTest, AFailureIsThatOfTheWholeRequest) {
  Start();
  backend.RefuseSubmit({ErrorCode::kTryLater, "full", "later"});
  EXPECT_EQ(Embed(R"("input":["a","b"])").status, 429);
}

TEST_F(EmbeddingsTest, ManyInputsGoAFewAtATime) {
  Start();
  Json inputs = Json::array();
  for (int i = 0; i < 300; ++i) inputs.push_back(std::string(static_cast<size_t>(1 + i % 7), 'a'));
  const auto response = Embed("\"input\":" + inputs.dump());
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(response.json()["data"].size(), 300u);
  EXPECT_EQ(response.json()["data"][299]["index"], 299);
}

}  // namespace
}  // namespace sluice::server
