#include "server/json_input.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

namespace sluice::server {
namespace {

using Json = nlohmann::ordered_json;

// Builds the value, and stops at the first thing that is not allowed.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Json TakeValue() { return std::move(root_); }
  const std::string& problem() const { return problem_; }

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t&) override { return Refuse("binary values are not JSON"); }

  bool number_float(number_float_t value, const string_t& text) override {
    if (text.find_first_of(".eE") == std::string::npos)
      return Refuse(fmt::format("the integer {}{} does not fit 64 bits", text.substr(0, 40),
                                text.size() > 40 ? "..." : ""));
    return Add(value);
  }

  bool start_object(size_t) override { return Open(Json::object()); }
  bool start_array(size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& key) override {
    if (!keys_.back().insert(key).second)
      return Refuse(fmt::format("the key \"{}\" appears twice", key.substr(0, 100)));
    key_ = std::move(key);
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    std::string_view what = error.what();
    if (const size_t label = what.find("] "); label != std::string_view::npos) what.remove_prefix(label + 2);
    return Refuse(fmt::format("at byte {}: {}", position, what.substr(0, 300)));
  }

 private:
  Json root_;
  std::vector<Json*> open_;
  std::vector<std::unordered_set<std::string>> keys_;
  std::string key_, problem_;

  bool Refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  Json* Place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    // At the end: looking for the key in an ordered object takes longer the more it has, and it is new.
    auto& members =
        static_cast<std::vector<Json::object_t::value_type>&>(open_.back()->get_ref<Json::object_t&>());
    return &members.emplace_back(std::move(key_), std::move(value)).second;
  }

  bool Add(Json value) {
    Place(std::move(value));
    return true;
  }

  // A container's elements are placed while it is open, so its own address stays valid.
  bool Open(Json container) {
    if (open_.size() >= kMaxJsonDepth) return Refuse(fmt::format("more than {} levels deep", kMaxJsonDepth));
    open_.push_back(Place(std::move(container)));
    keys_.emplace_back();
    return true;
  }

  bool Close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }
};

}  // namespace

ApiResult<Json> ParseJson(std::string_view text) {
  Builder builder;
  if (const size_t nul = text.find('\0');
      nul != std::string_view::npos)  // the library would take it for the end
    return tl::make_unexpected(
        ApiError{.message = fmt::format("the body is not valid JSON: at byte {}: a NUL", nul),
                 .code = "invalid_json"});
  try {
    if (Json::sax_parse(text, &builder)) return builder.TakeValue();
  } catch (const std::bad_alloc&) {
    return tl::make_unexpected(OutOfMemory());
  } catch (const std::exception& error) {
    return tl::make_unexpected(ServerError(fmt::format("cannot read the body: {}", error.what())));
  }
  return tl::make_unexpected(
      ApiError{.message = "the body is not valid JSON: " + builder.problem(), .code = "invalid_json"});
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace sluice::server
