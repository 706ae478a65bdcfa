/*
 * The lines in a journal (PTD_J_LINES), without what the tests depend on. As with the rest, what
 * stands before the first unreadable record counts.
 */
#ifndef PTD_JOURNAL_LINES_H
#define PTD_JOURNAL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What is called for what was found; -1 with *err ends the reading. Strings are borrowed and end
 * with the call, except for `path`, which lives as long as the reading. */
struct ptd_lines_sink {
    /* A context, also one without lines. */
    int (*context)(void *arg, const char *name, struct ptd_err *err);
    /* Lines of a file in the context named last; never none. */
    int (*lines)(void *arg, const char *path, const unsigned char *bits, size_t len,
                 struct ptd_err *err);
    void *arg;
};

struct ptd_lines_found {
    bool on;           /* the process noted lines */
    char problem[256]; /* why it did not, or not all of them; "" = all is well */
    bool ended;        /* it came to its end */
    bool torn;         /* something unreadable follows what was read */
    size_t contexts;   /* records of contexts, "" and repetitions among them */
};

int ptd_lines_read(const char *path, const struct ptd_lines_sink *sink,
                   struct ptd_lines_found *found, struct ptd_err *err);

#endif
