/*
 * The reports of a run beside what pytest says: annotations and the job summary on GitHub Actions,
 * a page of HTML, and what its JUnit file is told.
 */
#ifndef PTD_CMD_REPORTS_H
#define PTD_CMD_REPORTS_H

#include "cmd/workspace.h"
#include "record/ingest.h"
#include "report/run_report.h"

struct ptd_reports {
    bool github;      /* annotations, and the job summary */
    const char *html; /* the page's file, NULL: none; borrowed */
    bool quiet;
    bool outcomes; /* pytest's side has to tell what came out */
    bool any;      /* of this, or properties for JUnit */
    struct ptd_run_report run;
};

/* Which reports are wanted, by the options and GITHUB_ACTIONS; fails when the page could not be
 * written. */
int ptd_reports_open(struct ptd_reports *reports, const struct ptd_options *options,
                     struct ptd_err *err);
/* Takes down what is going to run; says it where it belongs before the run. */
void ptd_reports_begin(struct ptd_reports *reports, struct ptd_workspace *w,
                       struct ptd_verdict *verdict, const struct ptd_summary *summary);
/* Reads what came out; before the session directory goes. */
void ptd_reports_collect(struct ptd_reports *reports, const char *session_dir, int status);
/* Writes the reports; fails for the page, which was asked for by its name. */
int ptd_reports_finish(struct ptd_reports *reports, const struct ptd_ingest_result *recorded,
                       struct ptd_err *err);
void ptd_reports_release(struct ptd_reports *reports);

#endif
