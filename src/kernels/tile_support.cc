#include "kernels/tile_support.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "kernels/tile_config.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace sluice::kernels {
namespace {

constexpr uint32_t kTileFeature = 1u << 24, kInt8Feature = 1u << 25;  // in edx of leaf 7
constexpr uint64_t kTileConfigState = 1u << 17, kTileDataState = 1u << 18;

// 0, or the errno with which the system refuses.
int RequestTiles() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILE_DATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0 ? 0 : errno;
#else
  return ENOSYS;
#endif
}

}  // namespace

TileFacts ReadTileFacts() {
  TileFacts facts;
#if defined(__x86_64__) && defined(__linux__)
  constexpr uint32_t kSavesStates = 1u << 27;  // OSXSAVE: xgetbv may be executed
  constexpr uint32_t kExtended = 7, kPalettes = 0x1d;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & kSavesStates) == 0) return facts;
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  facts.enabled_states = uint64_t{high} << 32 | low;
  if (!__get_cpuid_count(kExtended, 0, &a, &b, &c, &d)) return facts;
  facts.features = d;
  if ((facts.features & kTileFeature) == 0 || !__get_cpuid_count(kPalettes, 1, &a, &b, &c, &d)) return facts;
  facts.tile_bytes = static_cast<int>(a >> 16);
  facts.row_bytes = static_cast<int>(b & 0xffff);
  facts.tiles = static_cast<int>(b >> 16);
  facts.rows = static_cast<int>(c & 0xffff);
#endif
  return facts;
}

std::string TileObstacle(const TileFacts& facts) {
  if ((facts.features & kTileFeature) == 0 || (facts.features & kInt8Feature) == 0)
    return "the processor has no AMX-INT8";
  if ((facts.enabled_states & kTileConfigState) == 0 || (facts.enabled_states & kTileDataState) == 0)
    return fmt::format("the system does not save AMX tiles (XCR0 {:#x}; Linux does from 5.16 on)",
                       facts.enabled_states);
  if (facts.tiles < kTiles || facts.rows < kTileRows || facts.row_bytes < kTileRowBytes ||
      facts.tile_bytes < kTileRows * kTileRowBytes)
    return fmt::format(
        "the processor has {} tiles of {} rows of {} bytes, and {} of {} rows of {} are needed", facts.tiles,
        facts.rows, facts.row_bytes, kTiles, kTileRows, kTileRowBytes);
  return "";
}

const std::string& TileObstacle() {
  static const std::string obstacle = [] {
    std::string why = TileObstacle(ReadTileFacts());
    if (!why.empty()) return why;
    const int error = RequestTiles();
    return error == 0 ? "" : fmt::format("the system refuses AMX tiles: {}", std::strerror(error));
  }();
  return obstacle;
}

}  // namespace sluice::kernels
