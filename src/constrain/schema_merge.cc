#include "constrain/schema_merge.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::constrain {
namespace {

constexpr size_t kMostProducts = 64;

const std::set<std::string> kAllTypes = {"null", "boolean", "object", "array", "number", "string"};

Json AllOf(const Json& a, const Json& b) {
  if (a == b || b == true) return a;
  if (a == true) return b;
  return {{"allOf", Json::array({a, b})}};
}

std::set<std::string> CommonTypes(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::set<std::string> common;
  for (const std::string& type : a) {
    if (b.contains(type)) common.insert(type);
    if (type == "integer" && b.contains("number")) common.insert(type);
    if (type == "number" && b.contains("integer")) common.insert("integer");
  }
  if (common.contains("number")) common.erase("integer");
  return common;
}

// The values that a schema names, if it does.
const Json* FixedValues(const Json& schema, Json& storage) {
  if (schema.contains("const")) {
    storage = Json::array({schema["const"]});
    return &storage;
  }
  const auto values = schema.find("enum");
  return values != schema.end() && values->is_array() ? &*values : nullptr;
}

// What a schema says about properties that it does not name.
Json Others(const Json& schema) { return schema.value("additionalProperties", Json(true)); }

class Merger {
 public:
  Merger(const Json& a, const Json& b) : a_(a), b_(b) {}

  Result<Json> Merge() {
    for (const Json* side : {&a_, &b_})
      for (const auto& [key, value] : side->items())
        if (!IsAnnotation(key) && !out_.contains(key) && !(key == "const" && out_.contains("enum")))
          SLUICE_CHECK_OK(Keyword(key));
    return std::move(out_);
  }

 private:
  const Json &a_, &b_;
  Json out_ = Json::object();

  Status Keyword(const std::string& key) {
    if (key == "type") {
      const auto types = CommonTypes(TypesOf(a_), TypesOf(b_));
      out_[key] = Json(std::vector<std::string>(types.begin(), types.end()));
    } else if (key == "enum" || key == "const") {
      Values();
    } else if (key == "properties" || key == "additionalProperties") {
      Properties();
    } else if (!a_.contains(key) || !b_.contains(key)) {
      out_[key] = a_.contains(key) ? a_[key] : b_[key];
    } else {
      return Both(key, a_[key], b_[key]);
    }
    return {};
  }

  void Values() {
    Json storage_a, storage_b;
    const Json *a = FixedValues(a_, storage_a), *b = FixedValues(b_, storage_b);
    Json& out = out_["enum"] = Json::array();
    for (const Json& value : a != nullptr ? *a : *b)
      if (a == nullptr || b == nullptr || std::ranges::find(*b, value) != b->end()) out.push_back(value);
  }

  void Properties() {
    const Json none = Json::object();
    const Json a = a_.value("properties", none), b = b_.value("properties", none);
    Json properties = Json::object();
    for (const auto& [name, schema] : a.items())
      properties[name] = AllOf(schema, b.contains(name) ? b[name] : Others(b_));
    for (const auto& [name, schema] : b.items())
      if (!a.contains(name)) properties[name] = AllOf(schema, Others(a_));
    if (!properties.empty()) out_["properties"] = std::move(properties);
    if (a_.contains("additionalProperties") || b_.contains("additionalProperties")) {
      const Json x = Others(a_), y = Others(b_);
      out_["additionalProperties"] = x == false || y == false ? Json(false) : AllOf(x, y);
    }
  }

