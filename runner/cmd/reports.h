/*
 * The reports of a run beside what pytest says: annotations and the job summary on GitHub Actions,
 * a stream of JSON objects, a page of HTML, and what its JUnit file is told.
 */
#ifndef PTD_CMD_REPORTS_H
#define PTD_CMD_REPORTS_H

#include "cmd/stream.h"
#include "cmd/workspace.h"
#include "record/ingest.h"
#include "report/run_report.h"
#include "session/session.h"

struct ptd_reports {
    bool github;              /* annotations, and the job summary */
    bool events;              /* JSON objects as things happen */
    bool events_out;          /* on standard output, so nothing else may be there */
    struct ptd_stream stream; /* where either goes */
    const char *html;         /* the page's file, NULL: none; borrowed */
    bool quiet;
    bool outcomes; /* pytest's side has to tell what came out */
    bool any;      /* of this, or properties for JUnit */
    struct ptd_run_report run;
};

/* Which reports are wanted, by the options and GITHUB_ACTIONS; from here on they are told of
 * warnings. Fails when a file could not be written. */
int ptd_reports_open(struct ptd_reports *reports, const struct ptd_options *options,
                     struct ptd_err *err);
/* Takes down what is going to run; says it where it belongs before the run. */
void ptd_reports_begin(struct ptd_reports *reports, struct ptd_workspace *w,
                       struct ptd_verdict *verdict, const struct ptd_summary *summary);
/* What a session is given to have its results told as they come; without effect when nobody wants
 * that. */
void ptd_reports_follow(struct ptd_reports *reports, struct ptd_session_request *request);
/* Reads what came out; before the session directory goes. */
void ptd_reports_collect(struct ptd_reports *reports, const char *session_dir, int status);
/* What --audit found, a JSON object on a line. */
void ptd_reports_audit(struct ptd_reports *reports, const struct ptd_buf *answer);
/* Writes the reports; fails for the page, which was asked for by its name. */
int ptd_reports_finish(struct ptd_reports *reports, const struct ptd_ingest_result *recorded,
                       struct ptd_err *err);
/* The last word: how the run ended, `failure` when it did not come to its end. Fails when lines
 * could not be written. */
int ptd_reports_end(struct ptd_reports *reports, int exit_code, int signal,
                    const struct ptd_err *failure, struct ptd_err *err);
void ptd_reports_release(struct ptd_reports *reports);

#endif
