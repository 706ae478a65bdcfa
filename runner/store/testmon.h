/* Reading a database of pytest-testmon (.testmondata). Nothing is written to it. */
#ifndef PTD_STORE_TESTMON_H
#define PTD_STORE_TESTMON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* PRAGMA user_version of what can be read: pytest-testmon 2.2. */
#define PTD_TESTMON_VERSION 14

struct ptd_testmon;

/* One outcome of one test. Strings are borrowed for the call. */
struct ptd_testmon_test {
    const char *name;   /* node id */
    const char *python; /* "3.11.7" of its environment, "" when that is not known */
    bool failed;        /* also when it is not known */
    uint64_t us;        /* 0: not known */
};

/* PTD_E_USAGE when there is no such file or it is no database of testmon of this version; damage is
 * PTD_E_STORE. */
int ptd_testmon_open(const char *path, struct ptd_testmon **out, struct ptd_err *err);
/*
 * All tests in all environments. Those of environments with this version of Python come first, then
 * the newest environment. `visit` returns 0 to go on; its -1 stops and fails.
 */
int ptd_testmon_each(struct ptd_testmon *testmon, const char *python,
                     int (*visit)(const struct ptd_testmon_test *, void *), void *arg,
                     struct ptd_err *err);
void ptd_testmon_close(struct ptd_testmon *testmon);

#endif