  Status Both(const std::string& key, const Json& a, const Json& b) {
    static const std::set<std::string> kLeast = {"minimum", "exclusiveMinimum", "minLength", "minItems",
                                                 "minProperties"};
    static const std::set<std::string> kMost = {"maximum", "exclusiveMaximum", "maxLength", "maxItems",
                                                "maxProperties"};
    Json& out = out_[key];
    if (a == b) {
      out = a;
    } else if ((kLeast.contains(key) || kMost.contains(key)) && a.is_number() && b.is_number()) {
      out = (a < b) == kMost.contains(key) ? a : b;
    } else if (key == "required" && a.is_array() && b.is_array()) {
      out = a;
      for (const Json& name : b)
        if (std::ranges::find(a, name) == a.end()) out.push_back(name);
    } else if (key == "items" || key == "propertyNames") {
      out = AllOf(a, b);
    } else if (key == "uniqueItems") {
      out = true;
    } else if (key == "allOf" && a.is_array() && b.is_array()) {
      out = a;
      out.insert(out.end(), b.begin(), b.end());
    } else if (key == "anyOf" && a.is_array() && b.is_array() && a.size() * b.size() <= kMostProducts) {
      out = Json::array();
      for (const Json& x : a)
        for (const Json& y : b) out.push_back(AllOf(x, y));
    } else {
      return Fail(ErrorCode::kUsage, fmt::format("two different '{}' cannot be kept together here", key));
    }
    return {};
  }
};

}  // namespace

bool IsAnnotation(std::string_view keyword) {
  static const std::set<std::string_view> kAnnotations = {"title",
                                                          "description",
                                                          "default",
                                                          "examples",
                                                          "example",
                                                          "$schema",
                                                          "$id",
                                                          "id",
                                                          "$comment",
                                                          "$defs",
                                                          "definitions",
                                                          "deprecated",
                                                          "readOnly",
                                                          "writeOnly",
                                                          "$anchor",
                                                          "strict",
                                                          "markdownDescription",
                                                          "discriminator",
                                                          "contentMediaType",
                                                          "contentEncoding",
                                                          "$vocabulary",
                                                          "name"};
  return kAnnotations.contains(keyword) || keyword.starts_with("x-");
}

std::set<std::string> TypesOf(const Json& schema) {
  std::set<std::string> types;
  const auto type = schema.is_object() ? schema.find("type") : schema.end();
  if (!schema.is_object() || type == schema.end()) return kAllTypes;
  if (type->is_string()) types.insert(type->get<std::string>());
  if (type->is_array())
    for (const Json& one : *type)
      if (one.is_string()) types.insert(one.get<std::string>());
  if (types.contains("number")) types.erase("integer");
  if (schema.value("nullable", Json()) == true) types.insert("null");
  return types;
}

Extent ExtentOf(const Json& json) {
  constexpr size_t kValueBytes = 64;
  Extent out{.values = 1};
  if (json.is_string()) out.values += json.get_ref<const std::string&>().size() / kValueBytes;
  if (!json.is_structured()) return out;
  out.longest = json.size();
  for (const auto& [key, value] : json.items()) {
    const Extent inside = ExtentOf(value);
    out.values += 1 + inside.values + (json.is_object() ? key.size() / kValueBytes : 0);
    out.longest = std::max(out.longest, inside.longest);
  }
  return out;
}

Result<Json> MergeSchemas(const Json& a, const Json& b) {
  if (a.is_boolean()) return a == true ? b : a;
  if (b.is_boolean()) return b == true ? a : b;
  return Merger(a, b).Merge();
}

bool AreDisjoint(const Json& a, const Json& b, int depth) {
  if (a == false || b == false) return true;
  if (!a.is_object() || !b.is_object() || depth > 8) return false;
  if (CommonTypes(TypesOf(a), TypesOf(b)).empty()) return true;
  Json storage_a, storage_b;
  const Json *x = FixedValues(a, storage_a), *y = FixedValues(b, storage_b);
  if (x != nullptr && y != nullptr)
    return std::ranges::none_of(*x,
                                [&](const Json& value) { return std::ranges::find(*y, value) != y->end(); });
  // Of two schemas for objects alone.
  if (TypesOf(a) != std::set<std::string>{"object"} && TypesOf(b) != std::set<std::string>{"object"})
    return false;
  const auto requires_name = [](const Json& schema, const std::string& name) {
    const auto required = schema.find("required");
    return required != schema.end() && std::ranges::find(*required, Json(name)) != required->end();
  };
  const Json none = Json::object();
  const Json left = a.value("properties", none), right = b.value("properties", none);
  for (const auto& [name, schema] : left.items())
    if (right.contains(name) && requires_name(a, name) && requires_name(b, name) &&
        AreDisjoint(schema, right[name], depth + 1))
      return true;
  return false;
}

}  // namespace sluice::constrain
