// AMX tiles: matrices of 16 rows of 64 bytes in eight registers of their own. tiles_emulated.h has the same
// names. For tier files only. Statements in assembler and not the compiler's intrinsics: those of GCC 12 name
// too few of the bytes that they read, and stores before them are dropped.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/math.h"
#include "kernels/tile_config.h"

namespace sluice::kernels {
namespace {

class Tiles {
 public:
  // Before anything else, on this thread.
  SLUICE_INLINE void Configure() { asm volatile("ldtilecfg %0" : : "m"(kFullTiles)); }
  // At the end: the system then has nothing of them to save when it switches to another thread.
  SLUICE_INLINE void Release() { asm volatile("tilerelease"); }

  template <int kTile>
  SLUICE_INLINE void Zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
  }
  // Rows of 64 bytes, `stride` bytes apart.
  template <int kTile>
  SLUICE_INLINE void Load(const void* rows, int64_t stride) {
    asm volatile("tileloadd (%0,%1), %%tmm%c2" : : "r"(rows), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  SLUICE_INLINE void Store(void* rows, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1)" : : "r"(rows), "r"(stride), "i"(kTile) : "memory");
  }
  // Of 32-bit sums [m][n]: sum += the products of bytes a[m][4 q + i] and b[q][4 n + i]. a is signed.
  template <int kSum, int kA, int kB>
  SLUICE_INLINE void AddSigned() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
  template <int kSum, int kA, int kB>
  SLUICE_INLINE void AddUnsigned() {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
};

}  // namespace
}  // namespace sluice::kernels
