/*
 * What we understand of pytest's own command line, and of the plugins that many projects have:
 * which options take a value, which narrow the run, which cannot change a test's outcome.
 */
#ifndef PTD_CONFIG_PYTEST_ARGS_H
#define PTD_CONFIG_PYTEST_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "config/options.h"

struct ptd_pytest_args {
    struct ptd_options *out; /* borrowed; what is understood goes there */
    struct ptd_buf outcome;  /* becomes out->outcome_args */
    bool only_positional;    /* behind pytest's own "--" */
    int depth;               /* of @file in @file */
};

/* Looks at the first of `count` (> 0) arguments and at what belongs to it; the number of arguments
 * that is. */
size_t ptd_pytest_args_scan(struct ptd_pytest_args *args, const char *const *argv, size_t count);
/* Scans all of them. */
void ptd_pytest_args_scan_all(struct ptd_pytest_args *args, const char *const *argv, size_t count);

/* Is this ("--maxfail", without "=...") an option of pytest or of a plugin that we know? */
bool ptd_pytest_args_known(const char *name, size_t len);

#endif
