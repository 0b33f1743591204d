#include "formats/checkpoint.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/temporary_directory.h"
#include "formats/gguf_bytes.h"

namespace sluice::formats {
namespace {

void ExpectRefused(const std::string& path, ErrorCode code, const std::vector<std::string>& texts) {
  const auto checkpoint = OpenCheckpoint(path);
  ASSERT_FALSE(checkpoint) << path << " was opened";
  EXPECT_EQ(checkpoint.error().code, code) << checkpoint.error().message;
  for (const std::string& text : texts)
    EXPECT_NE((checkpoint.error().message + checkpoint.error().hint).find(text), std::string::npos)
        << checkpoint.error().message << "\n does not say " << text;
}

std::string Safetensors(const std::vector<std::string>& names) {
  std::string header = "{";
  for (size_t i = 0; i < names.size(); ++i)
    header += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}})", i ? "," : "",
                          names[i], i, i + 1);
  header += "}";
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(names.size(), 'x');
}

std::string IndexOf(const std::vector<std::pair<std::string, std::string>>& entries) {
  nlohmann::json index;
  for (const auto& [tensor, file] : entries) index["weight_map"][tensor] = file;
  return index.dump();
}

std::string Part(int number, int count, int total, const std::string& tensor) {
  return GgufBytes()
      .String("general.architecture", "llama")
      .Entry("split.no", GgufType::kU16, GgufBytes::Raw(static_cast<uint16_t>(number)))
      .Entry("split.count", GgufType::kU16, GgufBytes::Raw(static_cast<uint16_t>(count)))
      .Entry("split.tensors.count", GgufType::kI32, GgufBytes::Raw(static_cast<int32_t>(total)))
      .Tensor({.name = tensor})
      .Data(128)
      .Build();
}

std::string OneGguf() {
  return GgufBytes().String("general.architecture", "llama").Tensor({}).Data(128).Build();
}

class HuggingFace : public testing::Test {
 protected:
  HuggingFace() {
    directory_.Write("config.json", R"({"model_type":"mixtral","auto_map":{"AutoModel":"evil.Model"}})");
  }
  std::string Path() const { return directory_.path().string(); }
  void WriteIndex(const std::vector<std::pair<std::string, std::string>>& entries) {
    directory_.Write("model.safetensors.index.json", IndexOf(entries));
  }

  TemporaryDirectory directory_;
};

TEST_F(HuggingFace, OpensOneFile) {
  directory_.Write("model.safetensors", Safetensors({"a", "b"}));
  auto checkpoint = OpenCheckpoint(Path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->kind, Checkpoint::Kind::kHuggingFace);
  EXPECT_EQ(checkpoint->config["model_type"], "mixtral");
  EXPECT_TRUE(checkpoint->generation_config.is_null());
  EXPECT_EQ(checkpoint->tensors.tensors().size(), 2u);
  directory_.Write("generation_config.json", R"({"eos_token_id":[2,3]})");
  checkpoint = OpenCheckpoint(Path());
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->generation_config["eos_token_id"][1], 3);
}

TEST_F(HuggingFace, OpensShards) {
  WriteIndex({{"a", "x-1.safetensors"}, {"b", "x-2.safetensors"}, {"c", "x-1.safetensors"}});
  directory_.Write("x-1.safetensors", Safetensors({"a", "c"}));
  directory_.Write("x-2.safetensors", Safetensors({"b"}));
  const auto checkpoint = OpenCheckpoint(Path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->files.size(), 2u);
  const Tensor* b = checkpoint->tensors.Find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(checkpoint->files[b->file].path(), directory_ / "x-2.safetensors");
}

TEST_F(HuggingFace, FollowsLinksAsDownloadCachesMakeThem) {
  const TemporaryDirectory blobs;
  std::filesystem::create_symlink(blobs.Write("blob", Safetensors({"a"})), directory_ / "model.safetensors");
  EXPECT_TRUE(OpenCheckpoint(Path()));
}

TEST_F(HuggingFace, NamesAMissingShard) {
  WriteIndex({{"a", "x-1.safetensors"}, {"b", "x-2.safetensors"}});
  directory_.Write("x-1.safetensors", Safetensors({"a"}));
  ExpectRefused(Path(), ErrorCode::kMissing, {"shard 2 of 2", directory_ / "x-2.safetensors"});
}

