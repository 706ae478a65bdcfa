/* What the set of paths alone decides: who could provide a module name, which conftest.py files apply. */
#ifndef PTD_STATE_LAYOUT_H
#define PTD_STATE_LAYOUT_H

#include "state/state.h"

/*
 * PTD_FILE_IMPORT: hash over every path that could provide the module-name component `path` (x.py, x.*.so, a
 * directory x with Python files in it, x/__init__.py). PTD_FILE_LAYOUT: hash over the conftest.py and __init__.py
 * files in directory `path` and above it, up to the root.
 */
struct ptd_hash128 ptd_state_derived_hash(struct ptd_state *state, enum ptd_file_kind kind,
                                          const char *path);

#endif
