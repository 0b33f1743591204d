#include "tokenizer/golden_cases.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "tokenizer/loaders.h"
#include "tokenizer/proto_reader.h"

namespace sluice::tokenizer {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using TokenizerResult = Result<std::unique_ptr<Tokenizer>>;

TokenizerResult Finish(Result<PipelineParts> parts) {
  if (!parts) return Fail(parts.error());
  return std::make_unique<Pipeline>(std::move(*parts));
}

MappedFile Owned(const json& document) { return MappedFile::FromOwned(document.dump(), "tokenizer.json"); }

struct ModelPiece {
  std::string text;
  float score = 0;
  uint64_t type = 1;
};

std::vector<ModelPiece> ReadPieces(const MappedFile& file) {
  std::vector<ModelPiece> pieces;
  for (ProtoReader model(file.text()); model.Next();) {
    if (model.field() != 1) continue;
    ModelPiece& piece = pieces.emplace_back();
    for (ProtoReader reader(model.bytes()); reader.Next();) {
      if (reader.field() == 1) piece.text = reader.bytes();
      if (reader.field() == 2) piece.score = reader.real();
      if (reader.field() == 3) piece.type = reader.number();
    }
  }
  return pieces;
}

// Merges = every split of every piece in two pieces, by falling score, then longer left part, longer right
// part.
json MergesOf(const std::vector<ModelPiece>& pieces) {
  std::map<std::string_view, size_t> ids;
  for (size_t i = 0; i < pieces.size(); ++i) ids.emplace(pieces[i].text, i);
  struct Split {
    float score;
    std::string_view left, right;
  };
  std::vector<Split> splits;
  const auto chars = [](std::string_view text) {
    return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
  };
  for (const ModelPiece& piece : pieces)
    for (size_t middle = 1; middle < piece.text.size(); ++middle) {
      const std::string_view text = piece.text;
      if (ids.contains(text.substr(0, middle)) && ids.contains(text.substr(middle)))
        splits.push_back({piece.score, text.substr(0, middle), text.substr(middle)});
    }
  std::stable_sort(splits.begin(), splits.end(), [&](const Split& a, const Split& b) {
    if (a.score != b.score) return a.score > b.score;
    if (chars(a.left) != chars(b.left)) return chars(a.left) > chars(b.left);
    return chars(a.right) > chars(b.right);
  });
  json merges = json::array();
  for (const Split& split : splits) merges.push_back({split.left, split.right});
  return merges;
}

// The tokenizer.json that was published for a SentencePiece model.
TokenizerResult LoadConverted(const fs::path& model, const json& golden) {
  SLUICE_TRY(const MappedFile file, MappedFile::Open(model.string()));
  const std::vector<ModelPiece> pieces = ReadPieces(file);
  json vocab = json::object(), added = json::array();
  for (size_t i = 0; i < pieces.size(); ++i) {
    vocab[pieces[i].text] = i;
    if (pieces[i].type == 2 || pieces[i].type == 3 || pieces[i].type == 4)
      added.push_back(
          {{"id", i}, {"content", pieces[i].text}, {"special", pieces[i].type != 4}, {"normalized", false}});
  }
  json document;
  document["model"] = {{"type", "BPE"},         {"unk_token", "<unk>"},      {"fuse_unk", true},
                       {"byte_fallback", true}, {"vocab", std::move(vocab)}, {"merges", MergesOf(pieces)}};
  document["added_tokens"] = std::move(added);
  for (const char* stage : {"normalizer", "pre_tokenizer", "post_processor", "decoder"})
    document[stage] = golden.value(stage, json());
  return Finish(LoadTokenizerJson(Owned(document)));
}

TokenizerResult LoadPatched(const fs::path& path, const json& patch) {
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path.string()));
  json document = json::parse(file.text());
  json& vocab = document["model"]["vocab"];
  for (const auto& [from, to] : patch["model.vocab rename"].items()) {
    const json id = vocab[from];
    vocab[to.get<std::string>()] = id;
    vocab.erase(from);
  }
  for (const auto& [index, merge] : patch["model.merges"].items())
    document["model"]["merges"][std::stoul(index)] = merge;
  return Finish(LoadTokenizerJson(Owned(document)));
}

// A directory with links to files that lie apart.
TokenizerResult LoadGathered(const json& files, const fs::path& data) {
  char name[] = "/tmp/tokenizer_golden_XXXXXX";
  if (::mkdtemp(name) == nullptr) return Fail(ErrorCode::kOs, "no temporary directory");
  const fs::path directory = name;
  for (const json& file : files) {
    const fs::path source = data / file.get<std::string>();
    fs::create_symlink(source, directory / source.filename());
  }
  TokenizerResult result = LoadTokenizer(directory.string());
  fs::remove_all(directory);
  return result;
}

