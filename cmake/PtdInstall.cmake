# What goes where; `cmake --build BUILD --target uninstall` takes it away again. The program finds its other
# parts relative to itself (runner/session/libexec.c), so the prefix may be moved afterwards.
set(PTD_BASH_COMPLETIONS_DIR "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" CACHE STRING
  "Where bash looks for completions, relative to the prefix")
set(PTD_ZSH_COMPLETIONS_DIR "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" CACHE STRING
  "Where zsh looks for completions")
set(PTD_FISH_COMPLETIONS_DIR "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" CACHE STRING
  "Where fish looks for completions")

install(TARGETS pyt-diff RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS ptd_tracer ptd_preload ptd_host
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/pyt-diff"
  RUNTIME DESTINATION "${CMAKE_INSTALL_LIBDIR}/pyt-diff")
install(FILES docs/pyt-diff.1 DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(FILES README.md CHANGELOG.md docs/MESSAGES.md docs/FORMAT.md docs/ci.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# ptd_completions(SHELL DIRECTORY NAME): the program itself writes them.
function(ptd_completions shell directory name)
  set(script "${CMAKE_CURRENT_BINARY_DIR}/completions/${shell}/${name}")
  get_filename_component(folder "${script}" DIRECTORY)
  file(MAKE_DIRECTORY "${folder}")
  add_custom_command(OUTPUT "${script}"
    COMMAND pyt-diff completions ${shell} > "${script}.new"
    COMMAND "${CMAKE_COMMAND}" -E rename "${script}.new" "${script}"
    DEPENDS pyt-diff VERBATIM)
  add_custom_target(completions_${shell} ALL DEPENDS "${script}")
  install(FILES "${script}" DESTINATION "${directory}")
endfunction()
ptd_completions(bash "${PTD_BASH_COMPLETIONS_DIR}" pyt-diff)
ptd_completions(zsh "${PTD_ZSH_COMPLETIONS_DIR}" _pyt-diff)
ptd_completions(fish "${PTD_FISH_COMPLETIONS_DIR}" pyt-diff.fish)

add_custom_target(uninstall
  COMMAND "${CMAKE_COMMAND}" "-DMANIFEST=${CMAKE_BINARY_DIR}/install_manifest.txt"
          -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/Uninstall.cmake"
  COMMENT "Removing what was installed")
