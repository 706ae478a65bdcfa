/* Running the `git` program: what it prints, or why it could not be asked. */
#ifndef PTD_CHANGE_GIT_H
#define PTD_CHANGE_GIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* A work tree. */
struct ptd_git {
    char *top;    /* owned: its top directory, real */
    bool shallow; /* its history is cut off */
    bool nested;  /* a submodule: variables such as GIT_DIR are not about it */
};

/* The work tree that `dir` is in; with `nested` whatever the environment says. Fails with the
 * reason in words: no git, no work tree, or what git says. */
int ptd_git_open(const char *dir, bool nested, struct ptd_git *out, struct ptd_err *err);
void ptd_git_release(struct ptd_git *git);

/*
 * Runs `git ARGUMENTS` (NULL-terminated) in the top directory, with `input` on its standard input
 * and what it prints added to `out`; *status is its exit code. It takes no locks, fetches nothing
 * and asks nothing. -1 when it did not run or a signal ended it. A failure of git (*status != 0)
 * leaves what it said first in `err`.
 */
int ptd_git_run(const struct ptd_git *git, const char *const *arguments,
                const struct ptd_buf *input, struct ptd_buf *out, int *status, struct ptd_err *err);
/* The same where only success will do: -1 with what git said. */
int ptd_git_ask(const struct ptd_git *git, const char *const *arguments, struct ptd_buf *out,
                struct ptd_err *err);
/* The same for a one-line answer; owned, NULL when git fails. */
char *ptd_git_line(const struct ptd_git *git, const char *const *arguments, struct ptd_err *err);

#endif
