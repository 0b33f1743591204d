#include "kernels/isa.h"

#include <fmt/format.h>

#include <cstdlib>

namespace sluice::kernels {
namespace {

constexpr struct {
  Isa isa;
  std::string_view name;
} kTiers[] = {{Isa::kScalar, "scalar"}, {Isa::kAvx2, "avx2"}, {Isa::kAvx512, "avx512"}};

constexpr char kVariable[] = "SLUICE_ISA";

}  // namespace

std::string_view Name(Isa isa) { return kTiers[static_cast<int>(isa)].name; }

Result<Isa> ParseIsa(std::string_view name) {
  for (const auto& tier : kTiers)
    if (tier.name == name) return tier.isa;
  return Fail(ErrorCode::kUsage, fmt::format("'{}' is not an instruction-set tier", name),
              "use one of scalar, avx2, avx512");
}

bool Supported(Isa isa) {
#if defined(__x86_64__)
  const bool avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  switch (isa) {
    case Isa::kScalar:
      return true;
    case Isa::kAvx2:
      return avx2;
    case Isa::kAvx512:
      return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512vnni");
  }
#endif
  return isa == Isa::kScalar;
}

Result<Isa> SelectIsa() {
  if (const char* name = std::getenv(kVariable); name && *name) {
    auto isa = ParseIsa(name);
    if (!isa)
      return Fail(ErrorCode::kUsage, fmt::format("{}: {}", kVariable, isa.error().message), isa.error().hint);
    if (Supported(*isa)) return *isa;
    return Fail(ErrorCode::kConfig,
                fmt::format("{}={}, but this CPU or operating system lacks that tier", kVariable, name),
                fmt::format("unset {} to use the best tier of this machine", kVariable));
  }
  for (Isa isa : {Isa::kAvx512, Isa::kAvx2})
    if (Supported(isa)) return isa;
  return Isa::kScalar;
}

}  // namespace sluice::kernels
