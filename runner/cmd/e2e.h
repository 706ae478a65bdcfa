/*
 * End-to-end tests: those below certain directories, which is known beforehand, and those with
 * certain markers, which pytest knows when it has collected a file. A session that leaves them out
 * notes which these were, so that the next selection can do without asking as long as the record of
 * that collection holds.
 */
#ifndef PTD_CMD_E2E_H
#define PTD_CMD_E2E_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/map.h"
#include "cmd/workspace.h"

struct ptd_e2e {
    bool excluded;
    const struct ptd_project *project; /* borrowed */
    struct ptd_map marked;             /* id of the record, a tab, node id */
};

int ptd_e2e_open(const struct ptd_workspace *w, struct ptd_e2e *out, struct ptd_err *err);
void ptd_e2e_release(struct ptd_e2e *e2e);
/* As struct ptd_select_input has it; `arg` is a struct ptd_e2e *. */
bool ptd_e2e_left_out(int64_t collection, const char *name, void *arg);
/* Markers for the plan, NULL when none are left out. */
const char *const *ptd_e2e_markers(const struct ptd_e2e *e2e);
/* What decides which tests are left out, for a key. */
void ptd_e2e_describe(const struct ptd_e2e *e2e, struct ptd_buf *out);
/* After a session was recorded as `run`: takes over what it noted. */
int ptd_e2e_learn(const struct ptd_e2e *e2e, struct ptd_workspace *w, const char *session_dir,
                  ptd_id run, struct ptd_err *err);

#endif
