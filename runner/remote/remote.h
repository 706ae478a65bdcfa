/* The way to the transfer module, which is loaded when it is first used. */
#ifndef PTD_REMOTE_REMOTE_H
#define PTD_REMOTE_REMOTE_H

#include <stdbool.h>

#include "base/err.h"
#include "contract/transfer.h"

/* Whether a word is a URL at all: "scheme://...". */
bool ptd_remote_is_url(const char *text);
/* A scheme that the module knows; else PTD_E_USAGE. */
int ptd_remote_check(const char *url, struct ptd_err *err);
/* As it may be shown: without user, password and query; owned. */
char *ptd_remote_shown(const char *url);
/* `dir` holds the module; it stays loaded. PTD_E_INTERNAL when it cannot be loaded. */
int ptd_remote_open(const char *dir, const struct ptd_transfer_api **out, struct ptd_err *err);

#endif
