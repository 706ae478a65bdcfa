/*
 * Everything that a report of one run says, whatever its form: what was selected and why, taken
 * down before the run (the selection's strings do not outlive it), and what came out.
 */
#ifndef PTD_REPORT_RUN_REPORT_H
#define PTD_REPORT_RUN_REPORT_H

#include "base/map.h"
#include "report/outcomes.h"
#include "report/summary.h"

struct ptd_report_item {
    char *name;       /* node id, or the path of a file to collect; owned */
    char *reason;     /* owned */
    const char *slug; /* static */
    char *chain;      /* owned: from the change to the test, in lines; or NULL */
    bool is_file;
    uint64_t duration_us; /* when it last ran, 0: not known */
};

struct ptd_run_report {
    char *line;             /* the line before the run, without "pyt-diff: " and line end; owned */
    char *root;             /* absolute; owned */
    char *around;           /* absolute: what paths are relative to, NULL: the root; owned */
    const char *otherwise;  /* why tests run that are not among the items; static */
    size_t total, selected; /* tests that are known; those of them that were selected */
    uint64_t spared_us;     /* 0: not known */
    bool of_test_time;      /* that is not the time of the run */
    struct ptd_report_item *items; /* owned */
    size_t count, cap;
    struct ptd_map by_name; /* → its item */
    struct ptd_outcomes outcomes;
    bool ran;             /* pytest was started */
    int status;           /* its exit status */
    struct ptd_map flaky; /* node id → 0; only the keys count */
    char **flaky_texts;   /* "t.py::t (passed, then failed)"; owned, NULL-terminated */
    size_t flaky_count;
};

/* Takes down the selection. `root` is copied. */
void ptd_run_report_begin(struct ptd_run_report *report, const struct ptd_summary *summary,
                          const char *root);
void ptd_run_report_add_flaky(struct ptd_run_report *report, const char *nodeid, const char *text);
/* Why a test ran: the reason of its own, else of its file, else `otherwise`. */
const char *ptd_run_report_reason(const struct ptd_run_report *report, const char *nodeid);
/* A path as people look for it: relative to what is around the project, where it lies below. */
const char *ptd_run_report_path(const struct ptd_run_report *report, const char *path);
void ptd_run_report_release(struct ptd_run_report *report);

/* Adds text to HTML or Markdown, where it then means nothing but itself. Line ends become
 * `line_end`; what is not UTF-8 becomes U+FFFD. */
void ptd_markup_add(struct ptd_buf *out, const char *text, const char *line_end);

#endif
