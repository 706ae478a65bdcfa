/*
 * A run as a stream: JSON objects, each on a line of its own, told as things happen. The key
 * "event" says of what kind it is; the man page has the kinds and their keys.
 */
#ifndef PTD_REPORT_EVENTS_H
#define PTD_REPORT_EVENTS_H

#include "base/err.h"
#include "report/run_report.h"

/* "selection", then a "test" or "file" for each item. */
void ptd_events_selection(const struct ptd_summary *summary, struct ptd_buf *out);
/* "result": how a test came out, or that a file could not be collected. */
void ptd_events_result(const struct ptd_run_report *report, const struct ptd_report_row *row,
                       struct ptd_buf *out);
/* "flaky"; outcomes are enum ptd_outcome. */
void ptd_events_flaky(const char *nodeid, int before, int after, struct ptd_buf *out);
/* "warning", "error" */
void ptd_events_warning(const char *text, struct ptd_buf *out);
void ptd_events_error(const struct ptd_err *err, struct ptd_buf *out);
/* "summary", the last one. `signal` ended pytest, or is 0. */
void ptd_events_summary(const struct ptd_run_report *report, int exit_code, int signal,
                        struct ptd_buf *out);

#endif
