// Filters that order, count, join and cut sequences.
#include <fmt/format.h>

#include <algorithm>

#include "chat/jinja/attribute_path.h"
#include "chat/jinja/filters.h"
#include "chat/jinja/methods.h"
#include "chat/jinja/params.h"

namespace sluice::chat::jinja {
namespace {

Value LengthFilter(Runtime&, const Value& value, const Args& args) {
  Params("length", args, {});
  return Value::Int(Length(value));
}

Value List(Runtime& runtime, const Value& value, const Args& args) {
  Params("list", args, {});
  return runtime.List(Walk(runtime, value));
}

Value First(Runtime& runtime, const Value& value, const Args& args) {
  Params("first", args, {});
  const std::vector<Value> items = WalkFirst(runtime, value, 1);
  return items.empty() ? runtime.Undefined("No first item, sequence was empty.") : items.front();
}

Value Last(Runtime& runtime, const Value& value, const Args& args) {
  Params("last", args, {});
  if (value.Is(Kind::kIterator)) ThrowType("'generator' object is not reversible");
  const std::vector<Value> items = Walk(runtime, value);
  return items.empty() ? runtime.Undefined("No last item, sequence was empty.") : items.back();
}

Value Reverse(Runtime& runtime, const Value& value, const Args& args) {
  Params("reverse", args, {});
  if (value.Is(Kind::kString)) return GetSlice(runtime, value, {}, {}, Value::Int(-1));
  std::vector<Value> items = Walk(runtime, value);
  std::reverse(items.begin(), items.end());
  if (value.Is(Kind::kIterator)) return runtime.List(std::move(items));
  return runtime.Iterator(std::move(items));
}

Value Join(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("join", args, {"d", "attribute"});
  const std::string separator = params.Given(0) ? ToText(runtime, *params[0]) : "";
  const AttributePath path(runtime, params.Or(1, Value::None()));
  std::string out;
  bool first = true;
  for (const Value& item : Walk(runtime, value)) {
    if (!std::exchange(first, false)) out += separator;
    AppendText(runtime, out, path.Of(runtime, item));
  }
  return runtime.String(std::move(out));
}

Value Items(Runtime& runtime, const Value& value, const Args& args) {
  Params("items", args, {});
  if (value.Is(Kind::kUndefined)) return runtime.Iterator({});
  if (!value.Is(Kind::kDict)) {
    const Failure failure(FailureKind::kType, "Can only get item pairs from a mapping.");
    return runtime.Iterator({}, std::make_exception_ptr(failure));
  }
  return runtime.Iterator(
      FindContainerMethod(Kind::kDict, "items")->function(runtime, value, {}).view().items);
}

// ---- order ----

// Stable; `keys` decide, `reverse` keeps equal items in their order.
std::vector<Value> SortBy(Runtime& runtime, const std::vector<Value>& items, const std::vector<Value>& keys,
                          bool reverse) {
  std::vector<size_t> order(items.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return reverse ? Less(runtime, keys[b], keys[a]) : Less(runtime, keys[a], keys[b]);
  });
  std::vector<Value> sorted;
  sorted.reserve(items.size());
  for (const size_t i : order) sorted.push_back(items[i]);
  return sorted;
}

Value Sort(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("sort", args, {"reverse", "case_sensitive", "attribute"});
  const bool case_sensitive = params.Flag(1, false);
  const auto paths = AttributePath::Several(runtime, params.Or(2, Value::None()));
  const std::vector<Value> items = Walk(runtime, value);
  std::vector<Value> keys;
  for (const Value& item : items) {
    std::vector<Value> parts;
    for (const AttributePath& path : paths)
      parts.push_back(SortKey(runtime, path.Of(runtime, item), case_sensitive));
    keys.push_back(runtime.List(std::move(parts)));
  }
  return runtime.List(SortBy(runtime, items, keys, params.Flag(0, false)));
}

Value DictSort(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("dictsort", args, {"case_sensitive", "by", "reverse"});
  static const std::string kKey = "key";
  const std::string& by = params.Text(1, kKey);
  if (by != "key" && by != "value")
    throw Failure(FailureKind::kValue, "You can only sort by either \"key\" or \"value\"");
  if (value.Is(Kind::kUndefined)) ThrowUndefined(value);
  if (!value.Is(Kind::kDict)) ThrowType(fmt::format("'{}' object has no attribute 'items'", TypeName(value)));
  std::vector<Value> items, keys;
  for (const auto& [key, item] : value.dict().entries) {
    items.push_back(runtime.Tuple({key, item}));
    keys.push_back(SortKey(runtime, by == "key" ? key : item, params.Flag(0, false)));
  }
  return runtime.List(SortBy(runtime, items, keys, params.Flag(2, false)));
}

Value Unique(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("unique", args, {"case_sensitive", "attribute"});
  const AttributePath path(runtime, params.Or(1, Value::None()));
  DictObject seen;
  std::vector<Value> items;
  for (const Value& item : Walk(runtime, value)) {
    const Value key = SortKey(runtime, path.Of(runtime, item), params.Flag(0, false));
    if (seen.Find(key) != nullptr) continue;
    seen.Set(key, Value::None());
    items.push_back(item);
  }
  return runtime.Iterator(std::move(items));
}

template <bool maximum>
Value Extreme(Runtime& runtime, const Value& value, const Args& args) {
  const Params params(maximum ? "max" : "min", args, {"case_sensitive", "attribute"});
  const AttributePath path(runtime, params.Or(1, Value::None()));
  const std::vector<Value> items = Walk(runtime, value);
  if (items.empty()) return runtime.Undefined("No aggregated item, sequence was empty.");
  Value best = items[0];
  Value best_key = SortKey(runtime, path.Of(runtime, best), params.Flag(0, false));
  for (size_t i = 1; i < items.size(); ++i) {
    const Value key = SortKey(runtime, path.Of(runtime, items[i]), params.Flag(0, false));
    if (maximum ? !Less(runtime, best_key, key) : !Less(runtime, key, best_key)) continue;
    best = items[i];
    best_key = key;
  }
  return best;
}

Value Sum(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("sum", args, {"attribute", "start"});
  const AttributePath path(runtime, params.Or(0, Value::None()));
  Value sum = params.Or(1, Value::Int(0));
  if (sum.Is(Kind::kString)) ThrowType("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : Walk(runtime, value))
    sum = Binary(runtime, BinaryOperator::kAdd, sum, path.Of(runtime, item));
  return sum;
}

Value GroupBy(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("groupby", args, {"attribute", "default", "case_sensitive"}, 1);
  const AttributePath path(runtime, *params[0]);
  const Value* fallback = params.Given(1) && !params[1]->Is(Kind::kNone) ? params[1] : nullptr;
  const bool case_sensitive = params.Flag(2, false);
  const auto key_of = [&](const Value& item) {
    return SortKey(runtime, path.Of(runtime, item, fallback), case_sensitive);
  };
  std::vector<Value> items = Walk(runtime, value), keys;
  for (const Value& item : items) keys.push_back(key_of(item));
  items = SortBy(runtime, items, keys, false);
  std::vector<Value> groups;
  for (size_t begin = 0; begin < items.size();) {
    const Value key = key_of(items[begin]);
    size_t end = begin + 1;
    while (end < items.size() && Equal(runtime, key, key_of(items[end]))) ++end;
    const auto at = [&](size_t i) { return items.begin() + static_cast<ptrdiff_t>(i); };
    const Value group = runtime.Tuple(
        {path.Of(runtime, items[begin], fallback), runtime.List(std::vector<Value>(at(begin), at(end)))});
    static_cast<SequenceObject*>(group.object)->group = true;
    groups.push_back(group);
    begin = end;
  }
  return runtime.List(std::move(groups));
}

// ---- cutting ----

Value Batch(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("batch", args, {"linecount", "fill_with"}, 1);
  const int64_t count = params.Int(0, 1);
  if (count < 1) throw Failure(FailureKind::kValue, "batch expects a positive number");
  std::vector<Value> rows, row;
  for (const Value& item : Walk(runtime, value)) {
    if (static_cast<int64_t>(row.size()) == count) rows.push_back(runtime.List(std::exchange(row, {})));
    row.push_back(item);
  }
  if (!row.empty()) {
    if (params.Given(1) && !params[1]->Is(Kind::kNone)) {
      runtime.Charge(static_cast<size_t>(count) * sizeof(Value));
      row.resize(static_cast<size_t>(count), *params[1]);
    }
    rows.push_back(runtime.List(std::move(row)));
  }
  return runtime.Iterator(std::move(rows));
}

Value Slice(Runtime& runtime, const Value& value, const Args& args) {
  const Params params("slice", args, {"slices", "fill_with"}, 1);
  const int64_t slices = params.Int(0, 1);
  if (slices < 1) throw Failure(FailureKind::kZeroDivision, "slice expects a positive number");
  runtime.Charge(static_cast<size_t>(slices) * sizeof(SequenceObject));
  const std::vector<Value> items = Walk(runtime, value);
  const size_t count = static_cast<size_t>(slices), each = items.size() / count, extra = items.size() % count;
  std::vector<Value> rows;
  size_t begin = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t end = begin + each + (i < extra);
    std::vector<Value> row(items.begin() + static_cast<ptrdiff_t>(begin),
                           items.begin() + static_cast<ptrdiff_t>(end));
    if (params.Given(1) && !params[1]->Is(Kind::kNone) && i >= extra) row.push_back(*params[1]);
    rows.push_back(runtime.List(std::move(row)));
    begin = end;
  }
  return runtime.Iterator(std::move(rows));
}

constexpr Filter kFilters[] = {
    {"batch", Batch},         {"count", LengthFilter}, {"dictsort", DictSort}, {"first", First},
    {"groupby", GroupBy},     {"items", Items},        {"join", Join},         {"last", Last},
    {"length", LengthFilter}, {"list", List},          {"max", Extreme<true>}, {"min", Extreme<false>},
    {"reverse", Reverse},     {"slice", Slice},        {"sort", Sort},         {"sum", Sum},
    {"unique", Unique},
};

}  // namespace

const Filter* FindSequenceFilter(std::string_view name) {
  for (const Filter& filter : kFilters)
    if (filter.name == name) return &filter;
  return nullptr;
}

}  // namespace sluice::chat::jinja
