#include <fmt/format.h>

#include <algorithm>

#include "chat/jinja/methods.h"
#include "chat/jinja/params.h"
#include "chat/jinja/unicode.h"

namespace sluice::chat::jinja {
namespace {

const std::string kEmpty;

// ---- case and white space ----

template <std::string (*map)(std::string_view)>
Value Mapped(Runtime& runtime, const Value& self, const Args& args) {
  Params("str method", args, {});
  runtime.Charge(self.text().size());
  return runtime.String(map(self.text()), self.markup());
}

enum Sides { kLeft = 1, kRight = 2 };

template <int sides>
Value Strip(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("strip", args, {"chars"});
  std::string_view text = self.text();
  std::u32string chars;
  if (params.Given(0) && !params[0]->Is(Kind::kNone)) {
    chars = ToChars(params.Text(0, kEmpty));
    if (chars.empty()) return self;
  }
  if (sides & kLeft) text = StripLeft(text, chars);
  if (sides & kRight) text = StripRight(text, chars);
  return runtime.String(std::string(text), self.markup());
}

// ---- searching ----

// The part of `self` between the optional character positions in parameters 1 and 2; its offset in
// characters.
std::string_view Section(const Value& self, const Params& params, int64_t* offset) {
  std::string_view text = self.text();
  const int64_t size = CharCount(text);
  const auto position = [&](size_t index, int64_t fallback) {
    if (!params.Given(index) || params[index]->Is(Kind::kNone)) return fallback;
    int64_t at = params.Int(index, fallback);
    if (at < 0) at = std::max<int64_t>(0, at + size);
    return at;
  };
  const int64_t start = position(1, 0), stop = std::min(position(2, size), size);
  *offset = start;
  if (start > stop) return {};
  const size_t begin = CharOffset(text, start);
  return text.substr(begin, CharOffset(text, stop) - begin);
}

template <bool from_right, bool must_find>
Value Find(Runtime&, const Value& self, const Args& args) {
  const Params params(must_find ? "index" : "find", args, {"sub", "start", "end"}, 1);
  int64_t offset = 0;
  const std::string_view section = Section(self, params, &offset);
  const std::string& needle = params.Text(0, kEmpty);
  const size_t found = offset > CharCount(self.text())
                           ? std::string_view::npos
                           : (from_right ? section.rfind(needle) : section.find(needle));
  if (found != std::string_view::npos) return Value::Int(offset + CharCount(section.substr(0, found)));
  if (must_find) throw Failure(FailureKind::kValue, "substring not found");
  return Value::Int(-1);
}

Value Count(Runtime&, const Value& self, const Args& args) {
  const Params params("count", args, {"sub", "start", "end"}, 1);
  int64_t offset = 0, count = 0;
  const std::string_view section = Section(self, params, &offset);
  const std::string& needle = params.Text(0, kEmpty);
  if (needle.empty()) return Value::Int(CharCount(section) + 1);
  for (size_t at = section.find(needle); at != std::string_view::npos;
       at = section.find(needle, at + needle.size()))
    ++count;
  return Value::Int(count);
}

template <bool at_end>
Value HasAffix(Runtime&, const Value& self, const Args& args) {
  const Params params(at_end ? "endswith" : "startswith", args, {"affix", "start", "end"}, 1);
  int64_t offset = 0;
  const std::string_view section = Section(self, params, &offset);
  const auto matches = [&](const Value& affix) {
    if (affix.Is(Kind::kUndefined)) ThrowUndefined(affix);
    if (!affix.Is(Kind::kString))
      ThrowType(fmt::format("startswith/endswith first arg must be str or a tuple of str, not {}",
                            TypeName(affix)));
    return at_end ? section.ends_with(affix.text()) : section.starts_with(affix.text());
  };
  const Value& affix = *params[0];
  if (!affix.Is(Kind::kTuple)) return Value::Bool(matches(affix));
  return Value::Bool(std::any_of(affix.items().begin(), affix.items().end(), matches));
}

template <bool (*test)(char32_t)>
Value All(Runtime&, const Value& self, const Args& args) {
  Params("str test", args, {});
  const std::u32string chars = ToChars(self.text());
  return Value::Bool(!chars.empty() && std::all_of(chars.begin(), chars.end(), test));
}

bool IsAlphanumeric(char32_t c) { return IsAlpha(c) || IsNumeric(c); }

// At least one cased character, and none of the other case.
template <bool upper>
Value IsCase(Runtime&, const Value& self, const Args& args) {
  Params("str test", args, {});
  bool seen = false;
  for (const char32_t c : ToChars(self.text())) {
    if (IsTitle(c) || (upper ? IsLower(c) : IsUpper(c))) return Value::Bool(false);
    seen = seen || (upper ? IsUpper(c) : IsLower(c));
  }
  return Value::Bool(seen);
}

Value IsTitleCase(Runtime&, const Value& self, const Args& args) {
  Params("istitle", args, {});
  bool seen = false, in_word = false;
  for (const char32_t c : ToChars(self.text())) {
    if (IsUpper(c) || IsTitle(c)) {
      if (in_word) return Value::Bool(false);
      seen = in_word = true;
    } else if (IsLower(c)) {
      if (!in_word) return Value::Bool(false);
    } else {
      in_word = false;
    }
  }
  return Value::Bool(seen);
}

Value IsAsciiText(Runtime&, const Value& self, const Args&) { return Value::Bool(IsAscii(self.text())); }

// ---- taking apart and putting together ----

Value PartsToList(Runtime& runtime, const std::vector<std::string_view>& parts, bool markup) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (const std::string_view part : parts) items.push_back(runtime.String(std::string(part), markup));
  return runtime.List(std::move(items));
}

std::vector<std::string_view> SplitBySpace(std::string_view text, int64_t limit) {
  std::vector<std::string_view> parts;
  text = StripLeft(text);
  while (!text.empty()) {
    if (limit-- == 0) {
      parts.push_back(text);  // Python keeps the white space behind the last part
      break;
    }
    size_t position = 0, end = 0;
    while (position < text.size()) {
      end = position;
      if (IsSpace(NextChar(text, position))) break;
      end = position;
    }
    parts.push_back(text.substr(0, end));
    text = StripLeft(text.substr(end));
  }
  return parts;
}

std::vector<std::string_view> SplitBySpaceFromRight(std::string_view text, int64_t limit) {
  std::vector<std::string_view> parts;
  text = StripRight(text);
  while (!text.empty()) {
    if (limit-- == 0) {
      parts.push_back(text);
      break;
    }
    size_t begin = 0;  // behind the last white space
    for (size_t position = 0; position < text.size();)
      if (IsSpace(NextChar(text, position))) begin = position;
    parts.push_back(text.substr(begin));
    text = StripRight(text.substr(0, begin));
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> SplitByText(std::string_view text, std::string_view separator, int64_t limit) {
  std::vector<std::string_view> parts;
  for (size_t at = text.find(separator); at != std::string_view::npos && limit != 0;
       at = text.find(separator)) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
    --limit;
  }
  parts.push_back(text);
  return parts;
}

std::vector<std::string_view> SplitByTextFromRight(std::string_view text, std::string_view separator,
                                                   int64_t limit) {
  std::vector<std::string_view> parts;
  for (size_t at = text.rfind(separator); at != std::string_view::npos && limit != 0;
       at = text.rfind(separator)) {
    parts.push_back(text.substr(at + separator.size()));
    text = text.substr(0, at);
    --limit;
  }
  parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

template <bool from_right>
Value Split(Runtime& runtime, const Value& self, const Args& args) {
  const Params params(from_right ? "rsplit" : "split", args, {"sep", "maxsplit"});
  const int64_t limit = params.Int(1, -1);
  runtime.Charge(self.text().size());
  if (!params.Given(0) || params[0]->Is(Kind::kNone)) {
    const auto parts =
        from_right ? SplitBySpaceFromRight(self.text(), limit) : SplitBySpace(self.text(), limit);
    return PartsToList(runtime, parts, self.markup());
  }
  const std::string& separator = params.Text(0, kEmpty);
  if (separator.empty()) throw Failure(FailureKind::kValue, "empty separator");
  const auto parts = from_right ? SplitByTextFromRight(self.text(), separator, limit)
                                : SplitByText(self.text(), separator, limit);
  return PartsToList(runtime, parts, self.markup());
}

Value SplitLinesMethod(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("splitlines", args, {"keepends"});
  return PartsToList(runtime, SplitLines(self.text(), params.Flag(0, false)), self.markup());
}

template <bool from_right>
Value Partition(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("partition", args, {"sep"}, 1);
  const std::string& separator = params.Text(0, kEmpty);
  if (separator.empty()) throw Failure(FailureKind::kValue, "empty separator");
  const std::string& text = self.text();
  const size_t at = from_right ? text.rfind(separator) : text.find(separator);
  std::string head, middle, tail;
  if (at == std::string::npos) {
    (from_right ? tail : head) = text;
  } else {
    head = text.substr(0, at);
    middle = separator;
    tail = text.substr(at + separator.size());
  }
  return runtime.Tuple({runtime.String(head), runtime.String(middle), runtime.String(tail)});
}

Value Join(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("join", args, {"iterable"}, 1);
  std::string out;
  size_t index = 0;
  for (const Value& item : Walk(runtime, *params[0])) {
    if (!item.Is(Kind::kString))
      ThrowType(fmt::format("sequence item {}: expected str instance, {} found", index, TypeName(item)));
    if (index++ > 0) out += self.text();
    out += self.markup() ? EscapeHtml(runtime, item).text() : item.text();
    runtime.CheckOutput(out.size());
  }
  return runtime.String(std::move(out), self.markup());
}

Value Replace(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("replace", args, {"old", "new", "count"}, 2);
  const std::string& old_text = params.Text(0, kEmpty);
  const std::string& new_text = params.Text(1, kEmpty);
  int64_t limit = params.Int(2, -1);
  const std::string& text = self.text();
  std::string out;
  size_t position = 0;
  while (limit != 0) {
    const size_t at = old_text.empty() ? position : text.find(old_text, position);
    if (at == std::string::npos) break;
    out.append(text, position, at - position);
    out += new_text;
    position = at + old_text.size();
    runtime.CheckOutput(out.size());
    --limit;
    if (!old_text.empty()) continue;
    if (position >= text.size()) return runtime.String(std::move(out), self.markup());
    const size_t begin = position;  // an empty pattern matches before every character and at the end
    NextChar(text, position);
    out.append(text, begin, position - begin);
  }
  out.append(text, position);
  return runtime.String(std::move(out), self.markup());
}

template <bool prefix>
Value RemoveAffix(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("removeprefix", args, {"affix"}, 1);
  const std::string& affix = params.Text(0, kEmpty);
  const std::string& text = self.text();
  if (prefix && text.starts_with(affix)) return runtime.String(text.substr(affix.size()), self.markup());
  if (!prefix && text.ends_with(affix))
    return runtime.String(text.substr(0, text.size() - affix.size()), self.markup());
  return self;
}

// ---- padding ----

enum class Align { kLeft, kRight, kCenter };

template <Align align>
Value Justify(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("justify", args, {"width", "fillchar"}, 1);
  static const std::string kSpace = " ";
  const std::string& fill = params.Text(1, kSpace);
  if (CharCount(fill) != 1) ThrowType("The fill character must be exactly one character long");
  const int64_t width = params.Int(0, 0), size = CharCount(self.text());
  if (width <= size) return self;
  const int64_t pad = width - size;
  runtime.Charge(static_cast<size_t>(pad) * fill.size());
  int64_t before = align == Align::kLeft ? 0 : pad;
  if (align == Align::kCenter) before = pad / 2 + (pad & width & 1);
  std::string out;
  for (int64_t i = 0; i < before; ++i) out += fill;
  out += self.text();
  for (int64_t i = before; i < pad; ++i) out += fill;
  return runtime.String(std::move(out), self.markup());
}

Value ZeroFill(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("zfill", args, {"width"}, 1);
  const int64_t width = params.Int(0, 0), size = CharCount(self.text());
  if (width <= size) return self;
  runtime.Charge(static_cast<size_t>(width - size));
  const bool sign = !self.text().empty() && (self.text()[0] == '+' || self.text()[0] == '-');
  std::string out = self.text();
  out.insert(sign ? 1 : 0, static_cast<size_t>(width - size), '0');
  return runtime.String(std::move(out), self.markup());
}

Value ExpandTabs(Runtime& runtime, const Value& self, const Args& args) {
  const Params params("expandtabs", args, {"tabsize"});
  const int64_t size = std::clamp<int64_t>(params.Int(0, 8), 0, 1 << 16);
  std::string out;
  int64_t column = 0;
  for (const char32_t c : ToChars(self.text())) {
    if (c == '\t') {
      const int64_t spaces = size == 0 ? 0 : size - column % size;
      out.append(static_cast<size_t>(spaces), ' ');
      column += spaces;
      runtime.CheckOutput(out.size());
      continue;
    }
    AppendChar(out, c);
    column = c == '\n' || c == '\r' ? 0 : column + 1;
  }
  return runtime.String(std::move(out), self.markup());
}

Value Encode(Runtime& runtime, const Value& self, const Args&) { return runtime.Bytes(self.text()); }

Value Format(Runtime& runtime, const Value& self, const Args& args) {
  return runtime.String(FormatBraces(runtime, self.text(), args), self.markup());
}

constexpr Method kMethods[] = {
    {"capitalize", Mapped<Capitalize>},
    {"casefold", Mapped<CaseFold>},
    {"center", Justify<Align::kCenter>},
    {"count", Count},
    {"encode", Encode},
    {"endswith", HasAffix<true>},
    {"expandtabs", ExpandTabs},
    {"find", Find<false, false>},
    {"format", Format},
    {"index", Find<false, true>},
    {"isalnum", All<IsAlphanumeric>},
    {"isalpha", All<IsAlpha>},
    {"isascii", IsAsciiText},
    {"isdecimal", All<IsDecimal>},
    {"isdigit", All<IsDigit>},
    {"islower", IsCase<false>},
    {"isnumeric", All<IsNumeric>},
    {"isspace", All<IsSpace>},
    {"istitle", IsTitleCase},
    {"isupper", IsCase<true>},
    {"join", Join},
    {"ljust", Justify<Align::kLeft>},
    {"lower", Mapped<Lower>},
    {"lstrip", Strip<kLeft>},
    {"partition", Partition<false>},
    {"removeprefix", RemoveAffix<true>},
    {"removesuffix", RemoveAffix<false>},
    {"replace", Replace},
    {"rfind", Find<true, false>},
    {"rindex", Find<true, true>},
    {"rjust", Justify<Align::kRight>},
    {"rpartition", Partition<true>},
    {"rsplit", Split<true>},
    {"rstrip", Strip<kRight>},
    {"split", Split<false>},
    {"splitlines", SplitLinesMethod},
    {"startswith", HasAffix<false>},
    {"strip", Strip<kLeft | kRight>},
    {"swapcase", Mapped<SwapCase>},
    {"title", Mapped<Title>},
    {"upper", Mapped<Upper>},
    {"zfill", ZeroFill},
};

}  // namespace

const Method* FindStringMethod(std::string_view name) {
  const auto* found =
      std::lower_bound(std::begin(kMethods), std::end(kMethods), name,
                       [](const Method& method, std::string_view key) { return method.name < key; });
  return found != std::end(kMethods) && found->name == name ? found : nullptr;
}

}  // namespace sluice::chat::jinja
