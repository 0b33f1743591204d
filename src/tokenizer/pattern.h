// What a Split or Replace looks for: literal text or an expression.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "tokenizer/regex.h"

namespace sluice::tokenizer {

class Pattern {
 public:
  explicit Pattern(std::string literal) : what_(std::move(literal)) {}
  explicit Pattern(Regex regex) : what_(std::move(regex)) {}

  // Without overlap, from left to right. An empty literal is found nowhere.
  Status FindAll(std::string_view text, RegexScratch& scratch, std::vector<Regex::Match>& matches) const {
    if (const Regex* regex = std::get_if<Regex>(&what_)) return regex->FindAll(text, scratch, matches);
    const auto& literal = std::get<std::string>(what_);
    matches.clear();
    if (literal.empty()) return {};
    for (size_t at = text.find(literal); at != std::string_view::npos; at = text.find(literal, at + literal.size()))
      matches.push_back({at, at + literal.size()});
    return {};
  }

  // `text` with every match replaced, appended to `out`.
  Status Replace(std::string_view text, std::string_view content, RegexScratch& scratch, std::string& out) const {
    std::vector<Regex::Match> matches;
    SLUICE_CHECK_OK(FindAll(text, scratch, matches));
    size_t copied = 0;
    for (const auto& match : matches) {
      out += text.substr(copied, match.begin - copied);
      out += content;
      copied = match.end;
    }
    out += text.substr(copied);
    return {};
  }

 private:
  std::variant<std::string, Regex> what_;
};

}  // namespace sluice::tokenizer
