/* `pyt-diff doctor`: what pyt-diff finds here and what it is told, for a look or a bug report. */
#ifndef PTD_CMD_DOCTOR_H
#define PTD_CMD_DOCTOR_H

#include "base/err.h"
#include "config/options.h"

/* Writes nothing but the answer; starts Python only to ask for its version. *status is 1 when there
 * is a problem, 4 when the configuration has a mistake. */
int ptd_cmd_doctor(struct ptd_options *options, int *status, struct ptd_err *err);

#endif