TEST_F(HuggingFace, RefusesMixedShards) {
  WriteIndex({{"a", "x-1.safetensors"}, {"b", "x-2.safetensors"}});
  directory_.Write("x-1.safetensors", Safetensors({"a"}));
  directory_.Write("x-2.safetensors", Safetensors({"other"}));
  ExpectRefused(Path(), ErrorCode::kBadFile, {"x-2.safetensors: offset ", "tensor other", "is not in"});
  directory_.Write("x-2.safetensors", Safetensors({"a"}));
  ExpectRefused(Path(), ErrorCode::kBadFile,
                {"x-2.safetensors: offset ", "tensor a", "belongs into x-1.safetensors"});
  directory_.Write("x-2.safetensors", Safetensors({}));
  ExpectRefused(Path(), ErrorCode::kBadFile,
                {"index.json: offset ", "weight_map b", "is not in x-2.safetensors"});
}

TEST_F(HuggingFace, NeverOpensAPathOutOfTheDirectory) {
  const TemporaryDirectory outside;
  const std::string target = outside.Write("a.safetensors", Safetensors({"a"}));
  const std::string relative = "../" + outside.path().filename().string() + "/a.safetensors";
  ASSERT_TRUE(std::filesystem::exists(directory_.path() / relative));
  for (const std::string& path :
       {target, relative, std::string("../a.safetensors"), std::string("/etc/passwd"),
        std::string("sub/a.safetensors"), std::string("..\\a.safetensors"),
        std::string("a.safetensors\0.safetensors", 26), std::string(".."), std::string(""),
        std::string(".safetensors"), std::string("pytorch_model.bin")}) {
    WriteIndex({{"a", path}});
    ExpectRefused(Path(), ErrorCode::kBadFile,
                  {"model.safetensors.index.json: offset 0: weight_map a", "it is not opened"});
  }
}

TEST_F(HuggingFace, RefusesABadIndex) {
  for (const char* text :
       {"", "[]", "{}", "{\"weight_map\":[]}", "{\"weight_map\":{}}", "{\"weight_map\":{\"a\":1}}",
        "{\"weight_map\":", "{\"weight_map\":{\"a\":\"x.safetensors\",\"a\":\"y.safetensors\"}}"}) {
    directory_.Write("model.safetensors.index.json", text);
    ExpectRefused(Path(), ErrorCode::kBadFile, {"model.safetensors.index.json: offset "});
  }
}

TEST_F(HuggingFace, RefusesABadConfig) {
  directory_.Write("model.safetensors", Safetensors({"a"}));
  for (const std::string& text :
       {std::string("{"), std::string("[]"), std::string("\xff"), std::string(10000, '['),
        std::string("{\"a\":1,\"a\":2}"), std::string("{\"a\":1e999}")}) {
    directory_.Write("config.json", text);
    ExpectRefused(Path(), ErrorCode::kBadFile, {"config.json: offset ", "JSON"});
  }
}

TEST_F(HuggingFace, NeverReadsAPickle) {
  directory_.Write("pytorch_model.bin", "PK\x03\x04");
  ExpectRefused(Path(), ErrorCode::kBadFile, {"pytorch_model.bin", "pickle", "safe_serialization"});
}

TEST_F(HuggingFace, NamesMissingWeights) {
  ExpectRefused(Path(), ErrorCode::kMissing, {"neither model.safetensors nor model.safetensors.index.json"});
  directory_.Write("model-00001-of-00002.safetensors", Safetensors({"a"}));
  ExpectRefused(Path(), ErrorCode::kMissing, {"model-00001-of-00002.safetensors"});
}

TEST(SplitGguf, OpensAllPartsFromAny) {
  const TemporaryDirectory directory;
  for (int i = 0; i < 2; ++i)
    directory.Write(fmt::format("m-{:05}-of-00002.gguf", i + 1), Part(i, 2, 2, fmt::format("t{}", i)));
  for (const std::string& path : {directory / "m-00001-of-00002.gguf", directory / "m-00002-of-00002.gguf",
                                  directory.path().string()}) {
    const auto checkpoint = OpenCheckpoint(path);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    EXPECT_EQ(checkpoint->tensors.Find("t1")->file, 1u);
    EXPECT_EQ(checkpoint->gguf.Int("split.no"), 0);
  }
}

