// Filters on text.
#include <fmt/format.h>

#include <algorithm>

#include "chat/jinja/filters.h"
#include "chat/jinja/methods.h"
#include "chat/jinja/params.h"
#include "chat/jinja/unicode.h"

namespace sluice::chat::jinja {

Value SoftString(Runtime& runtime, const Value& value) {
  return value.Is(Kind::kString) ? value : runtime.String(ToText(runtime, value));
}

namespace {

const std::string kEmpty;

template <std::string (*map)(std::string_view)>
Value Mapped(Runtime& runtime, const Value& value, const Args& args) {
  Params("filter", args, {});
  const Value text = SoftString(runtime, value);
  return runtime.String(map(text.text()), text.markup());
}

// The filter's title(): letters behind white space, '-', '(', '{', '[' or '<'.
std::string TitleWords(std::string_view text) {
  const auto splits = [](char32_t c) {
    return IsSpace(c) ||
           (c < 0x80 && std::string_view("-({[<").find(static_cast<char>(c)) != std::string_view::npos);
  };
  std::string out;
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t first = NextChar(text, position);
    if (splits(first)) {
      out.append(text, begin, position - begin);
      continue;
    }
    out += Upper(text.substr(begin, position - begin));
    const size_t rest = position;
    size_t end = position;
    while (position < text.size() && !splits(NextChar(text, position))) end = position;
    position = end;
    out += Lower(text.substr(rest, end - rest));
  }
  return out;
}

Value String(Runtime& runtime, const Value& value, const Args& args) {
  Params("string", args, {});
  return SoftString(runtime, value);
}

Value Safe(Runtime& runtime, const Value& value, const Args& args) {
  Params("safe", args, {});
  return runtime.String(ToText(runtime, value), true);
}

Value Escape(Runtime& runtime, const Value& value, const Args& args) {
  Params("escape", args, {});
  return EscapeHtml(runtime, value);
}

Value ForceEscape(Runtime& runtime, const Value& value, const Args& args) {
  Params("forceescape", args, {});
  return EscapeHtml(runtime, runtime.String(ToText(runtime, value)));
}

Value Trim(Runtime& runtime, const Value& value, const Args& args) {
  Params("trim", args, {"chars"});
  return FindStringMethod("strip")->function(runtime, SoftString(runtime, value), args);
}

Value Replace(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("replace", args, {"old", "new", "count"}, 2);
  Args texts;
  texts.positional = {runtime.String(ToText(runtime, *params[0])),
                      runtime.String(ToText(runtime, *params[1]))};
  if (params.Given(2) && !params[2]->Is(Kind::kNone)) texts.positional.push_back(*params[2]);
  return FindStringMethod("replace")->function(runtime, runtime.String(ToText(runtime, value)), texts);
}

Value Center(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("center", args, {"width"});
  return FindStringMethod("center")->function(runtime, SoftString(runtime, value),
                                              {{params.Or(0, Value::Int(80))}, {}});
}

Value Format(Runtime& runtime, const Value& value, const Args& args) {
  if (!args.positional.empty() && !args.named.empty())
    throw Failure(FailureKind::kValue, "can't handle positional and keyword arguments at the same time");
  Value argument = runtime.Tuple(args.positional);
  if (!args.named.empty()) {
    argument = runtime.Dict();
    for (const auto& [name, item] : args.named) argument.dict().Set(runtime.String(name), item);
  }
  return runtime.String(FormatPercent(runtime, ToText(runtime, value), argument));
}

Value Indent(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("indent", args, {"width", "first", "blank"});
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (!value.Is(Kind::kString))
    ThrowType(fmt::format("unsupported operand type(s) for +=: '{}' and 'str'", TypeName(value)));
  std::string indentation;
  if (params.Given(0) && params[0]->Is(Kind::kString)) {
    indentation = params[0]->text();
  } else {
    const int64_t width = std::max<int64_t>(0, params.Int(0, 4));
    runtime.Charge(static_cast<size_t>(width));
    indentation.assign(static_cast<size_t>(width), ' ');
  }
  const std::string text = value.text() + "\n";
  std::string out = params.Flag(1, false) ? indentation : "";
  bool first = true;
  for (const std::string_view line : SplitLines(text)) {
    if (!first) {
      out += '\n';
      if (!line.empty() || params.Flag(2, false)) out += indentation;
    }
    first = false;
    out += line;
    runtime.CheckOutput(out.size());
  }
  return runtime.String(std::move(out), value.markup());
}

Value TruncateText(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("truncate", args, {"length", "killwords", "end", "leeway"});
  static const std::string kDots = "...";
  const std::string& end = params.Text(2, kDots);
  const int64_t length = params.Int(0, 255);
  const int64_t leeway = params.Given(3) && !params[3]->Is(Kind::kNone) ? params.Int(3, 5) : 5;
  const int64_t keep = length - CharCount(end);
  if (keep < 0 || leeway < 0)
    throw Failure(FailureKind::kRuntime, fmt::format("truncate: the length {} is too short", length));
  if (Length(value) <= length + leeway) return value;
  if (!value.Is(Kind::kString)) ThrowType("truncate expects a string");
  std::string head = value.text().substr(0, CharOffset(value.text(), keep));
  if (!params.Flag(1, false))
    if (const size_t space = head.rfind(' '); space != std::string::npos) head.resize(space);
  return runtime.String(head + end, value.markup());
}

Value WordCount(Runtime& runtime, const Value& value, const Args& args) {
  Params("wordcount", args, {});
  int64_t count = 0;
  bool in_word = false;
  for (const char32_t c : ToChars(ToText(runtime, value))) {
    count += IsWord(c) && !in_word;
    in_word = IsWord(c);
  }
  return Value::Int(count);
}

// One line broken so that no part is longer than `width` characters, at white space where possible.
std::vector<std::u32string> WrapLine(std::u32string_view line, size_t width, bool break_long) {
  std::vector<std::u32string> parts;
  std::u32string current;
  for (size_t i = 0; i < line.size();) {
    const bool space = IsSpace(line[i]);
    size_t end = i;
    while (end < line.size() && IsSpace(line[end]) == space) ++end;
    std::u32string chunk(line.substr(i, end - i));
    i = end;
    if (space && current.empty() && !parts.empty()) continue;
    if (current.size() + chunk.size() > width) {
      while (!current.empty() && IsSpace(current.back())) current.pop_back();
      if (!current.empty()) parts.push_back(std::exchange(current, {}));
      if (space) continue;
    }
    while (break_long && chunk.size() > width) {
      parts.push_back(chunk.substr(0, width));
      chunk.erase(0, width);
    }
    current += chunk;
  }
  while (!current.empty() && IsSpace(current.back())) current.pop_back();
  if (!current.empty()) parts.push_back(current);
  return parts;
}

Value WordWrap(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("wordwrap", args, {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
  static const std::string kNewLine = "\n";
  const std::string& separator =
      params.Given(2) && params[2]->Is(Kind::kNone) ? kNewLine : params.Text(2, kNewLine);
  const int64_t width = params.Int(0, 79);
  if (width <= 0) throw Failure(FailureKind::kValue, fmt::format("invalid width {} (must be > 0)", width));
  if (!value.Is(Kind::kString)) ThrowType(fmt::format("wordwrap expects a string, not {}", TypeName(value)));
  std::string out;
  bool first = true;
  for (const std::string_view line : SplitLines(value.text())) {
    if (!std::exchange(first, false)) out += separator;
    bool first_part = true;
    for (const std::u32string& part :
         WrapLine(ToChars(line), static_cast<size_t>(width), params.Flag(1, true))) {
      if (!std::exchange(first_part, false)) out += separator;
      out += FromChars(part);
    }
  }
  return runtime.String(std::move(out));
}

// Drops tags and comments, joins white space, and reads back the entities that escape writes.
Value StripTags(Runtime& runtime, const Value& value, const Args& args) {
  Params("striptags", args, {});
  const std::string text = ToText(runtime, value);
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<') {
      const bool comment = text.compare(i, 4, "<!--") == 0;
      const size_t end = comment ? text.find("-->", i) : text.find('>', i);
      if (end != std::string::npos) {
        i = end + (comment ? 2 : 0);
        continue;
      }
    }
    plain += text[i];
  }
  constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&#34;", "\""}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}};
  std::string out;
  const Value words = FindStringMethod("split")->function(runtime, runtime.String(plain), {});
  for (const Value& word : words.items()) {
    if (!out.empty()) out += ' ';
    out += word.text();
  }
  for (const auto& [entity, plain_text] : kEntities)
    for (size_t at = out.find(entity); at != std::string::npos; at = out.find(entity, at + plain_text.size()))
      out.replace(at, entity.size(), plain_text);
  return runtime.String(std::move(out));
}

std::string QuoteUrl(std::string_view text, bool query) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("_.-~").find(c) != std::string_view::npos || (c == '/' && !query);
    if (plain)
      out += c;
    else if (c == ' ' && query)
      out += '+';
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Value UrlEncode(Runtime& runtime, const Value& value, const Args& args) {
  Params("urlencode", args, {});
  if (value.Is(Kind::kString) || !IsIterable(value))
    return runtime.String(QuoteUrl(ToText(runtime, value), false));
  std::string out;
  const Value pairs =
      value.Is(Kind::kDict) ? FindContainerMethod(Kind::kDict, "items")->function(runtime, value, {}) : value;
  for (const Value& pair : Walk(runtime, pairs)) {
    const std::vector<Value> parts = Walk(runtime, pair);
    if (parts.size() != 2) throw Failure(FailureKind::kValue, "urlencode expects pairs");
    if (!out.empty()) out += '&';
    out += QuoteUrl(ToText(runtime, parts[0]), true) + "=" + QuoteUrl(ToText(runtime, parts[1]), true);
  }
  return runtime.String(std::move(out));
}

Value XmlAttributes(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("xmlattr", args, {"autospace"});
  if (!value.Is(Kind::kDict)) ThrowType("xmlattr expects a mapping");
  std::string out;
  for (const auto& [key, item] : value.dict().entries) {
    if (item.Is(Kind::kNone) || item.Is(Kind::kUndefined)) continue;
    const std::string name = ToText(runtime, key);
    if (name.find_first_of(" \t\n\r\f\v/>=") != std::string::npos)
      throw Failure(FailureKind::kValue,
                    fmt::format("Invalid character in attribute name: {}", Repr(runtime, key)));
    if (!out.empty()) out += ' ';
    out += fmt::format("{}=\"{}\"", EscapeHtml(runtime, key).text(), EscapeHtml(runtime, item).text());
  }
  if (params.Flag(0, true) && !out.empty()) out.insert(0, " ");
  return runtime.String(std::move(out));
}

constexpr Filter kFilters[] = {
    {"capitalize", Mapped<Capitalize>},
    {"center", Center},
    {"e", Escape},
    {"escape", Escape},
    {"forceescape", ForceEscape},
    {"format", Format},
    {"indent", Indent},
    {"lower", Mapped<Lower>},
    {"replace", Replace},
    {"safe", Safe},
    {"string", String},
    {"striptags", StripTags},
    {"title", Mapped<TitleWords>},
    {"trim", Trim},
    {"truncate", TruncateText},
    {"upper", Mapped<Upper>},
    {"urlencode", UrlEncode},
    {"wordcount", WordCount},
    {"wordwrap", WordWrap},
    {"xmlattr", XmlAttributes},
};

}  // namespace

const Filter* FindTextFilter(std::string_view name) {
  for (const Filter& filter : kFilters)
    if (filter.name == name) return &filter;
  return nullptr;
}

}  // namespace sluice::chat::jinja
