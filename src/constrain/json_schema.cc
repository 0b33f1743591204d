#include "constrain/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "constrain/json_numbers.h"
#include "constrain/regex_grammar.h"
#include "constrain/schema_formats.h"
#include "constrain/schema_merge.h"

namespace sluice::constrain {
namespace {

using tokenizer::CharSet;

constexpr int kMostDepth = 100;
constexpr size_t kMostSchemas = 20'000;  // after references and allOf have been followed
constexpr size_t kMostValues = 200'000;  // of enums
constexpr size_t kLongestKey = 256;
// What putting schemas together may cost: values looked at, each against the longest list or object. About a
// second.
constexpr size_t kMostWork = 1'000'000'000;
constexpr size_t kWorkOfPatternByte = 10'000;

// Keywords by the type that they speak about; without `type` they stand for it.
const std::vector<std::pair<std::string, std::vector<std::string>>>& TypeKeywords() {
  static const std::vector<std::pair<std::string, std::vector<std::string>>> kKeywords = {
      {"object",
       {"properties", "required", "additionalProperties", "minProperties", "maxProperties",
        "patternProperties", "propertyNames", "unevaluatedProperties"}},
      {"array", {"items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"}},
      {"string", {"minLength", "maxLength", "pattern", "format"}},
      {"number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}}};
  return kKeywords;
}

// Where in a schema something stands, as a JSON pointer.
std::string Below(const std::string& pointer, std::string_view key) {
  std::string out = pointer + "/";
  for (const char c : key.substr(0, 100)) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

tl::unexpected<Error> Refuse(const std::string& pointer, std::string_view what, std::string hint = {}) {
  return Fail(ErrorCode::kUsage,
              fmt::format("schema at '{}': {}", pointer.empty() ? std::string("#") : "#" + pointer, what),
              std::move(hint));
}

class Compiler {
 public:
  Compiler(Grammar& grammar, JsonText& text, const Json& root)
      : grammar_(grammar), text_(text), root_(root), root_extent_(ExtentOf(root)) {}

  Result<ExpressionId> Part(const std::string& pointer) {
    SLUICE_TRY(const auto part, Resolve("#" + pointer, pointer));
    const RuleId rule = RuleFor(pointer, *part.first);
    for (; !waiting_.empty(); waiting_.pop_front()) {
      const Waiting next = waiting_.front();
      SLUICE_TRY(const ExpressionId body, Compile(*next.schema, next.pointer, 0));
      grammar_.Define(next.rule, body);
    }
    return grammar_.Rule(rule);
  }

 private:
  struct Waiting {
    RuleId rule;
    const Json* schema;
    std::string pointer;
  };
  Grammar& grammar_;
  JsonText& text_;
  const Json& root_;
  std::unordered_map<std::string, RuleId> rules_;  // by pointer
  std::deque<Waiting> waiting_;
  const Extent root_extent_;
  size_t compiled_ = 0, values_ = 0, work_ = 0;

  Status Charge(size_t work, const std::string& pointer) {
    work_ += std::min(work, kMostWork + 1);
    if (work_ <= kMostWork) return {};
    return Refuse(pointer, "the schema is too large for its references, combinations and patterns",
                  "split it, or say the same with fewer 'allOf', 'anyOf' and 'oneOf'");
  }

  RuleId RuleFor(const std::string& pointer, const Json& schema) {
    const auto [at, added] = rules_.try_emplace(pointer, 0);
    if (added) {
      at->second = grammar_.AddRule("#" + pointer);
      waiting_.push_back({at->second, &schema, pointer});
    }
    return at->second;
  }

  // What a local reference points to, and the pointer without its '#'.
  Result<std::pair<const Json*, std::string>> Resolve(const Json& reference, const std::string& pointer) {
    const std::string at = Below(pointer, "$ref");
    if (!reference.is_string()) return Refuse(at, "'$ref' must be a string");
    const auto& text = reference.get_ref<const std::string&>();
    if (!text.starts_with('#'))
      return Refuse(at, fmt::format("'$ref' to '{}' leaves the schema", text.substr(0, 100)),
                    "only references such as #/$defs/name are followed");
    const std::string path = text.substr(1);
    if (!path.empty() && path[0] != '/')
      return Refuse(at, fmt::format("'$ref' to the anchor '{}' is not supported", text.substr(0, 100)));
    const auto levels = static_cast<size_t>(std::ranges::count(path, '/'));
    SLUICE_CHECK_OK(Charge(levels * root_extent_.longest, pointer));
    const Json* target = nullptr;
    try {
      const nlohmann::json_pointer<std::string> json_pointer(path);
      if (root_.contains(json_pointer)) target = &root_.at(json_pointer);
    } catch (const std::exception&) {  // not a pointer
    }
    if (target == nullptr)
      return Refuse(at, fmt::format("'$ref' to '{}' leads nowhere", text.substr(0, 100)));
    return std::pair(target, path);
  }

  static bool OnlyAnnotations(const Json& schema, std::string_view but) {
    for (const auto& [key, value] : schema.items())
      if (key != but && !IsAnnotation(key)) return false;
    return true;
  }

  // The schema without $ref and allOf at its top.
  Result<Json> Flatten(const Json& schema, const std::string& pointer, int depth) {
    if (!schema.is_object()) return schema;
    if (depth > kMostDepth || ++compiled_ > kMostSchemas)
      return Refuse(pointer, "it refers to itself, or is nested too deep, where it has to be merged");
    SLUICE_CHECK_OK(Charge(ExtentOf(schema).values, pointer));
    Json own = schema;
    own.erase("$ref");
    own.erase("allOf");
    const auto add = [&](const Json& other, const std::string& where) -> Status {
      SLUICE_TRY(const Json flat, Flatten(other, where, depth + 1));
      SLUICE_CHECK_OK(Charge(ComparisonWork(ExtentOf(own), ExtentOf(flat)), where));
      auto merged = MergeSchemas(own, flat);
      if (!merged) return Refuse(where, merged.error().message);
      own = std::move(*merged);
      return {};
    };
    if (schema.contains("$ref")) {
      SLUICE_TRY(const auto target, Resolve(schema["$ref"], pointer));
      SLUICE_CHECK_OK(add(*target.first, target.second));
    }
    if (const auto all = schema.find("allOf"); all != schema.end()) {
      const std::string at = Below(pointer, "allOf");
      if (!all->is_array() || all->empty()) return Refuse(at, "'allOf' must be a list of schemas");
      for (size_t i = 0; i < all->size(); ++i) SLUICE_CHECK_OK(add((*all)[i], Below(at, std::to_string(i))));
      if (own.is_object() && own.contains("allOf")) return Flatten(own, pointer, depth + 1);
    }
    return own;
  }

  Status CheckKeywords(const Json& schema, const std::string& pointer) const {
    for (const auto& [key, value] : schema.items()) {
      if (IsAnnotation(key)) continue;
      bool known = key == "type" || key == "enum" || key == "const" || key == "anyOf" || key == "oneOf" ||
                   key == "allOf" || key == "$ref" || key == "nullable";
      for (const auto& [type, keywords] : TypeKeywords())
        known = known || std::ranges::find(keywords, key) != keywords.end();
      if (!known)
        return Refuse(Below(pointer, key),
                      fmt::format("the keyword '{}' is not supported", key.substr(0, 100)),
                      "leave it out, or say the same with others");
    }
    return {};
  }

  Result<ExpressionId> Compile(const Json& schema, const std::string& pointer, int depth) {
    if (depth > kMostDepth) return Refuse(pointer, fmt::format("it is nested more than {} deep", kMostDepth));
    if (++compiled_ > kMostSchemas || grammar_.too_large())
      return Refuse(pointer, fmt::format("the schema is too large: it has more than {} parts", kMostSchemas));
    if (schema.is_boolean()) return schema == true ? text_.Value() : grammar_.Nothing();
    if (!schema.is_object()) return Refuse(pointer, "a schema must be an object or a boolean");
    SLUICE_CHECK_OK(CheckKeywords(schema, pointer));
    if (schema.contains("$ref") && OnlyAnnotations(schema, "$ref")) {
      SLUICE_TRY(const auto target, Resolve(schema["$ref"], pointer));
      return grammar_.Rule(RuleFor(target.second, *target.first));
    }
    if (schema.contains("$ref") || schema.contains("allOf")) {
      SLUICE_TRY(const Json flat, Flatten(schema, pointer, depth));
      return Compile(flat, pointer, depth + 1);
    }
    for (const char* keyword : {"anyOf", "oneOf"})
      if (schema.contains(keyword)) return Alternatives(schema, keyword, pointer, depth);
    return Plain(schema, pointer, depth);
  }

  Result<ExpressionId> Alternatives(const Json& schema, const char* keyword, const std::string& pointer,
                                    int depth) {
    const Json& list = schema[keyword];
    const std::string at = Below(pointer, keyword);
    if (!list.is_array() || list.empty())
      return Refuse(at, fmt::format("'{}' must be a list of schemas", keyword));
    if (std::string_view(keyword) == "oneOf") SLUICE_CHECK_OK(CheckOneOf(list, at));
    Json base = schema;
    base.erase(keyword);
    const bool alone = OnlyAnnotations(schema, keyword);
    const size_t base_values = alone ? 0 : ExtentOf(base).values;
    std::vector<ExpressionId> alternatives;
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string where = Below(at, std::to_string(i));
      if (alone) {
        SLUICE_TRY(const ExpressionId one, Compile(list[i], where, depth + 1));
        alternatives.push_back(one);
        continue;
      }
      SLUICE_CHECK_OK(Charge(base_values, where));
      SLUICE_CHECK_OK(list[i].is_object() ? CheckKeywords(list[i], where) : Status{});
      SLUICE_TRY(const ExpressionId one,
                 Compile(Json{{"allOf", Json::array({base, list[i]})}}, where, depth + 1));
      alternatives.push_back(one);
    }
    return grammar_.Alternatives(std::move(alternatives));
  }

  // Exactly one may match: that is sure only where no two can.
  Status CheckOneOf(const Json& list, const std::string& at) {
    constexpr size_t kMost = 64;
    if (list.size() > kMost)
      return Refuse(at, fmt::format("'oneOf' has {} schemas, and may have {}", list.size(), kMost));
    std::vector<Json> flat;
    for (size_t i = 0; i < list.size(); ++i) {
      SLUICE_TRY(Json one, Flatten(list[i], Below(at, std::to_string(i)), 0));
      flat.push_back(std::move(one));
    }
    std::vector<Extent> extents;
    for (const Json& one : flat) extents.push_back(ExtentOf(one));
    for (size_t i = 0; i < flat.size(); ++i)
      for (size_t j = i + 1; j < flat.size(); ++j) {
        SLUICE_CHECK_OK(Charge(ComparisonWork(extents[i], extents[j]), at));
        if (!AreDisjoint(flat[i], flat[j]))
          return Refuse(
              at, fmt::format("the schemas {} and {} of 'oneOf' may both match", i, j),
              "use anyOf, or give them different types or a required property with different constants");
      }
    return {};
  }

  // Without references and combinations.
  Result<ExpressionId> Plain(const Json& schema, const std::string& pointer, int depth) {
    SLUICE_CHECK_OK(CheckType(schema, pointer));
    if (schema.contains("enum") || schema.contains("const")) return Values(schema, pointer);
    std::set<std::string> types = TypesOf(schema);
    if (!schema.contains("type")) {
      std::set<std::string> named;
      for (const auto& [type, keywords] : TypeKeywords())
        for (const std::string& keyword : keywords)
          if (schema.contains(keyword)) named.insert(type);
      if (named.empty()) return text_.Value();
      types = std::move(named);
      if (schema.value("nullable", Json()) == true) types.insert("null");
    }
    std::vector<ExpressionId> alternatives;
    for (const std::string& type : types) {
      SLUICE_TRY(const ExpressionId one, OfType(type, schema, pointer, depth));
      alternatives.push_back(one);
    }
    return grammar_.Alternatives(std::move(alternatives));
  }

  Status CheckType(const Json& schema, const std::string& pointer) const {
    static const std::set<std::string> kTypes = {"null",   "boolean", "object", "array",
                                                 "number", "string",  "integer"};
    const auto type = schema.find("type");
    if (type == schema.end()) return {};
    const auto known = [](const Json& one) {
      return one.is_string() && kTypes.contains(one.get<std::string>());
    };
    if (known(*type) || (type->is_array() && std::ranges::all_of(*type, known))) return {};
    return Refuse(Below(pointer, "type"),
                  "'type' must be null, boolean, object, array, number, integer or string, "
                  "or a list of these");
  }

  Result<ExpressionId> OfType(const std::string& type, const Json& schema, const std::string& pointer,
                              int depth) {
    if (type == "object") return Object(schema, pointer, depth);
    if (type == "array") return Array(schema, pointer, depth);
    if (type == "string") return String(schema, pointer);
    if (type == "number" || type == "integer") return Number(schema, pointer, type == "integer");
    return type == "boolean" ? text_.Bool() : text_.Null();
  }

  static std::string TypeOf(const Json& value) {
    if (value.is_number_float())
      return value.get<double>() == std::floor(value.get<double>()) ? "integer" : "number";
    if (value.is_number()) return "integer";
    return value.is_boolean() ? "boolean" : value.type_name();
  }

  Result<ExpressionId> Values(const Json& schema, const std::string& pointer) {
    for (const auto& [key, value] : schema.items())
      if (!IsAnnotation(key) && key != "enum" && key != "const" && key != "type" && key != "nullable")
        return Refuse(Below(pointer, key),
                      fmt::format("the keyword '{}' beside fixed values is not supported", key));
    Json values = schema.contains("const") ? Json::array({schema["const"]}) : schema["enum"];
    if (!values.is_array()) return Refuse(Below(pointer, "enum"), "'enum' must be a list");
    if ((values_ += values.size()) > kMostValues)
      return Refuse(Below(pointer, "enum"),
                    fmt::format("the schema has more than {} fixed values", kMostValues));
    const std::set<std::string> types = TypesOf(schema);
    const Json* in_enum = schema.contains("const") && schema.contains("enum") ? &schema["enum"] : nullptr;
    std::vector<ExpressionId> alternatives;
    for (const Json& value : values) {
      const std::string type = TypeOf(value);
      if (!types.contains(type) && !(type == "integer" && types.contains("number"))) continue;
      if (in_enum != nullptr && std::ranges::find(*in_enum, value) == in_enum->end()) continue;
      alternatives.push_back(text_.Literal(value));
    }
    return grammar_.Alternatives(std::move(alternatives));
  }

  // A count that a keyword gives.
  Result<uint32_t> Count(const Json& schema, const char* keyword, const std::string& pointer,
                         uint32_t otherwise) const {
    const auto at = schema.find(keyword);
    if (at == schema.end()) return otherwise;
    const bool whole = at->is_number() && at->get<double>() >= 0 &&
                       (!at->is_number_float() || at->get<double>() == std::floor(at->get<double>()));
    if (!whole)
      return Refuse(Below(pointer, keyword), fmt::format("'{}' must be a whole number from 0 on", keyword));
    if (at->get<double>() > kMostRepeats)
      return Refuse(Below(pointer, keyword), fmt::format("'{}' is above {}", keyword, kMostRepeats));
    return static_cast<uint32_t>(at->get<double>());
  }

  Result<ExpressionId> String(const Json& schema, const std::string& pointer) {
    SLUICE_TRY(const uint32_t least, Count(schema, "minLength", pointer, 0));
    SLUICE_TRY(const uint32_t most, Count(schema, "maxLength", pointer, kUnbounded));
    const bool counted = least > 0 || most != kUnbounded;
    const bool pattern = schema.contains("pattern"), format = schema.contains("format");
    if (most < least) return grammar_.Nothing();
    if (!pattern && !format) return counted ? text_.Quoted(text_.AnyChars(least, most)) : text_.String();
    const char* keyword = pattern ? "pattern" : "format";
    const std::string at = Below(pointer, keyword);
    if (counted && (least > 1 || most != kUnbounded || format))
      return Refuse(at, fmt::format("'{}' beside 'minLength' or 'maxLength' is not supported", keyword),
                    "say the length within the pattern");
    if (pattern && format) return Refuse(at, "'pattern' beside 'format' is not supported");
    if (!schema[keyword].is_string()) return Refuse(at, fmt::format("'{}' must be a string", keyword));
    std::string_view expression = schema[keyword].get_ref<const std::string&>();
    if (format) expression = FormatExpression(expression);
    if (format && expression.empty())
      return Refuse(
          at,
          fmt::format("the format '{}' is not supported", schema[keyword].get<std::string>().substr(0, 100)),
          "use a pattern");
    SLUICE_CHECK_OK(Charge(expression.size() * kWorkOfPatternByte, at));
    auto body = AddRegex(grammar_, expression, /*whole=*/format,
                         [this](Grammar&, const CharSet& set) { return text_.Chars(set); });
    if (!body) return Refuse(at, body.error().message, body.error().hint);
    if (least == 1)
      return Refuse(at, "'pattern' beside 'minLength' is not supported", "say the length within the pattern");
    return text_.Quoted(*body);
  }

  Result<ExpressionId> Number(const Json& schema, const std::string& pointer, bool integer) {
    Bounds bounds;
    for (const char* keyword : {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}) {
      const auto at = schema.find(keyword);
      if (at == schema.end()) continue;
      const std::string_view name = keyword;
      const bool lower = name.ends_with("inimum"), exclusive = name.starts_with("exclusive");
      if (exclusive && at->is_boolean()) {  // as up to draft 4: it speaks of the other bound
        auto& bound = lower ? bounds.least : bounds.most;
        if (bound) bound->exclusive = bound->exclusive || *at == true;
        continue;
      }
      if (!at->is_number())
        return Refuse(Below(pointer, keyword), fmt::format("'{}' must be a number", keyword));
      const Bound bound{ToDecimal(*at), exclusive};
      auto& kept = lower ? bounds.least : bounds.most;
      const int order = kept ? Compare(bound.value, kept->value) * (lower ? 1 : -1) : 1;
      if (order > 0 || (order == 0 && exclusive)) kept = bound;
    }
    if (const auto multiple = schema.find("multipleOf"); multiple != schema.end())
      return Multiple(*multiple, bounds, Below(pointer, "multipleOf"), integer);
    if (bounds.least || bounds.most) return NumberBetween(grammar_, bounds, integer);
    return integer ? text_.Integer() : text_.Number();
  }

  Result<ExpressionId> Multiple(const Json& multiple, const Bounds& bounds, const std::string& at,
                                bool integer) {
    const double divisor = multiple.is_number() ? multiple.get<double>() : 0;
    if (!(divisor > 0)) return Refuse(at, "'multipleOf' must be a number above 0");
    if (divisor == 1) return NumberBetween(grammar_, bounds, true);
    if (integer && 1 / divisor == std::floor(1 / divisor)) return NumberBetween(grammar_, bounds, true);
    if (divisor != std::floor(divisor) || divisor > kMostDivisor)
      return Refuse(at, fmt::format("'multipleOf' must be a whole number up to {}", kMostDivisor));
    if (bounds.least || bounds.most) return Refuse(at, "'multipleOf' beside bounds is not supported");
    return MultipleOf(grammar_, static_cast<int64_t>(divisor));
  }

  Result<ExpressionId> Array(const Json& schema, const std::string& pointer, int depth) {
    SLUICE_TRY(const uint32_t least, Count(schema, "minItems", pointer, 0));
    SLUICE_TRY(uint32_t most, Count(schema, "maxItems", pointer, kUnbounded));
    if (schema.value("uniqueItems", Json(false)) != false && most > 1)
      return Refuse(Below(pointer, "uniqueItems"), "'uniqueItems' is not supported");
    const char* first = schema.contains("prefixItems") ? "prefixItems" : "items";
    const char* rest = schema.contains("prefixItems") ? "items" : "additionalItems";
    std::vector<ExpressionId> elements;
    if (const auto list = schema.find(first); list != schema.end() && list->is_array()) {
      for (size_t i = 0; i < list->size(); ++i) {
        SLUICE_TRY(const ExpressionId one,
                   Compile((*list)[i], Below(Below(pointer, first), std::to_string(i)), depth + 1));
        elements.push_back(one);
      }
    } else {
      rest = "items";
      if (schema.contains("prefixItems"))
        return Refuse(Below(pointer, first), "'prefixItems' must be a list");
    }
    const Json others = schema.value(rest, Json(true));
    if (others == false) {
      most = std::min(most, static_cast<uint32_t>(elements.size()));
    } else {
      SLUICE_TRY(const ExpressionId other, Compile(others, Below(pointer, rest), depth + 1));
      elements.push_back(other);
    }
    if (most < least) return grammar_.Nothing();
    return text_.Bracketed(elements, least, most);
  }

  struct Members {
    std::vector<ExpressionId> members;
    std::vector<bool> required;
    std::vector<std::string> names;
    uint32_t required_count = 0;

    void Add(ExpressionId member, bool is_required) {
      members.push_back(member);
      required.push_back(is_required);
      required_count += is_required ? 1 : 0;
    }
  };

  Result<std::vector<std::string>> Required(const Json& schema, const std::string& pointer) const {
    std::vector<std::string> names;
    const auto list = schema.find("required");
    if (list == schema.end() || list->is_boolean()) return names;  // draft 3: it spoke of the property itself
    if (!list->is_array()) return Refuse(Below(pointer, "required"), "'required' must be a list of names");
    std::unordered_set<std::string> seen;
    for (const Json& name : *list) {
      if (!name.is_string()) return Refuse(Below(pointer, "required"), "'required' must be a list of names");
      if (seen.insert(name).second) names.push_back(name);
    }
    return names;
  }

  Result<Members> Named(const Json& schema, const std::string& pointer, int depth) {
    Members out;
    SLUICE_TRY(const std::vector<std::string> required, Required(schema, pointer));
    std::unordered_set<std::string_view> missing(required.begin(), required.end());
    const Json none = Json::object();
    const auto at = schema.find("properties");
    const Json& properties = at == schema.end() ? none : *at;
    const std::string where = Below(pointer, "properties");
    if (!properties.is_object()) return Refuse(where, "'properties' must be an object");
    const auto name_it = [&](const std::string& name) -> Status {
      if (name.size() > kLongestKey)
        return Refuse(
            where, fmt::format("a property's name has {} bytes, and may have {}", name.size(), kLongestKey));
      out.names.push_back(name);
      return {};
    };
    for (const auto& [name, property] : properties.items()) {
      const bool is_required = missing.erase(name) > 0;
      SLUICE_CHECK_OK(name_it(name));
      if (!is_required && property == false) continue;
      SLUICE_TRY(const ExpressionId value, Compile(property, Below(where, name), depth + 1));
      out.Add(text_.Member(text_.Literal(name), value), is_required);
    }
    if (missing.empty()) return out;
    SLUICE_TRY(const ExpressionId value, Compile(schema.value("additionalProperties", Json(true)),
                                                 Below(pointer, "additionalProperties"), depth + 1));
    for (const std::string& name : required) {
      if (!missing.contains(name)) continue;
      SLUICE_CHECK_OK(name_it(name));
      out.Add(text_.Member(text_.Literal(name), value), true);
    }
    return out;
  }

  // The key and value of members that are not named; nothing: there are none.
  Result<std::optional<ExpressionId>> Unnamed(const Json& schema, const Members& named,
                                              const std::string& pointer, int depth) {
    if (const auto at = schema.find("patternProperties");
        at != schema.end() && at->is_object() && !at->empty()) {
      const std::string where = Below(pointer, "patternProperties");
      if (at->size() > 1 || !named.names.empty() || schema.contains("propertyNames"))
        return Refuse(where,
                      "'patternProperties' is supported with one pattern, and without named properties");
      const std::string pattern = at->begin().key();
      SLUICE_TRY(const ExpressionId key, String({{"pattern", pattern}}, where));
      SLUICE_TRY(const ExpressionId value, Compile(at->begin().value(), Below(where, pattern), depth + 1));
      return text_.Member(key, value);
    }
    const Json others = schema.value("additionalProperties", Json(named.members.empty()));
    if (others == false) return std::nullopt;
    SLUICE_TRY(const ExpressionId value, Compile(others, Below(pointer, "additionalProperties"), depth + 1));
    const auto names = schema.find("propertyNames");
    if (names == schema.end()) return text_.Member(text_.KeyBeside(named.names), value);
    const std::string where = Below(pointer, "propertyNames");
    if (!named.names.empty())
      return Refuse(where, "'propertyNames' beside named properties is supported only without others");
    if (!names->is_object()) return text_.Member(text_.KeyBeside(named.names), value);
    Json strings = *names;
    strings["type"] = "string";
    SLUICE_TRY(const ExpressionId key, Compile(strings, where, depth + 1));
    return text_.Member(key, value);
  }

  Result<ExpressionId> Object(const Json& schema, const std::string& pointer, int depth) {
    if (const auto rest = schema.find("unevaluatedProperties"); rest != schema.end())
      if (*rest != true &&
          schema.value("additionalProperties", Json(schema.contains("properties") ? false : true)) != false)
        return Refuse(Below(pointer, "unevaluatedProperties"),
                      "'unevaluatedProperties' is not supported here", "use additionalProperties");
    SLUICE_TRY(const uint32_t least, Count(schema, "minProperties", pointer, 0));
    SLUICE_TRY(const uint32_t most, Count(schema, "maxProperties", pointer, kUnbounded));
    SLUICE_TRY(Members members, Named(schema, pointer, depth));
    SLUICE_TRY(const std::optional<ExpressionId> unnamed, Unnamed(schema, members, pointer, depth));
    if (schema.contains("propertyNames") && !members.names.empty() && !NamesAllowed(schema["propertyNames"]))
      return Refuse(Below(pointer, "propertyNames"),
                    "'propertyNames' beside named properties is not supported");
    const auto named = static_cast<uint32_t>(members.members.size());
    bool open = false;
    if (unnamed && !(most <= named && most == members.required_count)) {
      members.Add(*unnamed, false);
      open = true;
    }
    if (least > std::max(members.required_count, 1u) || (least == 1 && members.members.empty()))
      return Refuse(Below(pointer, "minProperties"),
                    "'minProperties' above the number of required properties, or 1, "
                    "is not supported");
    if (most < named || (open && most != kUnbounded && !(most == 0))) {
      if (most < members.required_count) return grammar_.Nothing();
      if (most == 0) return text_.Braced({}, {}, false, 0);
      return Refuse(Below(pointer, "maxProperties"),
                    "'maxProperties' below the number of properties is not supported");
    }
    if (most == 0) return text_.Braced({}, {}, false, 0);
    return text_.Braced(std::move(members.members), std::move(members.required), open, least > 0 ? 1 : 0);
  }

  static bool NamesAllowed(const Json& names) {
    return names == true || (names.is_object() && OnlyAnnotations(names, "type"));
  }
};

}  // namespace

Result<ExpressionId> AddJsonSchema(Grammar& grammar, JsonText& text, const Json& root,
                                   const std::string& pointer) {
  return Compiler(grammar, text, root).Part(pointer);
}

Result<Grammar> JsonSchemaGrammar(const Json& schema) {
  Grammar grammar;
  JsonText text(grammar);
  SLUICE_TRY(const ExpressionId body, AddJsonSchema(grammar, text, schema));
  const RuleId root = grammar.AddRule("root");
  grammar.Define(root, body);
  grammar.SetRoot(root);
  return grammar;
}

Grammar JsonObjectGrammar() {
  Grammar grammar;
  JsonText text(grammar);
  const RuleId root = grammar.AddRule("root");
  grammar.Define(root, text.Object());
  grammar.SetRoot(root);
  return grammar;
}

}  // namespace sluice::constrain
