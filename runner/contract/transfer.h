/*
 * What the program and its transfer module agree on.
 *
 * Everything that talks to a server lies in a shared object beside the program, which is loaded
 * when a URL is used (remote/remote.h): a run that uses none does not pay for libcurl and its
 * libraries. The module exports one symbol, a function that returns this table.
 *
 * All calls are blocking, retry what is worth it (5xx, 429, refused and reset connections) with
 * growing pauses, keep to their limits, and follow the rules of base/err.h: PTD_E_NET for what a
 * server did, PTD_E_USAGE for a URL that cannot be used. Messages never contain passwords, tokens
 * or the query of a URL. One thread at a time.
 */
#ifndef PTD_CONTRACT_TRANSFER_H
#define PTD_CONTRACT_TRANSFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PTD_TRANSFER_FILE    "pyt-diff-transfer.so"
#define PTD_TRANSFER_SYMBOL  "ptd_transfer_api"
#define PTD_TRANSFER_VERSION 1

/* 0 stands for the default in brackets. */
struct ptd_transfer_limits {
    uint64_t max_bytes;  /* of an answer [1 GiB, or $PYT_DIFF_REMOTE_LIMIT in MB] */
    int connect_seconds; /* [10] */
    int stall_seconds;   /* without progress [30, or $PYT_DIFF_REMOTE_TIMEOUT] */
    int total_seconds;   /* of one try [600] */
    int tries;           /* [4] */
};

enum ptd_transfer_state {
    PTD_TRANSFER_DONE,
    PTD_TRANSFER_UNCHANGED, /* get: what the caller has is what is there */
    PTD_TRANSFER_ABSENT,    /* get: nothing is there, though the server and the place are */
    PTD_TRANSFER_CONFLICT,  /* put: something else is there than the caller expects */
};

/* One file, there or back. */
struct ptd_transfer {
    const char *url;  /* file://, s3://, http://, https://, redis:// */
    const char *path; /* get: is made, unpacked; put: is read, and travels packed with zstd */
    /* get: of what the caller has, or NULL. put: of what has to be there; "" = nothing; NULL = it
     * does not matter. */
    const char *etag;
    struct ptd_transfer_limits limits;
    /* Filled in: */
    enum ptd_transfer_state state;
    char *new_etag; /* owned by the caller (free), set for DONE; "" when the server tells none */
    uint64_t bytes; /* that travelled */
};

struct ptd_transfer_api {
    int version;
    int (*get)(struct ptd_transfer *transfer, struct ptd_err *err);
    int (*put)(struct ptd_transfer *transfer, struct ptd_err *err);
    /* The URLs of what lies directly below one that ends in "/" and has a name that ends in ".db",
     * sorted. *urls and its strings are owned by the caller (free). */
    int (*list)(const char *url, char ***urls, size_t *count, struct ptd_err *err);
    /* Unpacks a local file that is packed with zstd. */
    int (*unpack)(const char *from, const char *to, struct ptd_err *err);
    /* "libcurl 7.88.1, ..." */
    const char *(*describe)(void);
};

typedef const struct ptd_transfer_api *ptd_transfer_entry(void);

#endif
