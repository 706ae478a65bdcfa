/*
 * The data file of coverage.py: SQLite, version 7 of its tables, lines without branches. One
 * context per phase of a test, "" for what runs outside of tests.
 */
#ifndef PTD_LINES_COVERAGE_H
#define PTD_LINES_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Whether a run may end in writing `path`: 0, or -1 with PTD_E_USAGE. What exists there must be
 * empty or a data file of coverage.py, so that a slip of the pen costs nobody a source file.
 */
int ptd_coverage_check(const char *path, struct ptd_err *err);

struct ptd_coverage_result {
    bool written;      /* false: no process noted lines, the file is as it was */
    char problem[256]; /* why lines are missing, or all of them; "" = nothing is known to be */
    size_t unended;    /* processes that did not come to their end */
    size_t torn;       /* journals with something unreadable in them */
};

/* Puts the lines of all journals of a session together, and names the Python files below `root`
 * that were not executed, as coverage.py does for its `source`. The file appears, or is replaced,
 * whole or not at all. `made_by` goes into it, where coverage.py has its version. */
int ptd_coverage_write(const char *session_dir, const char *root, const char *path,
                       const char *made_by, struct ptd_coverage_result *result,
                       struct ptd_err *err);

#endif
