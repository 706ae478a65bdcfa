/* What pytest collects when the command line names no path. */
#ifndef PTD_CMD_SCOPE_H
#define PTD_CMD_SCOPE_H

#include "cmd/workspace.h"

/* `testpaths` in the rootdir, elsewhere the current directory: paths relative to the root,
 * NULL-terminated and owned; NULL for everything, or when it cannot be told. */
char **ptd_scope_default(const struct ptd_workspace *w);
void ptd_scope_free(char **scope);

#endif
