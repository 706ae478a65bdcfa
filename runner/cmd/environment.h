/*
 * The environment that tests run in: implementation, version and platform of the interpreter, and
 * the installed distributions, known without starting Python whenever the interpreter looks as it
 * did last time; and the name that the user gives it, which keeps its records apart.
 */
#ifndef PTD_CMD_ENVIRONMENT_H
#define PTD_CMD_ENVIRONMENT_H

#include "base/err.h"
#include "session/interpreter.h"
#include "state/packages.h"
#include "store/store.h"

struct ptd_environment {
    /* Owned: "cpython 3.11.7 linux x86_64", with " [NAME]" behind it when a name was given. Records
     * belong to it. */
    char *name;
    char *brief;                  /* owned: "CPython 3.11.7", the same with " [NAME]" */
    struct ptd_packages packages; /* the distributions on its sys.path */
};

/* `store` may be NULL: then the interpreter is asked each time. `given` is the user's name, or
 * NULL: PTD_E_USAGE when it is none that can be shown. `root` is the project's directory, borrowed
 * as long as the result is used. */
int ptd_environment_find(struct ptd_store *store, bool writable,
                         const struct ptd_interpreter *interpreter, const char *given,
                         const char *root, struct ptd_environment *out, struct ptd_err *err);
void ptd_environment_release(struct ptd_environment *environment);

#endif
