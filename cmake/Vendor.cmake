# Puts the third-party sources that the build would fetch into DESTINATION, without the binaries in their
# archives. KEEP is the build directory whose _deps is used. Run as a script by packaging/source.
set(CMAKE_BINARY_DIR "${KEEP}")
include("${CMAKE_CURRENT_LIST_DIR}/PtdFetch.cmake")
ptd_fetch_grammar(grammar)
file(MAKE_DIRECTORY "${DESTINATION}/tree-sitter-python")
foreach(part LICENSE README.md package.json grammar.js src)
  file(COPY "${grammar}/${part}" DESTINATION "${DESTINATION}/tree-sitter-python")
endforeach()
