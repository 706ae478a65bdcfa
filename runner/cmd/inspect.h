/* `pyt-diff inspect`: what one database holds. */
#ifndef PTD_CMD_INSPECT_H
#define PTD_CMD_INSPECT_H

#include "base/err.h"
#include "config/options.h"

int ptd_cmd_inspect(struct ptd_options *options, int *status, struct ptd_err *err);

#endif
