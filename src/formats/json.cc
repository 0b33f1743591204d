#include "formats/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "formats/file_error.h"

namespace sluice::formats {
namespace {

using nlohmann::json;

// Thrown through the parser to stop it, never further.
struct Refused {
  std::string what;
};

class Guard {
 public:
  // A parser_callback_t. `depth` counts the containers around the event.
  bool operator()(int depth, json::parse_event_t event, const json& value) {
    if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) {
      if (depth >= kMaxJsonDepth) throw Refused{fmt::format("more than {} levels deep", kMaxJsonDepth)};
      if (keys_.size() <= static_cast<size_t>(depth) + 1) keys_.resize(depth + 2);
      keys_[depth + 1].clear();
    } else if (event == json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys_[depth].insert(key).second)
        throw Refused{fmt::format("key \"{}\" appears twice", Printable(key))};
    }
    return true;
  }

 private:
  std::vector<std::unordered_set<std::string>> keys_;  // of the open objects, by depth
};

// The text with null for every NaN, Infinity and -Infinity outside strings.
std::string WithoutPythonNumbers(std::string_view text) {
  std::string out;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string_view number;
    if (!in_string)
      for (const std::string_view candidate : {"-Infinity", "Infinity", "NaN"})
        if (text.substr(i).starts_with(candidate)) number = candidate;
    if (!number.empty()) {
      out += "null";
      i += number.size() - 1;
      continue;
    }
    if (text[i] == '"') in_string = !in_string;
    out += text[i];
    if (in_string && text[i] == '\\' && i + 1 < text.size()) out += text[++i];
  }
  return out;
}

bool HasPythonNumbers(std::string_view text) {
  return text.find("NaN") != std::string_view::npos || text.find("Infinity") != std::string_view::npos;
}

}  // namespace

std::string JsonComplaint(std::string_view what) {
  constexpr size_t kMaxShown = 300;
  if (what.starts_with("[json.exception.") && what.find("] ") != std::string_view::npos)
    what.remove_prefix(what.find("] ") + 2);
  return Printable(what, kMaxShown);
}

Result<json> ParseJson(const MappedFile& file) {
  const std::string_view text = file.text();
  try {
    Guard guard;
    if (HasPythonNumbers(text)) return json::parse(WithoutPythonNumbers(text), std::ref(guard));
    return json::parse(text, std::ref(guard));
  } catch (const Refused& refused) {
    return Fail(FileError(file, 0, "JSON", refused.what));
  } catch (const json::parse_error& error) {
    return Fail(FileError(file, error.byte, "JSON", JsonComplaint(error.what()),
                          "the file is damaged: download it again"));
  } catch (const std::exception& error) {
    return Fail(FileError(file, 0, "JSON", JsonComplaint(error.what())));
  }
}

}  // namespace sluice::formats
