/* What the set of paths alone decides: who could provide a module name, which conftest.py files
 * apply. */
#ifndef PTD_STATE_LAYOUT_H
#define PTD_STATE_LAYOUT_H

#include "state/state.h"

/*
 * PTD_FILE_IMPORT: hash over every path that could provide a module. `path` is a top-level name "x"
 * or the last two components of a dotted one, "parent.x". Providers are x.py, x.*.so, a directory x
 * with Python files in it and x/__init__.py: of "parent.x" those in a directory called parent, of
 * "x" those in a directory that is no package (no __init__.py) or that was on sys.path.
 * PTD_FILE_LAYOUT: hash over the conftest.py and __init__.py files in directory `path` and above
 * it, up to the root.
 */
struct ptd_hash128 ptd_state_derived_hash(struct ptd_state *state, enum ptd_file_kind kind,
                                          const char *path);

void ptd_state_forget_providers(struct ptd_state *state);

#endif
