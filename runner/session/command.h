/* The command line and the environment of the child process, complete before fork(). */
#ifndef PTD_SESSION_COMMAND_H
#define PTD_SESSION_COMMAND_H

#include <stddef.h>

#include "base/err.h"
#include "session/session.h"

/* A list of strings with a NULL behind the last. */
struct ptd_words {
    char **items; /* owned, like the strings in it */
    size_t count;
    size_t cap;
};

struct ptd_command {
    char *program; /* owned; what is executed, argv[0] may differ */
    struct ptd_words argv;
    struct ptd_words env;
};

int ptd_command_make(const struct ptd_session_request *request, struct ptd_command *out,
                     struct ptd_err *err);
void ptd_command_release(struct ptd_command *command);

#endif
