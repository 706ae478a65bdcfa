/*
 * What the server is started with: words NAME=VALUE, which `pyt-diff serve` makes of its options.
 * Whoever starts the program by hand gets the same answers; the names are those of the options.
 */
#ifndef PTD_SERVE_ARGUMENTS_H
#define PTD_SERVE_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum ptd_serve_task {
    PTD_SERVE_RUN,
    PTD_SERVE_TOKEN_ADD,
    PTD_SERVE_TOKEN_LIST,
    PTD_SERVE_TOKEN_REVOKE,
};

struct ptd_serve_arguments {
    enum ptd_serve_task task; /* task=run|token-add|token-list|token-revoke */
    const char *database;     /* db=FILE */
    const char *listen;       /* listen=HOST:PORT; port 0: any */
    const char *name;         /* name=NAME of the token */
    const char *project;      /* project=NAME: whose passes the token sees */
    unsigned max_request;     /* max-request=MIB */
    unsigned max_rate;        /* max-rate=N requests a second and token */
    unsigned max_clients;     /* max-clients=N connections */
    unsigned keep;            /* keep=DAYS that a pass may be unused */
    unsigned expires;         /* expires=DAYS of the token; 0: never */
    bool read_only;           /* read-only=1: the token asks and does not publish */
    bool json;                /* json=1 */
    int verbosity;            /* verbosity=N */
};

/* Borrows from `argv`, which is without the program's name. */
int ptd_serve_arguments_read(int argc, char **argv, struct ptd_serve_arguments *out,
                             struct ptd_err *err);

/* "HOST:PORT", "[ADDRESS]:PORT" or ":PORT" into its parts; `host` holds `size` bytes. */
int ptd_serve_split_address(const char *text, char *host, size_t size, unsigned *port,
                            struct ptd_err *err);

#endif
