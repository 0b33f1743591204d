# Flags shared by every target. Contraction is off everywhere: where a fused multiply-add is meant, the code
# says so, and the same source gives the same bits in every tier.
add_library(sluice_flags INTERFACE)
target_compile_options(sluice_flags INTERFACE
  -Wall -Wextra -Wno-missing-field-initializers -ffp-contract=off -fno-math-errno)
# GCC 12 sees overlapping and overlong copies in std::string and uninitialised members in std::variant where there are none
# (GCC bugs 105651, 105329 and 105593 among others), more so since a precompiled header is no system header to it.
target_compile_options(sluice_flags INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized> $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread>)
target_include_directories(sluice_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)

# What must be fast are the kernels, and these set -O3 themselves; -O2 builds sooner.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
if(SLUICE_SANITIZE)
  # What is undefined ends the program, as what AddressSanitizer finds does: a line among others is overlooked.
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
endif()

find_program(SLUICE_CCACHE ccache)
if(SLUICE_CCACHE)
  # Sources may come from a precompiled header without saying so: ccache must be told. A second checkout shares
  # what the first compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${SLUICE_CCACHE})
endif()
find_program(SLUICE_MOLD mold)
if(SLUICE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
