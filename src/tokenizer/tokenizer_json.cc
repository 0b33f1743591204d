#include "tokenizer/tokenizer_json.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "formats/file_error.h"

namespace sluice::tokenizer {
namespace {

using nlohmann::json;
constexpr size_t kMaxDepth = 100;

// Builds TokenizerJson from parser events. Everything outside the two big members goes into a json value.
class Reader : public nlohmann::json_sax<json> {
 public:
  explicit Reader(TokenizerJson& out) : out_(out) {}

  bool null() override { return Scalar(json()); }
  bool boolean(bool value) override { return Scalar(json(value)); }
  bool number_integer(number_integer_t value) override { return Integer(value, static_cast<double>(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    const auto limit = static_cast<number_unsigned_t>(std::numeric_limits<int64_t>::max());
    return Integer(static_cast<int64_t>(std::min(value, limit)), static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (mode_ == Mode::kScoredPair) return Score(ParseLikeSerde(text));
    return Scalar(json(value));
  }
  bool string(string_t& value) override {
    switch (mode_) {
      case Mode::kMerges:
        return SplitMerge(value);
      case Mode::kMergePair:
      case Mode::kScoredPair:
        pair_.push_back(std::move(value));
        return pair_.size() <= 2 || Wrong("an entry has more than two parts");
      default:
        return Scalar(json(std::move(value)));
    }
  }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override {
    if (PendingVocab()) return Enter(Mode::kVocab);
    return Open(json::object());
  }
  bool key(string_t& value) override {
    key_ = std::move(value);
    if (mode_ == Mode::kDom && !stack_.empty() && stack_.back()->contains(key_))
      return Wrong(fmt::format("the key \"{}\" stands twice in one object", formats::Printable(key_)));
    return true;
  }
  bool end_object() override {
    if (mode_ == Mode::kVocab) return Enter(Mode::kDom);
    return Close();
  }
  bool start_array(std::size_t) override {
    if (PendingVocab()) {
      out_.has_scores = true;
      return Enter(Mode::kScored);
    }
    if (mode_ == Mode::kDom && InModel() && key_ == "merges") {
      out_.has_merges = true;
      return Enter(Mode::kMerges);
    }
    if (mode_ == Mode::kScored) return Enter(Mode::kScoredPair);
    if (mode_ == Mode::kMerges) return Enter(Mode::kMergePair);
    return Open(json::array());
  }
  bool end_array() override {
    switch (mode_) {
      case Mode::kScored:
      case Mode::kMerges:
        return Enter(Mode::kDom);
      case Mode::kScoredPair:
        return scored_ || Wrong("an entry of the vocabulary is not [token, score]") ? Leave(Mode::kScored)
                                                                                    : false;
      case Mode::kMergePair:
        if (pair_.size() != 2) return Wrong("a merge does not have two parts");
        out_.merges.emplace_back(std::move(pair_[0]), std::move(pair_[1]));
        return Leave(Mode::kMerges);
      default:
        return Close();
    }
  }
  bool parse_error(std::size_t position, const std::string&, const json::exception& error) override {
    offset_ = position;
    return Wrong(error.what());
  }

  const std::string& problem() const { return problem_; }
  size_t offset() const { return offset_; }

 private:
  enum class Mode { kDom, kVocab, kScored, kScoredPair, kMerges, kMergePair };

  bool Wrong(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
    return false;
  }
  bool InModel() const { return stack_.size() == 2 && model_open_; }
  bool PendingVocab() const { return mode_ == Mode::kDom && InModel() && key_ == "vocab"; }
  bool Enter(Mode mode) {
    mode_ = mode;
    key_.clear();
    return Leave(mode);
  }
  bool Leave(Mode mode) {
    mode_ = mode;
    pair_.clear();
    scored_ = false;
    return true;
  }

  bool Integer(int64_t value, double as_double) {
    if (mode_ == Mode::kVocab) {
      out_.vocab.emplace_back(std::move(key_), value);
      return true;
    }
    if (mode_ == Mode::kScoredPair) return Score(as_double);
    return Scalar(json(value));
  }
  bool Score(double score) {
    if (pair_.size() != 1 || scored_) return Wrong("an entry of the vocabulary is not [token, score]");
    out_.scored.emplace_back(std::move(pair_[0]), score);
    return scored_ = true;
  }
  bool SplitMerge(const std::string& merge) {
    if (merge.starts_with("#version")) return true;
    const size_t space = merge.find(' ');
    if (space == std::string::npos || merge.find(' ', space + 1) != std::string::npos)
      return Wrong(fmt::format("merge {} (\"{}\") is not two parts around one space", out_.merges.size(),
                               formats::Printable(merge)));
    out_.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
    return true;
  }

  bool Scalar(json value) {
    if (mode_ != Mode::kDom) return Wrong("the vocabulary or the merges hold something of a wrong type");
    return Place(std::move(value)) != nullptr;
  }
  json* Place(json value) {
    if (stack_.empty()) return &(out_.rest = std::move(value));
    json& parent = *stack_.back();
    if (parent.is_array()) return &parent.get_ref<json::array_t&>().emplace_back(std::move(value));
    return &(parent[key_] = std::move(value));
  }
  bool Open(json container) {
    if (mode_ != Mode::kDom) return Wrong("the vocabulary or the merges hold something of a wrong type");
    if (stack_.size() >= kMaxDepth)
      return Wrong(fmt::format("values are nested more than {} deep", kMaxDepth));
    if (stack_.size() == 1) model_open_ = key_ == "model";
    stack_.push_back(Place(std::move(container)));
    return true;
  }
  bool Close() {
    stack_.pop_back();
    return true;
  }

  TokenizerJson& out_;
  Mode mode_ = Mode::kDom;
  std::vector<json*> stack_;
  std::string key_;
  bool model_open_ = false;
  std::vector<std::string> pair_;
  bool scored_ = false;
  std::string problem_;
  size_t offset_ = 0;
};

}  // namespace

double ParseLikeSerde(std::string_view number) {
  uint64_t digits = 0;
  int exponent = 0;
  size_t i = number.starts_with('-') ? 1 : 0;
  bool fraction = false, full = false;
  for (; i < number.size() && number[i] != 'e' && number[i] != 'E'; ++i) {
    if (number[i] == '.') {
      fraction = true;
      continue;
    }
    const auto digit = static_cast<uint64_t>(number[i] - '0');
    full = full || digits > (UINT64_MAX - digit) / 10;
    if (full) {
      exponent += !fraction;
    } else {
      digits = digits * 10 + digit;
      exponent -= fraction;
    }
  }
  if (i < number.size()) {
    const bool negative = ++i < number.size() && number[i] == '-';
    if (i < number.size() && (number[i] == '-' || number[i] == '+')) ++i;
    int written = 0;
    for (; i < number.size(); ++i) written = std::min(written * 10 + (number[i] - '0'), 100000);
    exponent += negative ? -written : written;
  }
  auto value = static_cast<double>(digits);
  for (; exponent < -308 && value != 0; exponent += 308) value /= 1e308;
  const double power = std::strtod(fmt::format("1e{}", std::min(std::abs(exponent), 400)).c_str(), nullptr);
  value = exponent >= 0 ? value * power : value / power;
  return number.starts_with('-') ? -value : value;
}

Result<TokenizerJson> ReadTokenizerJson(const MappedFile& file) {
  TokenizerJson out;
  Reader reader(out);
  const std::string_view text = file.text();
  if (!json::sax_parse(text.begin(), text.end(), &reader))
    return Fail(formats::FileError(file, reader.offset(), "JSON", reader.problem()));
  if (!out.rest.is_object()) return Fail(formats::FileError(file, 0, "JSON", "is not an object"));
  return out;
}

}  // namespace sluice::tokenizer
