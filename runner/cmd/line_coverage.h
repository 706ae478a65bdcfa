/* --line-coverage: what is said, and when the file is written. */
#ifndef PTD_CMD_LINE_COVERAGE_H
#define PTD_CMD_LINE_COVERAGE_H

#include <stddef.h>

#include "base/err.h"
#include "config/options.h"

/* Before anything runs; 0 without the option. */
int ptd_line_coverage_check(const struct ptd_options *options, struct ptd_err *err);
/* After the run, while its journals are there. `left_out`: known tests that did not run because
 * they are unaffected. 0 without the option. */
int ptd_line_coverage_write(const struct ptd_options *options, const char *session_dir,
                            const char *root, size_t left_out, struct ptd_err *err);
/* Nothing runs. */
void ptd_line_coverage_idle(const struct ptd_options *options);

#endif
