# A text file as a C array.
#
# ptd_embed_text(INPUT NAME RESULT): INPUT is relative to the source tree; RESULT is the variable for the
# C file, which defines `const char NAME[]`.
function(ptd_embed_text input name result)
  set(input "${PROJECT_SOURCE_DIR}/${input}")
  set(output "${CMAKE_CURRENT_BINARY_DIR}/${name}.c")
  set(script "${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake")
  add_custom_command(OUTPUT "${output}"
    COMMAND "${CMAKE_COMMAND}" "-DINPUT=${input}" "-DOUTPUT=${output}" "-DNAME=${name}" -P "${script}"
    DEPENDS "${input}" "${script}")
  set(${result} "${output}" PARENT_SCOPE)
endfunction()
