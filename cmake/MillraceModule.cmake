# millrace_module(name USES modules... LINKS libraries...)
#
# A module is a folder: every .cc below it that is not a _test.cc makes the static library
# millrace_<name>; every _test.cc makes the test program <name>_test.
#
# The target unit_tests builds all test programs; concurrent_tests those of the modules whose own code has threads, which
# are the ones that run under TSan. (XGBoost's OpenMP is not built for TSan, so training is not among them.)
set(MILLRACE_CONCURRENT base db events net proc datasets features jobs pipelines serving replicas)
add_custom_target(unit_tests)
add_custom_target(concurrent_tests)

function(millrace_precompile target)
  if(target STREQUAL "millrace_base")
    target_precompile_headers(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src/base/precompiled.h)
  else()
    target_precompile_headers(${target} REUSE_FROM millrace_base)
  endif()
endfunction()

# ccache does not look into what a source embeds, so the compiler is told its hash.
function(millrace_note_embeds source)
  file(STRINGS ${source} lines REGEX "^#embed \"")
  get_filename_component(folder ${source} DIRECTORY)
  set(hashes "")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^#embed \"([^\"]+)\".*" "\\1" file "${line}")
    file(SHA256 ${folder}/${file} hash)
    string(APPEND hashes ${hash})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/${file})
  endforeach()
  if(hashes)
    string(SHA256 hash "${hashes}")
    set_property(SOURCE ${source} APPEND PROPERTY COMPILE_DEFINITIONS MILLRACE_EMBEDS_${hash})
  endif()
endfunction()

function(millrace_module name)
  cmake_parse_arguments(arg "" "" "USES;LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  foreach(source IN LISTS sources)
    millrace_note_embeds(${source})
  endforeach()
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")

  set(uses ${arg_USES})
  list(TRANSFORM uses PREPEND millrace_)
  add_library(millrace_${name} STATIC ${sources})
  target_link_libraries(millrace_${name} PUBLIC millrace_options ${uses} ${arg_LINKS})
  millrace_precompile(millrace_${name})

  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE millrace_${name} GTest::gtest GTest::gmock GTest::gtest_main)
    millrace_precompile(${name}_test)
    set_target_properties(${name}_test PROPERTIES BUILD_RPATH
      "${CMAKE_SOURCE_DIR}/third_party/duckdb;${CMAKE_SOURCE_DIR}/third_party/onnxruntime")
    add_dependencies(unit_tests ${name}_test)
    if(name IN_LIST MILLRACE_CONCURRENT)
      add_dependencies(concurrent_tests ${name}_test)
    endif()
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}: " DISCOVERY_MODE PRE_TEST
      DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit TIMEOUT 300 ENVIRONMENT OMP_WAIT_POLICY=passive)
  endif()
endfunction()
