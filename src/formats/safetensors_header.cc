#include "formats/safetensors_header.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "formats/file_error.h"
#include "formats/json.h"

namespace sluice::formats {
namespace {

using nlohmann::json;

// Receives the parser's events. Every place a value can stand in is one State, so nesting cannot grow.
class Handler : public nlohmann::json_sax<json> {
 public:
  SafetensorsHeader header;
  HeaderError error;

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a boolean"); }
  bool number_integer(number_integer_t value) override { return Unexpected(fmt::format("{}", value)); }
  bool number_float(number_float_t, const string_t& text) override { return Unexpected(Printable(text)); }
  bool binary(binary_t&) override { return Unexpected("binary data"); }
  bool number_unsigned(number_unsigned_t value) override;
  bool string(string_t& text) override;
  bool start_object(size_t) override;
  bool key(string_t& name) override;
  bool end_object() override;
  bool start_array(size_t) override;
  bool end_array() override;
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    error = {position, "header", JsonComplaint(e.what())};
    return false;
  }

 private:
  enum class State {
    kStart,
    kTop,
    kMetadata,
    kTensor,
    kDtype,
    kShape,
    kShapeItems,
    kOffsets,
    kOffsetItems,
    kDone
  };

  bool Refuse(std::string what) {
    error = {0, field_.empty() ? "header" : field_, std::move(what)};
    return false;
  }
  bool Unexpected(std::string_view what) { return Refuse(fmt::format("{} is not expected here", what)); }
  bool TensorKey(const std::string& name);

  State state_ = State::kStart;
  std::string field_;
  std::string metadata_key_;
  bool next_is_metadata_ = false;
  bool has_metadata_ = false;
  bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false;  // of the tensor being read
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> metadata_keys_;
};

bool Handler::start_object(size_t) {
  if (state_ == State::kStart) {
    state_ = State::kTop;
    return true;
  }
  if (state_ != State::kTop) return Unexpected("an object");
  if (next_is_metadata_) {
    state_ = State::kMetadata;
    return true;
  }
  state_ = State::kTensor;
  has_dtype_ = has_shape_ = has_offsets_ = false;
  return true;
}

bool Handler::key(string_t& name) {
  if (state_ == State::kTensor) return TensorKey(name);
  if (state_ == State::kMetadata) {
    if (!metadata_keys_.insert(name).second)
      return Refuse(fmt::format("key \"{}\" appears twice", Printable(name)));
    metadata_key_ = std::move(name);
    return true;
  }
  next_is_metadata_ = name == "__metadata__";
  field_ = next_is_metadata_ ? name : fmt::format("tensor {}", Printable(name));
  if (next_is_metadata_) {
    if (has_metadata_) return Refuse("appears twice");
    has_metadata_ = true;
    return true;
  }
  if (!names_.insert(name).second) return Refuse("the name appears twice");
  header.tensors.push_back({.name = std::move(name)});
  return true;
}

bool Handler::TensorKey(const std::string& name) {
  const auto once = [&](bool& seen, State next) {
    if (seen) return Refuse(fmt::format("{} appears twice", name));
    seen = true;
    state_ = next;
    return true;
  };
  if (name == "dtype") return once(has_dtype_, State::kDtype);
  if (name == "shape") return once(has_shape_, State::kShape);
  if (name == "data_offsets") return once(has_offsets_, State::kOffsets);
  return Refuse(fmt::format("field \"{}\" is not known", Printable(name)));
}

bool Handler::string(string_t& text) {
  if (state_ == State::kMetadata) {
    header.metadata.emplace_back(std::move(metadata_key_), std::move(text));
    return true;
  }
  if (state_ != State::kDtype) return Unexpected("a string");
  header.tensors.back().dtype = std::move(text);
  state_ = State::kTensor;
  return true;
}

bool Handler::number_unsigned(number_unsigned_t value) {
  if (state_ == State::kShapeItems) {
    header.tensors.back().shape.push_back(value);
    return true;
  }
  if (state_ != State::kOffsetItems) return Unexpected(fmt::format("{}", value));
  std::vector<uint64_t>& offsets = header.tensors.back().offsets;
  if (offsets.size() == 2) return Refuse("data_offsets has more than two numbers");
  offsets.push_back(value);
  return true;
}

bool Handler::start_array(size_t) {
  if (state_ == State::kShape)
    state_ = State::kShapeItems;
  else if (state_ == State::kOffsets)
    state_ = State::kOffsetItems;
  else
    return Unexpected("an array");
  return true;
}

bool Handler::end_array() {
  if (state_ == State::kOffsetItems && header.tensors.back().offsets.size() != 2)
    return Refuse("data_offsets has fewer than two numbers");
  state_ = State::kTensor;
  return true;
}

bool Handler::end_object() {
  switch (state_) {
    case State::kTensor:
      if (!has_dtype_ || !has_shape_ || !has_offsets_)
        return Refuse("dtype, shape or data_offsets is missing");
      [[fallthrough]];
    case State::kMetadata:
      state_ = State::kTop;
      return true;
    default:
      state_ = State::kDone;
      return true;
  }
}

}  // namespace

tl::expected<SafetensorsHeader, HeaderError> ParseSafetensorsHeader(std::string_view text) {
  Handler handler;
  try {
    if (json::sax_parse(text, &handler)) return std::move(handler.header);
  } catch (const std::exception& e) {
    handler.error = {0, "header", JsonComplaint(e.what())};
  }
  return tl::make_unexpected(std::move(handler.error));
}

}  // namespace sluice::formats
