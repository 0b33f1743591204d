# Headers compiled once for all libraries, and once for all tests: half of the build's time otherwise.
set(sluice_precompiled_dir ${CMAKE_CURRENT_LIST_DIR})
# sluice_precompile(NAME HEADER [target...]): targets that the sources link, whose definitions must agree.
function(sluice_precompile name header)
  add_library(${name} OBJECT ${sluice_precompiled_dir}/precompiled.cc)
  target_link_libraries(${name} PRIVATE sluice_flags fmt::fmt nlohmann_json::nlohmann_json Threads::Threads ${ARGN})
  target_precompile_headers(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${sluice_precompiled_dir}/${header}>)
endfunction()

sluice_precompile(sluice_precompiled precompiled.h)
if(SLUICE_TESTS)
  sluice_precompile(sluice_precompiled_test precompiled_test.h GTest::gtest)
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(sluice_precompiled_test PRIVATE -O1)  # as the tests
  endif()
endif()
