/* Questions about the project and what is recorded of it, answered without running a test. */
#ifndef PTD_CMD_QUESTIONS_H
#define PTD_CMD_QUESTIONS_H

#include "cmd/workspace.h"

/* Name of a fact in the store: microseconds of test time that selecting has saved, a blank, in how
 * many runs. What answers without running anything does not write it. */
#define PTD_SAVED_KEY "saved"

/* Opens the workspace for a question, to be closed in any case. *recorded is false, and nothing is
 * opened or made, where there is no database. What had to be parsed for the answer is kept where
 * that can be written, so that it need not be parsed again. */
int ptd_questions_open(struct ptd_workspace *w, struct ptd_options *options, bool *recorded,
                       struct ptd_err *err);

/* What changes, or files that are named, affect. */
int ptd_cmd_affected(struct ptd_options *options, int *status, struct ptd_err *err);
/* Is what is recorded up to date with the tree? *status: 0 yes, 1 no. */
int ptd_cmd_stale(struct ptd_options *options, int *status, struct ptd_err *err);
int ptd_cmd_map(struct ptd_options *options, int *status, struct ptd_err *err);
int ptd_cmd_stats(struct ptd_options *options, int *status, struct ptd_err *err);

#endif
