// The header traceparent of W3C's Trace Context.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::server {

struct TraceParent {
  std::string trace_id, span_id;  // hexadecimal digits in lower case
};

// Nothing where the header is malformed: the specification wants it ignored then.
std::optional<TraceParent> ParseTraceParent(std::string_view header);

}  // namespace sluice::server
