#include "constrain/schema_formats.h"

#include <string>
#include <unordered_map>

namespace sluice::constrain {
namespace {

// RFC 3339, without 29 February and leap seconds; durations from its appendix A.
const std::string kDate =
    "[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|"
    "02-(?:0[1-9]|1[0-9]|2[0-8]))";
const std::string kTime =
    "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
const std::string kClock =
    "T(?:[0-9]{1,2}H(?:[0-9]{1,2}M(?:[0-9]{1,2}S)?)?|[0-9]{1,2}M(?:[0-9]{1,2}S)?|[0-9]{1,2}S)";
const std::string kDuration =
    "P(?:[0-9]{1,3}W|(?:[0-9]{1,3}Y(?:[0-9]{1,2}M(?:[0-9]{1,2}D)?)?|[0-9]{1,2}M(?:[0-9]{1,2}D)?|[0-9]{1,3}D)("
    "?:" +
    kClock + ")?|" + kClock + ")";
const std::string kLabel = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,58}[A-Za-z0-9])?";
const std::string kHost = kLabel + "(?:\\." + kLabel + "){0,3}";
const std::string kDomain = kLabel + "(?:\\." + kLabel + "){1,3}";
const std::string kEmail = "[A-Za-z0-9_+-]{1,20}(?:\\.[A-Za-z0-9_+-]{1,20}){0,2}@" + kDomain;
const std::string kIpv4 =
    "(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9]"
    ")";
const std::string kGroup = "[0-9A-Fa-f]{1,4}";
const std::string kIpv6 = "(?:" + kGroup + ":){7}" + kGroup + "|::(?:" + kGroup + "(?::" + kGroup +
                          "){0,5})?|(?:" + kGroup + ":){1,3}(?::" + kGroup + "){1,3}";
const std::string kUuid = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";
const std::string kUri =
    "[a-z][a-z0-9+.-]{0,15}://" + kHost +
    "(?::[1-9][0-9]{0,3})?(?:/[A-Za-z0-9._~-]*)*(?:\\?[A-Za-z0-9._~=&-]*)?(?:#[A-Za-z0-9._~-]*)?";
const std::string kPointer = "(?:/(?:[^~/]|~[01])*)*";

}  // namespace

std::string_view FormatExpression(std::string_view format) {
  static const std::unordered_map<std::string_view, std::string> kFormats = {
      {"date", kDate},         {"time", kTime},           {"date-time", kDate + "T" + kTime},
      {"duration", kDuration}, {"email", kEmail},         {"ipv4", kIpv4},
      {"ipv6", kIpv6},         {"uuid", kUuid},           {"hostname", kHost},
      {"uri", kUri},           {"json-pointer", kPointer}};
  const auto at = kFormats.find(format);
  return at == kFormats.end() ? std::string_view() : at->second;
}

}  // namespace sluice::constrain
