set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON) # statement expressions (TRY) and #embed
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "Millrace needs clang 19 or newer (see docs/decisions/0001-toolchain.md)")
endif()

set(MILLRACE_SANITIZE "" CACHE STRING "address;undefined, thread, or empty")

add_library(millrace_options INTERFACE)
target_compile_options(millrace_options INTERFACE
  -Wall -Wextra -Werror -Wno-gnu-statement-expression -Wno-c23-extensions -Wno-missing-field-initializers)
target_compile_definitions(millrace_options INTERFACE BOOST_ASIO_NO_DEPRECATED MILLRACE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_include_directories(millrace_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_link_options(millrace_options INTERFACE -fuse-ld=lld)
foreach(sanitizer IN LISTS MILLRACE_SANITIZE)
  target_compile_options(millrace_options INTERFACE -fsanitize=${sanitizer} -fno-omit-frame-pointer)
  target_link_options(millrace_options INTERFACE -fsanitize=${sanitizer})
endforeach()
if("undefined" IN_LIST MILLRACE_SANITIZE)
  target_compile_options(millrace_options INTERFACE -fno-sanitize-recover=undefined)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()
