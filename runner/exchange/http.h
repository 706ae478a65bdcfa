/* JSON over HTTP: libcurl. Redirects are not followed: the token is for one server. */
#ifndef PTD_EXCHANGE_HTTP_H
#define PTD_EXCHANGE_HTTP_H

#include "base/buf.h"
#include "base/err.h"

struct ptd_exchange_http;

/* Everything is borrowed until the end. */
int ptd_exchange_http_open(const char *url, const char *token, long timeout_ms,
                           struct ptd_exchange_http **out, struct ptd_err *err);
/* Adds the answer of a POST to `answer`; anything but 200 is an error. Where the server says that
 * it is busy, it is asked once more. */
int ptd_exchange_http_post(struct ptd_exchange_http *http, const char *path,
                           const struct ptd_buf *body, struct ptd_buf *answer, struct ptd_err *err);
void ptd_exchange_http_close(struct ptd_exchange_http *http); /* NULL is allowed */

#endif
