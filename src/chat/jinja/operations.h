// What Python's operators and built-in functions do with values. Failures are thrown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja/runtime.h"
#include "chat/jinja/value.h"

namespace sluice::chat::jinja {

enum class BinaryOperator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };

[[noreturn]] void ThrowUndefined(const Value& undefined);
[[noreturn]] void ThrowType(std::string message);

bool Truthy(const Value& value);
bool Equal(Runtime& runtime, const Value& a, const Value& b);
// a < b. Throws a TypeError for kinds that have no order.
bool Less(Runtime& runtime, const Value& a, const Value& b);
bool Contains(Runtime& runtime, const Value& container, const Value& item);
Value Binary(Runtime& runtime, BinaryOperator op, const Value& a, const Value& b);
Value Negate(const Value& value);
Value UnaryPlus(const Value& value);

// str(value), repr(value).
std::string ToText(Runtime& runtime, const Value& value);
void AppendText(Runtime& runtime, std::string& out, const Value& value);
std::string Repr(Runtime& runtime, const Value& value);
std::string FloatRepr(double number);

// list(value): walks anything that Python can iterate over.
std::vector<Value> Walk(Runtime& runtime, const Value& value);
// Like Walk, but an error of an iterator comes only if `needed` items are not there before it.
std::vector<Value> WalkFirst(Runtime& runtime, const Value& value, size_t needed);
int64_t Length(const Value& value);
bool IsIterable(const Value& value);

// value.name and value[key] as a template sees them: what is missing is undefined.
Value GetAttribute(Runtime& runtime, const Value& value, std::string_view name);
Value GetItem(Runtime& runtime, const Value& value, const Value& key);
// value[start:stop:step]; None for a part that is left out.
Value GetSlice(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
               const Value& step);

Value Call(Runtime& runtime, const Value& callee, const Args& args);

// Escapes & < > " ' for HTML, unless the value is a string marked as safe. The result is marked as safe.
Value EscapeHtml(Runtime& runtime, const Value& value);

// format % argument, and format.format(args).
std::string FormatPercent(Runtime& runtime, std::string_view format, const Value& argument);
std::string FormatBraces(Runtime& runtime, std::string_view format, const Args& args);

}  // namespace sluice::chat::jinja
