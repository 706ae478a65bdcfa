/* http:// and https://: GET and PUT, with ETags. */
#include <stdlib.h>

#include "base/mem.h"
#include "transfer/backend.h"
#include "transfer/server.h"

/* The headers of one exchange. */
struct headers {
    char *condition, *token; /* owned */
    const char *list[4];
};

static void make_headers(struct headers *h, const char *condition, const char *value)
{
    const char *token = getenv("PYT_DIFF_REMOTE_TOKEN");
    size_t count = 0;
    *h = (struct headers){0};
    if (condition)
        h->list[count++] = h->condition = ptd_xasprintf("%s: %s", condition, value);
    if (token && *token)
        h->list[count++] = h->token = ptd_xasprintf("Authorization: Bearer %s", token);
    h->list[count] = "Expect:"; /* nobody answers "100 Continue" to a small file in time */
}

static void release(struct headers *h, struct ptd_http_call *call)
{
    free(h->condition);
    free(h->token);
    ptd_http_release(call);
}

/* The user and password are in their own fields. */
static char *plain(const struct ptd_url *url)
{
    PTD_CLEANUP_FREE char *path = ptd_url_encode(url->path, "/!$&'()*+,;=:@");
    PTD_CLEANUP_FREE char *port = url->port ? ptd_xasprintf(":%d", url->port) : ptd_xstrdup("");
    return ptd_xasprintf("%s://%s%s/%s%s%s", url->scheme, url->host, port, path,
                         url->query ? "?" : "", url->query ? url->query : "");
}

static int get(const struct ptd_url *url, struct ptd_transfer *t, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *address = plain(url);
    struct headers headers;
    struct ptd_http_call call = {.method = "GET",
                                 .url = address,
                                 .save_path = t->path,
                                 .user = url->user,
                                 .password = url->password,
                                 .follow = true};
    make_headers(&headers, t->etag && *t->etag ? "If-None-Match" : NULL, t->etag);
    call.headers = headers.list;
    int failed = ptd_server_call(&call, &t->limits, err);
    if (!failed && call.status == 304)
        t->state = PTD_TRANSFER_UNCHANGED;
    else if (!failed && (call.status == 404 || call.status == 410))
        t->state = PTD_TRANSFER_ABSENT;
    else if (!failed && call.status != 200)
        failed = ptd_server_refused(&call, err);
    t->bytes = call.bytes;
    t->new_etag = ptd_xstrdup(call.etag ? call.etag : "");
    release(&headers, &call);
    return failed;
}

static int put(const struct ptd_url *url, struct ptd_transfer *t, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *address = plain(url);
    struct headers headers;
    struct ptd_http_call call = {.method = "PUT",
                                 .url = address,
                                 .send_path = t->path,
                                 .user = url->user,
                                 .password = url->password};
    if (t->etag)
        make_headers(&headers, *t->etag ? "If-Match" : "If-None-Match", *t->etag ? t->etag : "*");
    else
        make_headers(&headers, NULL, NULL);
    call.headers = headers.list;
    int failed = ptd_server_call(&call, &t->limits, err);
    if (!failed && (call.status == 412 || call.status == 409))
        t->state = PTD_TRANSFER_CONFLICT;
    else if (!failed && (call.status == 405 || call.status == 501))
        failed =
            ptd_err_set(err, PTD_E_NET, "the server takes no files (PUT, HTTP %ld)", call.status);
    else if (!failed && (call.status < 200 || call.status > 299))
        failed = ptd_server_refused(&call, err);
    t->bytes = call.bytes;
    t->new_etag = ptd_xstrdup(call.etag ? call.etag : "");
    release(&headers, &call);
    return failed;
}

const struct ptd_backend ptd_backend_http = {.get = get, .put = put};
