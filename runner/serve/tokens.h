/*
 * Tokens: what a client shows. They are random (128 bits) and kept as their SHA-256, so that
 * neither the database nor a copy of it lets anybody in.
 */
#ifndef PTD_SERVE_TOKENS_H
#define PTD_SERVE_TOKENS_H

#include "serve/arguments.h"
#include "serve/database.h"

/* What became of a token that was shown. */
enum ptd_serve_admission {
    PTD_SERVE_ADMITTED,
    PTD_SERVE_UNKNOWN,
    PTD_SERVE_EXPIRED,
    PTD_SERVE_REVOKED,
};

int ptd_serve_admit(struct ptd_serve_db *db, const char *token, struct ptd_serve_token *out,
                    enum ptd_serve_admission *how, struct ptd_err *err);

/* The tasks of arguments.h but for running; they print their answer on standard output. */
int ptd_serve_tokens_task(const struct ptd_serve_arguments *arguments, struct ptd_err *err);

#endif
