/* The daily command: select what is affected, run it, record it. */
#ifndef PTD_CMD_RUN_H
#define PTD_CMD_RUN_H

#include "base/err.h"
#include "config/options.h"

/* `options` learn what the configuration adds to them. *status is the exit code. A signal that
 * ended the tests ends this process as well. */
int ptd_cmd_run(struct ptd_options *options, int *status, struct ptd_err *err);

#endif
