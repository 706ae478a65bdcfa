/* `pyt-diff inspect`: what one database holds. */
#ifndef PTD_CMD_INSPECT_H
#define PTD_CMD_INSPECT_H

#include "base/err.h"
#include "config/options.h"
#include "store/store.h"

/* Opens a database for reading: a file, a directory that holds one, a URL, or, with NULL, that of
 * the project. */
int ptd_inspect_open(const struct ptd_options *options, const char *name, struct ptd_store **out,
                     struct ptd_err *err);
int ptd_cmd_inspect(struct ptd_options *options, int *status, struct ptd_err *err);

#endif
