/*
 * --audit: everything runs, and what came out is compared with what was recorded for the tests that
 * would not have been selected. One whose outcome changed depends on something that was not seen,
 * unless nothing at all has changed since: then it is flaky.
 */
#ifndef PTD_CMD_AUDIT_H
#define PTD_CMD_AUDIT_H

#include "cmd/workspace.h"
#include "record/ingest.h"

struct ptd_audit;

/* Before the run: what would be selected, and what has changed since each other test was recorded.
 * `scope` as for ptd_workspace_select. */
int ptd_audit_prepare(struct ptd_workspace *w, const char *const *scope, struct ptd_audit **out,
                      struct ptd_err *err);
/* Takes the tests out of `prior` whose change of outcome has another explanation than chance. */
void ptd_audit_limit_prior(const struct ptd_audit *audit, struct ptd_map *prior);
/* After the run: compares; *missed tests changed without being selected. */
int ptd_audit_compare(struct ptd_audit *audit, struct ptd_workspace *w,
                      const struct ptd_ingest_result *result, size_t *missed, struct ptd_err *err);
/* Lines for standard error, or one JSON object with `status`, the exit code of pytest. */
void ptd_audit_text(const struct ptd_audit *audit, const struct ptd_ingest_result *result,
                    struct ptd_buf *out);
void ptd_audit_json(const struct ptd_audit *audit, const struct ptd_ingest_result *result,
                    int status, struct ptd_buf *out);
void ptd_audit_free(struct ptd_audit *audit);

#endif
