/*
 * Which Python the project uses and how it can be entered, found out without running it where that
 * is possible.
 */
#ifndef PTD_SESSION_INTERPRETER_H
#define PTD_SESSION_INTERPRETER_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"
#include "config/options.h"

struct ptd_interpreter {
    char python[PATH_MAX];    /* becomes argv[0] and sys.executable */
    char real[PATH_MAX];      /* its real path */
    int major, minor;         /* 3, 11 */
    char libpython[PATH_MAX]; /* shared library to embed, "" when there is none */
    bool shared;              /* the executable itself is linked to libpython */
    const char
        *origin; /* "--python", "VIRTUAL_ENV", ".venv", "venv", "CONDA_PREFIX", "PATH", ... */
    enum ptd_host host; /* how it will be entered; never AUTO after a successful call */
};

/*
 * Order: `wanted` (--python or the configuration: an executable, an environment's directory or a
 * name on PATH), $VIRTUAL_ENV, .venv and venv in `start` and above it, $CONDA_PREFIX, python3 and
 * python on PATH. A shell shim (pyenv) is asked for its sys.executable. Fails with PTD_E_PYTHON:
 * none found, not executable, older than 3.8, newer than 3.14, not CPython, free-threaded build;
 * `host` cannot be had for it.
 */
int ptd_interpreter_find(const char *wanted, const char *start, enum ptd_host host,
                         struct ptd_interpreter *out, struct ptd_err *err);

#endif
