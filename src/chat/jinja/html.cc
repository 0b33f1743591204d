#include "chat/jinja/operations.h"

namespace sluice::chat::jinja {

Value EscapeHtml(Runtime& runtime, const Value& value) {
  if (value.markup()) return value;
  std::string out;
  for (const char c : ToText(runtime, value)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return runtime.String(std::move(out), true);
}

}  // namespace sluice::chat::jinja
