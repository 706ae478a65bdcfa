/* pyt-diff merge: several databases become one, see merge/merge.h. */
#ifndef PTD_CMD_MERGE_DATABASES_H
#define PTD_CMD_MERGE_DATABASES_H

#include "base/err.h"
#include "config/options.h"

int ptd_cmd_merge(struct ptd_options *options, int *status, struct ptd_err *err);

#endif
