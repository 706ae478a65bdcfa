/* Writing the tables of coverage.py's data file. */
#ifndef PTD_LINES_DATAFILE_H
#define PTD_LINES_DATAFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct ptd_datafile;

/* Whether a file is one of coverage.py's (of any version of its tables). */
bool ptd_datafile_is(const char *path);

/* A new file; what was there is removed. *out is owned, to be closed. */
int ptd_datafile_make(const char *path, const char *made_by, struct ptd_datafile **out,
                      struct ptd_err *err);
/* Chooses the context for the lines that follow; made when it is new. `arg` is the data file. */
int ptd_datafile_context(void *arg, const char *name, struct ptd_err *err);
/* Unites these lines with what the context has of the file. Paths that are not UTF-8 are left out:
 * coverage.py cannot read them. */
int ptd_datafile_lines(void *arg, const char *path, const unsigned char *bits, size_t len,
                       struct ptd_err *err);
/* Names a file of which no line need have been executed. */
int ptd_datafile_touch(void *arg, const char *path, struct ptd_err *err);
/* `keep`: everything is to be written, else it need not be. Releases it in any case. */
int ptd_datafile_close(struct ptd_datafile *file, bool keep, struct ptd_err *err);

#endif
