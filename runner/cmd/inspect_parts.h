/* `pyt-diff inspect --test` and `--file`. */
#ifndef PTD_CMD_INSPECT_PARTS_H
#define PTD_CMD_INSPECT_PARTS_H

#include <stdbool.h>

#include "base/buf.h"
#include "store/details.h"

/* What one test depends on, in each environment that has a record of it. */
int ptd_inspect_test(struct ptd_store *store, const char *nodeid, bool json, struct ptd_buf *out,
                     struct ptd_err *err);
/* Which tests depend on a file, as the database spells it. */
int ptd_inspect_file(struct ptd_store *store, const char *path, bool json, struct ptd_buf *out,
                     struct ptd_err *err);

#endif
