/* What doctor finds: facts in sections, warnings and problems; printed as text or JSON. */
#ifndef PTD_CMD_FINDINGS_H
#define PTD_CMD_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct ptd_fact {
    const char *section; /* borrowed; those of one section follow each other */
    char *name;          /* owned */
    char *value;         /* owned; NULL: there is none */
    char *origin;        /* owned; where it came from; NULL: nothing to say */
};

struct ptd_findings {
    struct ptd_fact *facts; /* owned */
    size_t count, cap;
    char **warnings, **problems; /* owned, NULL-terminated, or NULL */
    size_t warning_count, problem_count;
};

/* Takes `value`. */
void ptd_findings_add(struct ptd_findings *findings, const char *section, const char *name,
                      char *value, const char *origin);
void ptd_findings_warn(struct ptd_findings *findings, const char *text);
/* The message and the hint. */
void ptd_findings_problem(struct ptd_findings *findings, const struct ptd_err *err);
void ptd_findings_write(const struct ptd_findings *findings, bool json, struct ptd_buf *out);
void ptd_findings_release(struct ptd_findings *findings);

#endif
