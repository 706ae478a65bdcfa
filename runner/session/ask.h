/* Asks an interpreter about itself by running it: for shims and where its files do not tell. */
#ifndef PTD_SESSION_ASK_H
#define PTD_SESSION_ASK_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

struct ptd_answer {
    int major, minor;                /* of the language */
    char implementation[32];         /* sys.implementation.name: "cpython", "pypy" */
    char implementation_version[32]; /* "7.3" */
    bool free_threaded;
    char executable[PATH_MAX]; /* sys.executable, "" when it does not know */
};

/* Fails with PTD_E_PYTHON when it cannot be run, says something else, or takes half a minute. */
int ptd_ask_python(const char *python, struct ptd_answer *out, struct ptd_err *err);

#endif
