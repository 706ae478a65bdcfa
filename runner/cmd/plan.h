/* Writing the plan (contract/plan.h). */
#ifndef PTD_CMD_PLAN_H
#define PTD_CMD_PLAN_H

#include <stdbool.h>

#include "base/err.h"
#include "select/select.h"

/* `keep`: node ids, NULL-terminated. `lines` needs `record`. */
int ptd_plan_write(const char *session_dir, const char *rootdir, bool record, bool lines,
                   bool select, const struct ptd_selection *selection, const char *const *keep,
                   struct ptd_err *err);

#endif
