/*
 * One exchange over HTTP, by libcurl: for servers of baselines (transfer) and of a pass cache
 * (exchange). Certificates are checked against CURL_CA_BUNDLE or SSL_CERT_FILE when one is set,
 * proxies are those of the environment, and nothing but http and https is spoken. One thread at a
 * time.
 */
#ifndef PTD_HTTP_CALL_H
#define PTD_HTTP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct ptd_http_limits {
    uint64_t max_bytes; /* of an answer of 2xx */
    long connect_ms, total_ms;
    long stall_seconds; /* without progress; 0: any */
    int tries;
    /* Again only when a busy server (429, 503) asks for that within two seconds. Otherwise after
     * 408, 429, 5xx, refused and broken connections, with growing pauses (base/retry.h). */
    bool only_when_asked;
};

/* Why there is no answer. */
enum ptd_http_failure {
    PTD_HTTP_ANSWERED,
    PTD_HTTP_NO_FILE, /* of ours */
    PTD_HTTP_TOO_LARGE,
    PTD_HTTP_TOO_SLOW,
    PTD_HTTP_UNTRUSTED, /* its certificate */
    PTD_HTTP_UNREACHED,
};

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
    struct ptd_http_limits limits;

    long status;
    struct ptd_buf answer;          /* owned; of an error its first 64 KiB */
    char *etag, *location, *region; /* owned; NULL: the answer has none */
    uint64_t bytes;                 /* of the body that was sent or saved */
    enum ptd_http_failure failure;
};

/* Keeps connections from one call to the next. */
struct ptd_http;
struct ptd_http *ptd_http_open(void);
void ptd_http_close(struct ptd_http *http); /* NULL is allowed */

/* Tries as often as the limits say; `http` NULL: with a connection of its own. 0 when there was an
 * answer, whatever it says; else PTD_E_NET, or PTD_E_IO for a file. */
int ptd_http_call(struct ptd_http *http, struct ptd_http_call *call, struct ptd_err *err);
void ptd_http_release(struct ptd_http_call *call);
/* Fills *err for a status that the caller did not expect; returns -1. */
int ptd_http_refused(const struct ptd_http_call *call, struct ptd_err *err);
const char *ptd_http_version(void);

#endif
