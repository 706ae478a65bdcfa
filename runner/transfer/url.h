/* The parts of a URL. */
#ifndef PTD_TRANSFER_URL_H
#define PTD_TRANSFER_URL_H

#include <stddef.h>

#include "base/err.h"

/* All owned; percent signs are resolved but in `text` and `query`. */
struct ptd_url {
    char *text;            /* as given, with the name of the file where it was left out */
    char *scheme;          /* "s3" */
    char *user, *password; /* NULL: none */
    char *host;            /* "" for file:///... */
    int port;              /* 0: none */
    char *path;            /* without its first slash: "DIR/NAME.db" */
    char *query;           /* without "?"; NULL: none */
};

/* What a place is called when its URL names none (all but redis). */
#define PTD_URL_DEFAULT_NAME "baseline.db"

/* PTD_E_USAGE for what is no URL. With `file`, a path that does not end in ".db" is a prefix, and
 * gets the default name. */
int ptd_url_parse(const char *text, int file, struct ptd_url *out, struct ptd_err *err);
void ptd_url_release(struct ptd_url *url);
/* Everything but letters, digits and "-._~" as %XX; of `keep` nothing (RFC 3986). Owned. */
char *ptd_url_encode(const char *text, const char *keep);
char *ptd_url_decode(const char *text, size_t len);

#endif
