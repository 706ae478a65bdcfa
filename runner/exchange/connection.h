/* JSON over HTTP to the server of a pass cache. Redirects are not followed: the token is for one
 * server. */
#ifndef PTD_EXCHANGE_CONNECTION_H
#define PTD_EXCHANGE_CONNECTION_H

#include "http/call.h"

struct ptd_exchange_connection {
    struct ptd_http *http; /* owned */
    const char *url;       /* borrowed, until the end */
    char *authorization;   /* owned */
    long timeout_ms;       /* of one request */
};

void ptd_exchange_connect(struct ptd_exchange_connection *connection, const char *url,
                          const char *token, long timeout_ms);
/* Adds the answer of a POST to `answer`; anything but 200 is an error. Where the server says that
 * it is busy, it is asked once more. */
int ptd_exchange_post(struct ptd_exchange_connection *connection, const char *path,
                      const struct ptd_buf *body, struct ptd_buf *answer, struct ptd_err *err);
void ptd_exchange_disconnect(struct ptd_exchange_connection *connection);

#endif
