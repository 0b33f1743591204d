// The values a template computes with: Python's, as far as templates see them.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sluice::chat::jinja {

class Runtime;
struct Value;

// The positional and named arguments of one call.
struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

enum class Kind : uint8_t {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kBytes,
  kList,
  kTuple,
  kDict,
  kRange,
  kIterator,  // a Python generator: can be walked once
  kView,      // dict.keys(), .values(), .items()
  kObject,    // functions, macros, namespaces, loops: see Object's virtual functions
};

// What lives on a heap. A heap frees all its objects at once, so values are plain pointers and cycles are
// harmless.
struct Object {
  virtual ~Object() = default;
  virtual std::string_view type_name() const { return "object"; }
  virtual bool callable() const { return false; }
  virtual Value Call(Runtime& runtime, const Args& args);
  virtual std::optional<Value> Attribute(Runtime& runtime, std::string_view name);
};

struct StringObject;
struct SequenceObject;
struct DictObject;
struct RangeObject;
struct IteratorObject;
struct ViewObject;
struct UndefinedObject;

// Two words. A value is valid as long as the heap of its object.
struct Value {
  Kind kind = Kind::kNone;
  union {
    bool boolean;
    int64_t integer = 0;
    double number;
    Object* object;
  };

  static Value None() { return {}; }
  static Value Bool(bool b);
  static Value Int(int64_t i);
  static Value Float(double d);
  static Value Of(Kind kind, Object* object);

  bool Is(Kind k) const { return kind == k; }
  bool IsNumber() const { return kind == Kind::kBool || kind == Kind::kInt || kind == Kind::kFloat; }
  bool IsInteger() const { return kind == Kind::kBool || kind == Kind::kInt; }
  bool IsSequence() const { return kind == Kind::kList || kind == Kind::kTuple; }

  // Each asks for a value of that kind; calling it on another is a bug of this program.
  int64_t AsInt() const { return kind == Kind::kBool ? int64_t{boolean} : integer; }
  double AsFloat() const { return kind == Kind::kFloat ? number : static_cast<double>(AsInt()); }
  const std::string& text() const;
  bool markup() const;  // a string marked as safe HTML
  std::vector<Value>& items() const;
  DictObject& dict() const;
  RangeObject& range() const;
  IteratorObject& iterator() const;
  ViewObject& view() const;
  const UndefinedObject& undefined() const;
};

struct StringObject : Object {
  std::string text;  // UTF-8 (kString) or raw bytes (kBytes)
  bool markup = false;
};

struct SequenceObject : Object {
  std::vector<Value> items;
  bool group = false;  // a groupby tuple: .grouper and .list name its two items
};

struct RangeObject : Object {
  int64_t start = 0, stop = 0, step = 1;
  int64_t size() const;
};

// Computed eagerly; an error met while computing is kept and thrown when the reader gets there.
struct IteratorObject : Object {
  std::vector<Value> items;
  size_t position = 0;
  std::exception_ptr failure;
};

struct ViewObject : Object {
  std::string_view name;  // "dict_keys", "dict_values", "dict_items"
  std::vector<Value> items;
};

struct UndefinedObject : Object {
  std::string message;
  bool unsafe = false;  // using it is a SecurityError rather than an UndefinedError
};

// Keeps insertion order. Keys are hashed as Python does: 1, 1.0 and True are one key.
struct DictObject : Object {
  std::vector<std::pair<Value, Value>> entries;

  const Value* Find(const Value& key) const;
  const Value* Find(std::string_view key) const;
  void Set(const Value& key, const Value& value);
  bool Erase(const Value& key);

 private:
  static constexpr size_t kLinear = 8;  // up to here, no index
  std::unordered_multimap<size_t, uint32_t> index_;

  std::optional<size_t> Position(const Value& key) const;
  void Reindex();
};

// Owns objects; frees them together.
class Heap {
 public:
  template <typename T>
  T* New() {
    auto object = std::make_unique<T>();
    T* raw = object.get();
    objects_.push_back(std::move(object));
    return raw;
  }
  template <typename T>
  T* Adopt(std::unique_ptr<T> object) {
    T* raw = object.get();
    objects_.push_back(std::move(object));
    return raw;
  }
  Value String(std::string text, bool markup = false);

 private:
  std::vector<std::unique_ptr<Object>> objects_;
};

// Python's name of the value's type: "str", "NoneType", "dict" ...
std::string_view TypeName(const Value& value);

}  // namespace sluice::chat::jinja
