# The commit that a program was built from, in a library of its own: asked for in every build, compiled only when it
# has changed. "unknown" outside a checkout.
#   sluice_commit(NAME): a static library with perf/build_commit.h.
# As a script (-DOUTPUT=file -DSOURCE=folder) it writes that library's source.
if(CMAKE_SCRIPT_MODE_FILE)
  cmake_policy(VERSION 3.25)
  set(commit unknown)
  find_program(git git)
  if(git)
    execute_process(COMMAND ${git} -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
                    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(NOT failed)
      set(commit ${described})
    endif()
  endif()
  file(CONFIGURE OUTPUT ${OUTPUT} CONTENT
       "#include \"perf/build_commit.h\"\n\nnamespace sluice::perf {\n\nconst char* BuildCommit() { return \"@commit@\"; }\n\n}  // namespace sluice::perf\n"
       @ONLY)
  return()
endif()

set(sluice_commit_script ${CMAKE_CURRENT_LIST_FILE})
function(sluice_commit name)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/build_commit.cc)
  add_custom_target(${name}_source BYPRODUCTS ${source}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${source} -DSOURCE=${CMAKE_SOURCE_DIR} -P ${sluice_commit_script})
  add_library(${name} STATIC ${source})
  add_dependencies(${name} ${name}_source)
  target_link_libraries(${name} PRIVATE sluice_flags)
endfunction()
