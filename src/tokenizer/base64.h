#pragma once

#include <string>
#include <string_view>

namespace sluice::tokenizer {

// Standard base64 with padding; false if `text` is anything else. Appends to `out`.
bool DecodeBase64(std::string_view text, std::string& out);
std::string EncodeBase64(std::string_view bytes);

}  // namespace sluice::tokenizer
