#include "exchange/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAX_ANSWER ((uint64_t)64 << 20)

void ptd_exchange_connect(struct ptd_exchange_connection *connection, const char *url,
                          const char *token, long timeout_ms)
{
    *connection = (struct ptd_exchange_connection){
        .http = ptd_http_open(),
        .url = url,
        .authorization = ptd_xasprintf("Authorization: Bearer %s", token),
        .timeout_ms = timeout_ms,
    };
}

/* What a server says is shown as far as it is one line of text: "... (HTTP 401): Token Expired". */
static int refused(const struct ptd_http_call *call, struct ptd_err *err)
{
    const struct ptd_buf *said = &call->answer;
    size_t len = 0, used;
    while (len < said->len && len < 80 && said->data[len] >= ' ' && said->data[len] < 0x7f)
        len++;
    ptd_http_refused(call, err);
    used = strlen(err->msg);
    if (len)
        snprintf(err->msg + used, sizeof(err->msg) - used, ": %.*s", (int)len, said->data);
    return -1;
}

int ptd_exchange_post(struct ptd_exchange_connection *connection, const char *path,
                      const struct ptd_buf *body, struct ptd_buf *answer, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *url = ptd_xasprintf("%s%s", connection->url, path);
    const char *const headers[] = {connection->authorization, "Content-Type: application/json",
                                   "Expect:", NULL};
    struct ptd_http_call call = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .body = body->data,
        .body_len = body->len,
        .limits = {.max_bytes = MAX_ANSWER,
                   .connect_ms = connection->timeout_ms,
                   .total_ms = connection->timeout_ms,
                   .tries = 2,
                   .only_when_asked = true},
    };
    int failed = ptd_http_call(connection->http, &call, err);
    if (!failed && call.status != 200)
        failed = refused(&call, err);
    if (!failed)
        ptd_buf_add(answer, call.answer.data, call.answer.len);
    ptd_http_release(&call);
    return failed;
}

void ptd_exchange_disconnect(struct ptd_exchange_connection *connection)
{
    ptd_http_close(connection->http);
    free(connection->authorization);
    *connection = (struct ptd_exchange_connection){0};
}