TokenizerResult LoadWithSpec(const fs::path& path, const json& golden) {
  SLUICE_TRY(const MappedFile file, MappedFile::Open(path.string()));
  TiktokenSpec spec{.pattern = golden["pat_str"].get<std::string>()};
  for (const auto& [name, id] : golden["special_tokens"].items())
    spec.special.emplace_back(name, id.get<TokenId>());
  return Finish(LoadTiktoken(file, spec));
}

std::string Shorten(std::string text) {
  if (text.size() > 300) text = text.substr(0, 300) + "...";
  return text;
}

class Runner {
 public:
  Runner(const std::string& name, const Tokenizer& tokenizer, GoldenScore& score)
      : name_(name), tokenizer_(tokenizer), score_(score) {}

  void Case(const json& c) {
    const EncodeOptions options{c["add_special"].get<bool>(), c["parse_special"].get<bool>()};
    const auto ids = tokenizer_.Encode(c["text"].get<std::string>(), options);
    const json got = ids ? json(*ids) : json(ids.error().message);
    bool ok = Equal(c, "ids", c["ids"], got);
    if (c.contains("decoded")) ok = Decoded(c, ok);
    score_.passed += ok;
  }
  void DecodeCase(const json& c) { score_.passed += Decoded(c, true); }
  void Stream(const json& c) {
    StreamDecoder stream(tokenizer_, false);
    json pieces = json::array();
    for (const json& id : c["ids"]) pieces.push_back(stream.Push(id.get<TokenId>()));
    const bool ok = Equal(c, "pieces", c["pieces"], pieces);
    score_.passed += ok && Equal(c, "flush", c["flush"], stream.Flush());
  }

 private:
  bool Decoded(const json& c, bool ok) {
    const auto ids = c["ids"].get<std::vector<TokenId>>();
    return ok && Equal(c, "decoded", c["decoded"], tokenizer_.Decode(ids, false)) &&
           Equal(c, "decoded_skip_special", c["decoded_skip_special"], tokenizer_.Decode(ids, true));
  }
  bool Equal(const json& c, std::string_view what, const json& wanted, const json& got) {
    if (wanted == got) return true;
    const std::string tag = c.value("tag", "decode");
    if (tag == "ucd15" || tag == "ucd16" || tag == "ucd17") {
      ++score_.excused;
      return false;
    }
    const auto dump = [](const json& value) {
      return Shorten(value.dump(-1, ' ', false, json::error_handler_t::replace));
    };
    score_.misses.push_back(fmt::format("{}: {}: {} of {} should be {}, is {}", name_, tag, what,
                                        dump(c.contains("text") ? c["text"] : c["ids"]), dump(wanted),
                                        dump(got)));
    return false;
  }

  const std::string& name_;
  const Tokenizer& tokenizer_;
  GoldenScore& score_;
};

}  // namespace

json ReadGolden(const fs::path& path) {
  std::ifstream in(path);
  return json::parse(in);
}

TokenizerResult LoadForGolden(const fs::path& path, const json& golden, const fs::path& data) {
  const std::string vocab = golden["vocab"];
  const std::string library = golden["library"];
  const std::string stem = path.stem().string();
  const bool made = vocab.starts_with("made/");
  const fs::path file = made ? path.parent_path() / vocab.substr(5) : data / vocab;
  if (golden.contains("patch")) return LoadPatched(file, golden["patch"]);
  if (stem.ends_with(".hf")) return LoadConverted(file, golden);
  if (vocab.ends_with("vocab.json")) return LoadGathered(golden["files"], data);
  if (library.starts_with("tiktoken") && !vocab.ends_with(".json")) {
    if (made) return LoadWithSpec(file, golden);
    return LoadTokenizer(file.string(), {.pre = stem});
  }
  if (vocab.ends_with(".model") && made) {
    SLUICE_TRY(const MappedFile model, MappedFile::Open(file.string()));
    return Finish(LoadSentencePiece(model, {.add_bos = true, .add_eos = true}));
  }
  return LoadTokenizer(file.string());
}

void RunGolden(const std::string& name, const json& golden, const Tokenizer& tokenizer, GoldenScore& score) {
  Runner runner(name, tokenizer, score);
  for (const json& c : golden["cases"]) runner.Case(c);
  for (const json& c : golden["decode_cases"]) runner.DecodeCase(c);
  for (const json& c : golden["streaming"]) runner.Stream(c);
  for (const json& c : golden.value("llama_cpp_cases", json::array())) runner.Case(c);
}

}  // namespace sluice::tokenizer
