# Compiler flags that every target of ours gets, and the build options.
option(PTD_WERROR "Warnings are errors" OFF)
option(PTD_FUZZ "Build the fuzzers in tests/fuzz (clang)" OFF)
set(PTD_SANITIZE "" CACHE STRING "Sanitizers for the engine and its tests, e.g. address,undefined")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

# What every C file of ours is compiled with, whichever process it ends up in.
function(ptd_warnings target)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE PTD_VERSION="${PROJECT_VERSION}")
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings
    -Wformat=2 -Wpointer-arith -Wundef -fno-common -fvisibility=hidden -fstack-protector-strong)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    if(NOT PTD_SANITIZE)
      target_compile_options(${target} PRIVATE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
    endif()
  endif()
  if(PTD_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# The engine's files: the above and the sanitizers. The part that lives in the Python process
# (embed/) is never built with them: the sanitizer's runtime would have to be loaded before Python's own executable.
function(ptd_compile_options target)
  ptd_warnings(${target})
  if(PTD_SANITIZE)
    target_compile_options(${target} PRIVATE
      -fsanitize=${PTD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${PTD_SANITIZE})
  endif()
endfunction()
