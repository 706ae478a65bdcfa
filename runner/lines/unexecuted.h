/* Files that could have been executed: coverage.py's report shows them with 0 %. */
#ifndef PTD_LINES_UNEXECUTED_H
#define PTD_LINES_UNEXECUTED_H

#include "base/err.h"

/*
 * Calls `found` with the real path of each Python file in the directory and in the packages below
 * it, as coverage.py finds them: a directory without __init__.py ends the search, names with
 * characters that no module has are left out. -1 when `found` says so; what cannot be read is left
 * out.
 */
int ptd_unexecuted_find(const char *root, int (*found)(void *, const char *, struct ptd_err *),
                        void *arg, struct ptd_err *err);

#endif
