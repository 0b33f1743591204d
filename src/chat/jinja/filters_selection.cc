// map, select, reject and their attribute forms.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "chat/jinja/attribute_path.h"
#include "chat/jinja/filters.h"
#include "chat/jinja/params.h"
#include "chat/jinja/tests.h"

namespace sluice::chat::jinja {
namespace {

// Runs `step` on every item; an error is kept for the reader of the generator, as Python would meet it there.
Value Lazily(Runtime& runtime, const Value& value,
             const std::function<void(const std::vector<Value>& items, std::vector<Value>& out)>& step) {
  std::vector<Value> out;
  std::exception_ptr failure;
  try {
    if (Truthy(value)) step(Walk(runtime, value), out);
  } catch (const Failure& caught) {
    if (caught.kind == FailureKind::kLimit) throw;
    failure = std::current_exception();
  }
  return runtime.Iterator(std::move(out), failure);
}

const std::string& NameArgument(const Args& args, size_t index) {
  if (!args.positional[index].Is(Kind::kString)) ThrowType("a filter or test name must be a string");
  return args.positional[index].text();
}

Args Rest(const Args& args, size_t from) {
  return {{args.positional.begin() + static_cast<ptrdiff_t>(from), args.positional.end()}, args.named};
}

void MapAttribute(Runtime& runtime, const Args& args, const std::vector<Value>& items,
                  std::vector<Value>& out) {
  const Params params("map", args, {"attribute", "default"}, 1);
  const AttributePath path(runtime, *params[0]);
  const Value* fallback = params.Given(1) && !params[1]->Is(Kind::kNone) ? params[1] : nullptr;
  for (const Value& item : items) out.push_back(path.Of(runtime, item, fallback));
}

Value Map(Runtime& runtime, const Value& value, const Args& args) {
  return Lazily(runtime, value, [&](const std::vector<Value>& items, std::vector<Value>& out) {
    if (args.positional.empty()) {
      const bool named = std::any_of(args.named.begin(), args.named.end(),
                                     [](const auto& arg) { return arg.first == "attribute"; });
      if (!named) throw Failure(FailureKind::kType, "map requires a filter argument");
      return MapAttribute(runtime, args, items, out);
    }
    const std::string& name = NameArgument(args, 0);
    const Filter* filter = FindFilter(name);
    const Args rest = Rest(args, 1);
    for (const Value& item : items) {
      if (filter == nullptr) throw Failure(FailureKind::kRuntime, fmt::format("No filter named '{}'.", name));
      out.push_back(filter->function(runtime, item, rest));
    }
  });
}

template <bool keep, bool by_attribute>
Value Select(Runtime& runtime, const Value& value, const Args& args) {
  return Lazily(runtime, value, [&](const std::vector<Value>& items, std::vector<Value>& out) {
    constexpr size_t kTest = by_attribute ? 1 : 0;
    if (args.positional.size() < kTest)
      throw Failure(FailureKind::kType, "Missing parameter for attribute name");
    const AttributePath path(runtime, by_attribute ? args.positional[0] : Value::None());
    const bool tested = args.positional.size() > kTest;
    const Test* test = tested ? FindTest(NameArgument(args, kTest)) : nullptr;
    if (tested && test == nullptr)
      throw Failure(FailureKind::kRuntime, fmt::format("No test named '{}'.", args.positional[kTest].text()));
    const Args rest = tested ? Rest(args, kTest + 1) : Args();
    for (const Value& item : items) {
      runtime.Step();
      const Value subject = path.Of(runtime, item);
      const bool result = tested ? test->function(runtime, subject, rest) : Truthy(subject);
      if (result == keep) out.push_back(item);
    }
  });
}

constexpr Filter kFilters[] = {
    {"map", Map},
    {"reject", Select<false, false>},
    {"rejectattr", Select<false, true>},
    {"select", Select<true, false>},
    {"selectattr", Select<true, true>},
};

}  // namespace

const Filter* FindSelectionFilter(std::string_view name) {
  for (const Filter& filter : kFilters)
    if (filter.name == name) return &filter;
  return nullptr;
}

}  // namespace sluice::chat::jinja
