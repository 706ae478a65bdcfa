/*
 * What came out where, as pytest reported it: the file "reports" of a session directory
 * (contract/plan.h). It is there for reports only; records are made from journals.
 */
#ifndef PTD_REPORT_OUTCOMES_H
#define PTD_REPORT_OUTCOMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "contract/journal.h"

struct ptd_report_row {
    const char *nodeid; /* of a test, or the path of a file that could not be collected */
    int outcome;        /* enum ptd_outcome */
    uint64_t duration_us;
    const char *path; /* absolute, of the place that failed; "" when it did not or is not known */
    unsigned line;    /* from 1, 0: not known */
    const char *message;
};

struct ptd_outcomes {
    struct ptd_report_row *rows; /* owned; their strings point into `text` */
    size_t count, cap;
    size_t of[PTD_OUTCOME_XPASSED + 1]; /* rows by outcome */
    struct ptd_buf text;
};

/* "passed"; "unknown" for what is no outcome; static. */
const char *ptd_outcome_name(int outcome);

/*
 * Reads the row at the beginning of the text; its strings point into that. Returns how many bytes
 * it has, 0 when it is not whole yet, and -1 when it is no row.
 */
ptrdiff_t ptd_outcomes_row(const char *data, size_t len, struct ptd_report_row *out);
/* Adds the rows of the text; stops at the first that is not whole. */
void ptd_outcomes_parse(struct ptd_outcomes *out, const void *data, size_t len);
/* The same of a file; without the file there are none. */
int ptd_outcomes_read(struct ptd_outcomes *out, const char *path, struct ptd_err *err);
void ptd_outcomes_release(struct ptd_outcomes *outcomes);

#endif
