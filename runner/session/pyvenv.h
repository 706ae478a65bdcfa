/* pyvenv.cfg, the file that makes a directory a virtual environment. */
#ifndef PTD_SESSION_PYVENV_H
#define PTD_SESSION_PYVENV_H

#include <limits.h>
#include <stdbool.h>

struct ptd_pyvenv {
    char home[PATH_MAX];     /* bin directory of the Python it was made with, "" when not said */
    int major, minor;        /* of `version` or `version_info`, 0 when not said */
    char implementation[32]; /* "CPython", "PyPy": virtualenv and uv say it, venv does not */
};

/* Looks where Python looks: beside the executable and one directory above. False: no such file. */
bool ptd_pyvenv_read(const char *python, struct ptd_pyvenv *out);

#endif
