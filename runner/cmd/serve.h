/* `pyt-diff serve`: becomes the server of the pass cache, or manages its tokens. */
#ifndef PTD_CMD_SERVE_H
#define PTD_CMD_SERVE_H

#include "base/err.h"
#include "config/options.h"

/* Returns only when something is wrong. */
int ptd_cmd_serve(struct ptd_options *options, int *status, struct ptd_err *err);

#endif
