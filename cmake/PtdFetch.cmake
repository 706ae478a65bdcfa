# Third-party sources that no distribution packages: fetched at configure time by the npm client as the
# machine has it set up, pinned by version and SHA-256, unpacked into the build directory. Archives of a
# release have them in vendor/ (packaging/source).
set(PTD_DEPS_DIR "" CACHE PATH
  "Directory that holds the archives already (offline and distribution builds)")

set(PTD_TREE_SITTER_PYTHON_SHA256 aab5b860d93dbf84b37fed532f7dacc0468ede5387d0c74911d68f964287662a)

# ptd_fetch_npm(NAME VERSION SHA256 variable-with-the-hash RESULT variable-for-the-directory)
function(ptd_fetch_npm name version)
  cmake_parse_arguments(F "" "SHA256;RESULT" "" ${ARGN})
  set(archive "${name}-${version}.tgz")
  set(dir "${CMAKE_BINARY_DIR}/_deps")
  set(file "${dir}/${archive}")
  file(MAKE_DIRECTORY "${dir}")
  if(PTD_DEPS_DIR)
    set(file "${PTD_DEPS_DIR}/${archive}")
  elseif(NOT EXISTS "${file}")
    find_program(NPM npm)
    if(NOT NPM)
      message(FATAL_ERROR "${archive} is needed: install npm, or name a directory that holds it with -DPTD_DEPS_DIR=")
    endif()
    execute_process(
      COMMAND "${NPM}" pack --silent --pack-destination "${dir}" "${name}@${version}"
      WORKING_DIRECTORY "${dir}" RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE message)
    if(failed)
      message(FATAL_ERROR "npm pack ${name}@${version} failed: ${message}")
    endif()
  endif()
  if(NOT EXISTS "${file}")
    message(FATAL_ERROR "${file} is not there")
  endif()
  file(SHA256 "${file}" got)
  if(NOT got STREQUAL "${${F_SHA256}}")
    message(FATAL_ERROR "${file}: SHA-256 is ${got}, expected ${${F_SHA256}}")
  endif()
  if(NOT EXISTS "${dir}/${name}-${version}/package")
    file(ARCHIVE_EXTRACT INPUT "${file}" DESTINATION "${dir}/${name}-${version}")
  endif()
  set(${F_RESULT} "${dir}/${name}-${version}/package" PARENT_SCOPE)
endfunction()

# ptd_vendored(NAME VERSION RESULT): the directory in vendor/, or "" in a checkout of the repository.
function(ptd_vendored name version result)
  set(dir "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../vendor/${name}")
  set(${result} "" PARENT_SCOPE)
  if(EXISTS "${dir}")
    file(READ "${dir}/package.json" description)
    string(JSON got GET "${description}" version)
    if(NOT got STREQUAL version)
      message(FATAL_ERROR "${dir} is version ${got}, expected ${version}")
    endif()
    set(${result} "${dir}" PARENT_SCOPE)
  endif()
endfunction()

# ptd_fetch_grammar(RESULT): tree-sitter's grammar of Python. ABI 14, which tree-sitter 0.20.7 of Debian 12
# reads (0.25 of it is ABI 15).
function(ptd_fetch_grammar result)
  ptd_vendored(tree-sitter-python 0.23.6 dir)
  if(NOT dir)
    ptd_fetch_npm(tree-sitter-python 0.23.6 SHA256 PTD_TREE_SITTER_PYTHON_SHA256 RESULT dir)
  endif()
  set(${result} "${dir}" PARENT_SCOPE)
endfunction()