TEST(SplitGguf, NamesAMissingPart) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("m-00001-of-00002.gguf", Part(0, 2, 2, "a"));
  ExpectRefused(path, ErrorCode::kMissing, {"part 2 of 2", directory / "m-00002-of-00002.gguf"});
}

TEST(SplitGguf, RefusesMixedParts) {
  const TemporaryDirectory directory;
  const std::string first = directory.Write("m-00001-of-00002.gguf", Part(0, 2, 2, "a"));
  const auto second = [&](const std::string& content, const std::vector<std::string>& texts) {
    directory.Write("m-00002-of-00002.gguf", content);
    ExpectRefused(first, ErrorCode::kBadFile, texts);
  };
  second(Part(0, 2, 2, "b"), {"m-00002-of-00002.gguf: offset ", "split.no", "is 0"});
  second(Part(1, 3, 2, "b"), {"m-00002-of-00002.gguf: offset ", "split.count", "is 3"});
  second(Part(1, 2, 9, "b"), {"m-00002-of-00002.gguf: offset ", "split.tensors.count", "is 9"});
  second(Part(1, 2, 2, "a"), {"m-00002-of-00002.gguf: offset ", "tensor a", "is also in"});
  second(OneGguf(), {"m-00002-of-00002.gguf: offset ", "split.no", "missing"});
  directory.Write("m-00001-of-00002.gguf", Part(0, 2, 5, "a"));
  second(Part(1, 2, 5, "b"), {"split.tensors.count", "is 5, the 2 parts hold 2 tensors"});
}

TEST(SplitGguf, RefusesARenamedPart) {
  const TemporaryDirectory directory;
  ExpectRefused(directory.Write("m.gguf", Part(0, 2, 2, "a")), ErrorCode::kBadFile,
                {"m.gguf: offset ", "split.count", "-of-00002.gguf"});
  ExpectRefused(directory.Write("m-00001-of-00003.gguf", Part(0, 2, 2, "a")), ErrorCode::kBadFile,
                {"split.count"});
  EXPECT_EQ(OpenGgufCheckpoint(MappedFile::FromOwned(Part(0, 2, 2, "a"), "memory")).error().code,
            ErrorCode::kBadFile);
}

TEST(Checkpoint, RefusesWhatIsNotAFile) {
  const TemporaryDirectory directory;
  ExpectRefused(directory / "absent.gguf", ErrorCode::kMissing, {directory / "absent.gguf"});
  ExpectRefused(directory.path().string(), ErrorCode::kMissing, {"neither config.json nor a .gguf file"});
  ExpectRefused("/dev/zero", ErrorCode::kMissing, {"/dev/zero", "not a regular file"});
  const std::string fifo = directory / "fifo.gguf";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ExpectRefused(fifo, ErrorCode::kMissing, {fifo, "not a regular file"});
}

TEST(Checkpoint, RefusesAnUnreadableDirectory) {
  const TemporaryDirectory parent;
  ::chmod(parent.path().c_str(), 0755);
  const std::string directory = parent / "closed";
  std::filesystem::create_directory(directory);
  ::chmod(directory.c_str(), 0);
  const auto code_as_nobody = [&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(1);
    const auto checkpoint = OpenCheckpoint(directory);
    ::_exit(checkpoint ? 0 : static_cast<int>(checkpoint.error().code));
  };
  EXPECT_EXIT(code_as_nobody(), testing::ExitedWithCode(static_cast<int>(ErrorCode::kPermission)), "");
}

TEST(Checkpoint, AsksWhichOfSeveralModels) {
  const TemporaryDirectory directory;
  directory.Write("a.gguf", OneGguf());
  EXPECT_TRUE(OpenCheckpoint(directory.path().string()));
  directory.Write("b.gguf", OneGguf());
  ExpectRefused(directory.path().string(), ErrorCode::kUsage, {"2 GGUF models", "a.gguf", "b.gguf"});
}

TEST(Checkpoint, AsksForTheDirectoryOfAFile) {
  const TemporaryDirectory directory;
  ExpectRefused(directory.Write("model.safetensors", Safetensors({"a"})), ErrorCode::kUsage,
                {"give the directory"});
}

}  // namespace
}  // namespace sluice::formats
