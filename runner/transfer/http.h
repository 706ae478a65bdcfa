/* One exchange over HTTP, by libcurl. */
#ifndef PTD_TRANSFER_HTTP_H
#define PTD_TRANSFER_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "contract/transfer.h"

struct ptd_http_call {
    const char *method;
    const char *url;
    const char *const *headers; /* NULL-terminated, or NULL */
    const char *send_path;      /* a file as the body; else body and body_len */
    const void *body;
    size_t body_len;
    const char *save_path; /* where the body of an answer of 2xx goes; NULL: into `answer` */
    const char *user, *password;
    const char *aws_region; /* signs for S3 with user and password; NULL: basic authentication */
    bool follow;            /* redirections, never from https to http */
    struct ptd_transfer_limits limits; /* filled */

    long status;
    struct ptd_buf answer;          /* owned; of an error its first 64 KiB */
    char *etag, *location, *region; /* owned; NULL: the answer has none */
    uint64_t bytes;                 /* of the body that was sent or saved */
};

/* Tries as often as the limits say. 0 when there was an answer, whatever it says. */
int ptd_http_call(struct ptd_http_call *call, struct ptd_err *err);
void ptd_http_release(struct ptd_http_call *call);
/* Fills *err for a status that the caller did not expect; returns -1. */
int ptd_http_refused(const struct ptd_http_call *call, struct ptd_err *err);
const char *ptd_http_version(void);

#endif
