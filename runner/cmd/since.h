/*
 * --since, --staged, --working-tree: the tests that a difference between two states of git's
 * affects, instead of those that nobody has recorded in the present state.
 *
 * A test is unaffected by a difference when one of its records holds with the difference and
 * without it. "Without" is the tree on disk with the files of the difference as they were; the
 * engine judges the records in both. A test whose records hold in neither was last recorded in some
 * other state, and runs. With --staged and --working-tree there are changes that were not asked
 * for: these may be there or not in both states alike.
 */
#ifndef PTD_CMD_SINCE_H
#define PTD_CMD_SINCE_H

#include "change/git_difference.h"
#include "cmd/workspace.h"
#include "report/summary.h"
#include "state/overlay.h"

/* States besides the one on disk. */
enum ptd_since_view {
    PTD_SINCE_BEFORE,       /* without the difference */
    PTD_SINCE_ALONE,        /* with it, without other changes */
    PTD_SINCE_BEFORE_ALONE, /* without either */
    PTD_SINCE_VIEWS,
};

struct ptd_since {
    enum ptd_git_kind kind;
    char *label;              /* owned: "since main@1a2b3c4", "by staged changes" */
    struct ptd_git_base base; /* of --since */
    char *problem; /* owned: why git could not tell: the records alone decide; else NULL */
    struct ptd_overlay overlays[PTD_SINCE_VIEWS];
    struct ptd_state states[PTD_SINCE_VIEWS];
    struct ptd_validity validities[PTD_SINCE_VIEWS];
    size_t views; /* that are made: 0 after a problem, 1 without other changes, else 3 */
};

/* Whether the options ask for it. */
bool ptd_since_asked(const struct ptd_options *options);
/* Finds out what differs and judges the records. What keeps git from telling is no error but the
 * `problem`. `out` is to be released in any case. */
int ptd_since_find(struct ptd_workspace *w, struct ptd_since *out, struct ptd_err *err);
/* The options as they were given: "--since main". Owned. */
char *ptd_since_request(const struct ptd_options *options);
/* Says on standard error why git could not tell, if so. */
void ptd_since_say_problem(const struct ptd_since *since, const struct ptd_options *options);
/* The same as a value for the report; `request` is borrowed. */
struct ptd_summary_since ptd_since_summary(const struct ptd_since *since, const char *request,
                                           const struct ptd_verdict *verdict);
/* The files of the difference; NULL after a problem. */
const struct ptd_overlay *ptd_since_files(const struct ptd_since *since);
void ptd_since_release(struct ptd_since *since);

#endif
