#include "kernels/isa.h"

#include <fmt/format.h>

#include <cstdlib>
#include <iterator>

#include "kernels/tile_support.h"

namespace sluice::kernels {
namespace {

constexpr struct {
  Isa isa;
  std::string_view name;
} kTiers[] = {{Isa::kScalar, "scalar"}, {Isa::kAvx2, "avx2"}, {Isa::kAvx512, "avx512"}, {Isa::kAmx, "amx"}};

constexpr char kVariable[] = "SLUICE_ISA";

// What the environment asks for; null: nothing.
const char* NamedTier() {
  const char* name = std::getenv(kVariable);
  return name != nullptr && *name != 0 ? name : nullptr;
}

}  // namespace

std::string_view Name(Isa isa) { return kTiers[static_cast<int>(isa)].name; }

Result<Isa> ParseIsa(std::string_view name) {
  for (const auto& tier : kTiers)
    if (tier.name == name) return tier.isa;
  return Fail(ErrorCode::kUsage, fmt::format("'{}' is not an instruction-set tier", name),
              "use one of scalar, avx2, avx512, amx");
}

std::string Obstacle(Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::kScalar:
      return "";
    case Isa::kAvx2:
      if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
        return "";
      return "the processor or the system lacks AVX2, FMA or F16C";
    case Isa::kAvx512:
      if (!Supported(Isa::kAvx2)) return Obstacle(Isa::kAvx2);
      if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
          __builtin_cpu_supports("avx512vnni"))
        return "";
      return "the processor or the system lacks AVX-512 F, BW, DQ, VL or VNNI";
    case Isa::kAmx:
      return Supported(Isa::kAvx512) ? TileObstacle() : Obstacle(Isa::kAvx512);
  }
#endif
  return isa == Isa::kScalar ? "" : "the processor is not x86-64";
}

bool Supported(Isa isa) { return Obstacle(isa).empty(); }

Result<Isa> SelectIsa() {
  if (const char* name = NamedTier()) {
    auto isa = ParseIsa(name);
    if (!isa)
      return Fail(ErrorCode::kUsage, fmt::format("{}: {}", kVariable, isa.error().message), isa.error().hint);
    const std::string obstacle = Obstacle(*isa);
    if (obstacle.empty()) return *isa;
    return Fail(ErrorCode::kConfig, fmt::format("{}={}, but {}", kVariable, name, obstacle),
                fmt::format("unset {} to use the best tier of this machine", kVariable));
  }
  Isa best = Isa::kScalar;
  for (const Isa isa : kAllIsas)
    if (Supported(isa)) best = isa;
  return best;
}

std::string WhyNotBetter(Isa selected) {
  if (selected == kAllIsas[std::size(kAllIsas) - 1]) return "";
  const Isa next = kAllIsas[static_cast<int>(selected) + 1];
  if (const char* name = NamedTier()) return fmt::format("{} is {}", kVariable, name);
  return fmt::format("not {}: {}", Name(next), Obstacle(next));
}

}  // namespace sluice::kernels
