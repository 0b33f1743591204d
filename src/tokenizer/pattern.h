// What a Split or Replace looks for: literal text or an expression.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/regex.h"

namespace sluice::tokenizer {

class Pattern {
 public:
  explicit Pattern(std::string literal) : literal_(std::move(literal)) {}
  explicit Pattern(Regex regex) : regex_(std::make_shared<const Regex>(std::move(regex))) {}

  // Without overlap, from left to right. An empty literal is found nowhere.
  Status FindAll(std::string_view text, RegexScratch& scratch, std::vector<Regex::Match>& matches) const {
    if (regex_) return regex_->FindAll(text, scratch, matches);
    matches.clear();
    if (literal_.empty()) return {};
    for (size_t at = text.find(literal_); at != std::string_view::npos;
         at = text.find(literal_, at + literal_.size()))
      matches.push_back({at, at + literal_.size()});
    return {};
  }

  // `text` with every match replaced, appended to `out`.
  Status Replace(std::string_view text, std::string_view content, RegexScratch& scratch,
                 std::string& out) const {
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
  std::string literal_;
  std::shared_ptr<const Regex> regex_;  // null: the literal counts
};

}  // namespace sluice::tokenizer
