/* pyt-diff watch: the affected tests, whenever a file is saved. */
#ifndef PTD_CMD_WATCH_H
#define PTD_CMD_WATCH_H

#include "base/err.h"
#include "config/options.h"

int ptd_cmd_watch(struct ptd_options *options, int *status, struct ptd_err *err);

#endif
