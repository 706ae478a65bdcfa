/* Writing the plan (contract/plan.h). */
#ifndef PTD_CMD_PLAN_H
#define PTD_CMD_PLAN_H

#include <stdbool.h>

#include "base/err.h"
#include "report/run_report.h"
#include "select/select.h"

struct ptd_plan {
    const char *rootdir;
    bool record;
    bool lines;  /* needs `record` */
    bool select; /* false: everything runs, as pytest has it */
    bool first;
    bool spread; /* workers of pytest-xdist share the tests */
    unsigned shard, shards;
    const struct ptd_selection *selection;
    const char *const *keep;              /* node ids, NULL-terminated, or NULL */
    const char *const *markers;           /* the same */
    bool reports;                         /* pytest's side tells what came out */
    const struct ptd_run_report *reasons; /* for JUnit; NULL: none are wanted */
};

int ptd_plan_write(const char *session_dir, const struct ptd_plan *plan, struct ptd_err *err);

#endif
