#include "cli/embedded_model.h"

#include <fmt/format.h>

extern "C" {
extern const std::byte sluice_embedded_model[];
extern const std::byte sluice_embedded_model_end[];
}

namespace sluice::cli {

MappedFile EmbeddedModel() {
  return MappedFile::FromStatic({sluice_embedded_model, sluice_embedded_model_end},
                                fmt::format("{} (embedded)", kEmbeddedModelName));
}

}  // namespace sluice::cli
