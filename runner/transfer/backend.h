/*
 * The places where a baseline can lie. Each moves one file as it is; packing is done around them.
 */
#ifndef PTD_TRANSFER_BACKEND_H
#define PTD_TRANSFER_BACKEND_H

#include "contract/transfer.h"
#include "transfer/url.h"

struct ptd_names {
    char **items; /* owned, as its strings are */
    size_t count, cap;
};
/* `prefix` and `name` as one; names with "/" or without ".db" at the end are left out. */
void ptd_names_add(struct ptd_names *names, const char *prefix, const char *name);

struct ptd_backend {
    /* transfer->path is written or read as it is; state, new_etag and bytes are set. */
    int (*get)(const struct ptd_url *url, struct ptd_transfer *transfer, struct ptd_err *err);
    int (*put)(const struct ptd_url *url, struct ptd_transfer *transfer, struct ptd_err *err);
    /* Adds the URLs below `url` with ptd_names_add; NULL: the place has no lists. */
    int (*list)(const struct ptd_url *url, struct ptd_names *out, struct ptd_err *err);
};

extern const struct ptd_backend ptd_backend_file;
extern const struct ptd_backend ptd_backend_http;
extern const struct ptd_backend ptd_backend_s3;
extern const struct ptd_backend ptd_backend_redis;

#endif
