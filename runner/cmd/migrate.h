/* `pyt-diff migrate`: what a database of another program tells about tests, as records. */
#ifndef PTD_CMD_MIGRATE_H
#define PTD_CMD_MIGRATE_H

#include "base/err.h"
#include "config/options.h"

int ptd_cmd_migrate(struct ptd_options *options, int *status, struct ptd_err *err);

#endif
