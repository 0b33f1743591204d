// Any bytes as a body: refused with a message, or a value that is written so that it reads the same again.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "require.h"
#include "server/fields.h"
#include "server/json_input.h"

namespace {

using namespace sluice::server;

// As routes ask for members, whatever they are.
void ReadMembers(const nlohmann::ordered_json& body) {
  Fields fields(body);
  const auto number = fields.Number("temperature", 0, 2);
  FUZZ_REQUIRE(!number || (*number >= 0 && *number <= 2));
  const auto integer = fields.Integer("n", 1, 128);
  FUZZ_REQUIRE(!integer || (*integer >= 1 && *integer <= 128));
  fields.Bool("stream");
  fields.Text("model");
  fields.Raw("prompt");
  FUZZ_REQUIRE(fields.Unknown().size() <= 33);
  if (!fields.ok()) FUZZ_REQUIRE(!Dump(ToJson(fields.error())).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = ParseJson(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!json) {
    FUZZ_REQUIRE(!json.error().message.empty() && json.error().message.size() < 2000);
    FUZZ_REQUIRE(json.error().status == 400);
    return 0;
  }
  const auto again = ParseJson(Dump(*json));
  FUZZ_REQUIRE(again && *again == *json);
  ReadMembers(*json);
  return 0;
}
