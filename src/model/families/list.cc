#include "model/families/list.h"

namespace sluice::model {

std::span<const Family* const> Families() {
  static constexpr const Family* kFamilies[] = {&kLlama, &kMixtral};
  return kFamilies;
}

}  // namespace sluice::model
