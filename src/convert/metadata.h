// GGUF metadata on its way into a file: kept as values first, so that it can be read back before anything is
// written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"

namespace sluice::convert {

using MetadataValue = std::variant<bool, uint32_t, int32_t, float, std::string, std::vector<std::string>,
                                   std::vector<float>, std::vector<int32_t>, std::vector<uint8_t>>;

class MetadataList {
 public:
  void Set(std::string key, MetadataValue value);  // replaces an earlier value

  Status AddTo(formats::GgufWriter& writer) const;
  // What a reader would find. Points into this list.
  Result<formats::GgufMetadata> AsRead() const;

 private:
  struct Entry {
    std::string key;
    MetadataValue value;
  };
  std::vector<Entry> entries_;
};

}  // namespace sluice::convert
