/*
 * One run of pytest in a child process.
 */
#ifndef PTD_SESSION_SESSION_H
#define PTD_SESSION_SESSION_H

#include <stddef.h>

#include "base/err.h"
#include "session/interpreter.h"

struct ptd_session_request {
    const struct ptd_interpreter *interpreter;
    const char
        *session_dir; /* absolute; holds plan.json, the child writes its journals there; NULL: plain
                         pytest without the plugin (nothing recorded, nothing selected) */
    const char *const *pytest_args;
    size_t pytest_count;
    void (*tick)(void *arg); /* called about ten times a second while it runs; NULL: never */
    void *tick_arg;
};

struct ptd_session_result {
    int status; /* exit status of pytest, or 128 + signal */
    int signal; /* the signal that ended the child, 0 when it exited */
};

/*
 * Runs pytest with `-p _pytdiff` and waits for it. The child has the terminal: SIGINT and SIGQUIT
 * are ignored here while it runs, SIGTERM and SIGHUP are forwarded, PR_SET_PDEATHSIG ends it with
 * us. Fails with PTD_E_PYTHON when the child cannot be started at all.
 */
int ptd_session_run(const struct ptd_session_request *request, struct ptd_session_result *result,
                    struct ptd_err *err);

/* Directory of the files that belong to the program (host, tracer, stub): that of the executable
 * itself, else ../lib/pyt-diff beside it. Returned string is owned; NULL and *err when they are not
 * there. */
char *ptd_session_libexec(struct ptd_err *err);

#endif
