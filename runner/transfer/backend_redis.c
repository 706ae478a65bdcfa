/*
 * redis://[[USER]:PASSWORD@]HOST[:PORT][/DB][/KEY]: a hash with the fields `data` and `etag`, which
 * change together.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/retry.h"
#include "transfer/backend.h"

#define DEFAULT_PORT 6379
#define DEFAULT_KEY  "pyt-diff:" PTD_URL_DEFAULT_NAME
#define LARGEST      ((uint64_t)512 << 20) /* that Redis keeps in one value */

struct place {
    const struct ptd_url *url;
    const struct ptd_transfer_limits *limits;
    int db;
    const char *key; /* borrowed from the URL */
    redisContext *context;
    bool lost; /* the connection: worth another try */
};

static int find_place(struct place *p, const struct ptd_url *url, struct ptd_err *err)
{
    const char *path = url->path;
    size_t n = strcspn(path, "/");
    p->url = url;
    p->key = path;
    if (!*url->host)
        return ptd_err_set(err, PTD_E_USAGE, "there is no host in the URL");
    if (n && strspn(path, "0123456789") == n && n < 6) {
        p->db = atoi(path);
        p->key = path[n] ? path + n + 1 : "";
    }
    if (!*p->key)
        p->key = DEFAULT_KEY;
    return 0;
}

static int lost(struct place *p, struct ptd_err *err)
{
    const redisContext *c = p->context;
    bool slow = c && c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT);
    p->lost = !slow;
    ptd_err_set(err, PTD_E_NET, "%s",
                !c     ? "out of memory"
                : slow ? "no progress for too long"
                       : c->errstr);
    return ptd_err_hint(err,
                        slow ? "PYT_DIFF_REMOTE_TIMEOUT sets how many seconds may pass without "
                               "progress; --offline goes without the server"
                             : "is the address right, and the server up? --offline goes without "
                               "it");
}

/* What the server says instead of an answer. */
static int refused(struct place *p, const char *text, struct ptd_err *err)
{
    ptd_err_set(err, PTD_E_NET, "Redis refused: %s", text);
    if (strncmp(text, "NOAUTH", 6) == 0 || strncmp(text, "WRONGPASS", 9) == 0 ||
        strstr(text, "password") || strncmp(text, "NOPERM", 6) == 0)
        return ptd_err_hint(err, "user and password stand in the URL: redis://USER:PASSWORD@%s/...",
                            p->url->host);
    if (strncmp(text, "OOM", 3) == 0)
        return ptd_err_hint(err, "the server's memory is full");
    return -1;
}

/* The answer of at most `max` bytes; NULL: failed. Freed by the caller. */
static redisReply *answer(struct place *p, uint64_t max, struct ptd_err *err)
{
    redisContext *c = p->context;
    int written = 0;
    void *reply = NULL;
    time_t end = time(NULL) + p->limits->total_seconds;
    errno = 0;
    while (!written)
        if (redisBufferWrite(c, &written) != REDIS_OK)
            return lost(p, err), NULL;
    while (!reply) {
        if (redisGetReplyFromReader(c, &reply) != REDIS_OK)
            return lost(p, err), NULL;
        if (!reply && (c->reader->len > max + 4096 || time(NULL) > end)) {
            ptd_err_set(err, PTD_E_NET,
                        c->reader->len > max ? "the answer is larger than it may be"
                                             : "it takes too long");
            return NULL;
        }
        if (!reply && redisBufferRead(c) != REDIS_OK)
            return lost(p, err), NULL;
    }
    redisReply *r = reply;
    if (r->type != REDIS_REPLY_ERROR)
        return r;
    refused(p, r->str, err);
    freeReplyObject(r);
    return NULL;
}

static redisReply *ask(struct place *p, uint64_t max, struct ptd_err *err, int argc,
                       const char **argv, const size_t *lens)
{
    if (redisAppendCommandArgv(p->context, argc, argv, lens) != REDIS_OK)
        return lost(p, err), NULL;
    return answer(p, max, err);
}

/* A command whose answer is only whether it worked. */
static int tell(struct place *p, struct ptd_err *err, int argc, const char **argv)
{
    redisReply *reply = ask(p, 0, err, argc, argv, NULL);
    if (!reply)
        return -1;
    freeReplyObject(reply);
    return 0;
}

static int log_in(struct place *p, struct ptd_err *err)
{
    const struct ptd_url *url = p->url;
    char db[16];
    const char *both[] = {"AUTH", url->user, url->password};
    const char *one[] = {"AUTH", url->password ? url->password : url->user};
    const char *choose[] = {"SELECT", db};
    snprintf(db, sizeof(db), "%d", p->db);
    if (url->user && *url->user && url->password) {
        if (tell(p, err, 3, both) < 0)
            return -1;
    } else if (one[1] && *one[1] && tell(p, err, 2, one) < 0) {
        return -1;
    }
    return p->db ? tell(p, err, 2, choose) : 0;
}

static int connect_to(struct place *p, struct ptd_err *err)
{
    struct timeval wait = {p->limits->connect_seconds, 0}, stall = {p->limits->stall_seconds, 0};
    errno = 0;
    p->context =
        redisConnectWithTimeout(p->url->host, p->url->port ? p->url->port : DEFAULT_PORT, wait);
    if (!p->context || p->context->err)
        return lost(p, err);
    redisSetTimeout(p->context, stall);
    return log_in(p, err);
}

static int look_up(struct place *p, const char *command, const char *field, uint64_t max,
                   redisReply **out, struct ptd_err *err)
{
    const char *argv[] = {command, p->key, field};
    *out = ask(p, max, err, 3, argv, NULL);
    return *out ? 0 : -1;
}

/* The field `etag`; NULL when nothing is there. Owned. */
static int look_up_etag(struct place *p, char **out, struct ptd_err *err)
{
    redisReply *reply;
    *out = NULL;
    if (look_up(p, "HGET", "etag", 4096, &reply, err) < 0)
        return -1;
    if (reply->type == REDIS_REPLY_STRING)
        *out = ptd_xstrndup(reply->str, (size_t)reply->len);
    freeReplyObject(reply);
    return 0;
}

static int save(const char *path, const redisReply *reply, struct ptd_err *err)
{
    FILE *out = fopen(path, "wbe");
    if (!out)
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", path);
    bool done = fwrite(reply->str, 1, (size_t)reply->len, out) == (size_t)reply->len;
    if (fclose(out) != 0 || !done)
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", path);
    return 0;
}

static int too_large(const struct place *p, struct ptd_err *err)
{
    ptd_err_set(err, PTD_E_NET, "the answer is larger than %llu MB",
                (unsigned long long)(p->limits->max_bytes >> 20));
    return ptd_err_hint(err, "is that the right key? PYT_DIFF_REMOTE_LIMIT sets how many MB may "
                             "travel");
}

static int fetch(struct place *p, struct ptd_transfer *t, struct ptd_err *err)
{
    redisReply *size, *reply;
    const char *argv[] = {"HMGET", p->key, "etag", "data"};
    PTD_CLEANUP_FREE char *etag = NULL;
    if (look_up_etag(p, &etag, err) < 0)
        return -1;
    if (!etag || (t->etag && strcmp(t->etag, etag) == 0)) {
        t->state = etag ? PTD_TRANSFER_UNCHANGED : PTD_TRANSFER_ABSENT;
        return 0;
    }
    if (look_up(p, "HSTRLEN", "data", 4096, &size, err) < 0)
        return -1;
    bool large = size->type != REDIS_REPLY_INTEGER || (uint64_t)size->integer > t->limits.max_bytes;
    freeReplyObject(size);
    if (large)
        return too_large(p, err);
    reply = ask(p, t->limits.max_bytes, err, 4, argv, NULL);
    if (!reply)
        return -1;
    int failed = 0;
    bool whole = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                 reply->element[0]->type == REDIS_REPLY_STRING &&
                 reply->element[1]->type == REDIS_REPLY_STRING;
    if (!whole) {
        t->state = PTD_TRANSFER_ABSENT; /* deleted just now */
    } else {
        t->bytes = (uint64_t)reply->element[1]->len;
        t->new_etag = ptd_xstrndup(reply->element[0]->str, (size_t)reply->element[0]->len);
        failed = save(t->path, reply->element[1], err);
    }
    freeReplyObject(reply);
    return failed;
}

static int store(struct place *p, struct ptd_transfer *t, struct ptd_err *err)
{
    const char *watch[] = {"WATCH", p->key}, *multi[] = {"MULTI"}, *exec[] = {"EXEC"};
    PTD_CLEANUP_FREE char *known = NULL;
    PTD_CLEANUP_BUF struct ptd_buf data = PTD_BUF_INIT;
    struct ptd_hash128 hash;
    char etag[33];
    if (ptd_buf_read_file(&data, t->path, LARGEST, err) < 0)
        return -1;
    hash = ptd_hash128(data.data, data.len);
    ptd_hash128_text(&hash, etag);
    if (tell(p, err, 2, watch) < 0 || look_up_etag(p, &known, err) < 0)
        return -1;
    if (t->etag && strcmp(t->etag, known ? known : "") != 0) {
        t->state = PTD_TRANSFER_CONFLICT;
        return 0;
    }
    const char *set[] = {"HSET", p->key, "data", data.data, "etag", etag};
    const size_t lens[] = {4, strlen(p->key), 4, data.len, 4, strlen(etag)};
    redisReply *reply;
    if (tell(p, err, 1, multi) < 0 || !(reply = ask(p, 4096, err, 6, set, lens)))
        return -1;
    freeReplyObject(reply);
    reply = ask(p, 4096, err, 1, exec, NULL);
    if (!reply)
        return -1;
    if (reply->type == REDIS_REPLY_NIL)
        t->state = PTD_TRANSFER_CONFLICT;
    else
        t->new_etag = ptd_xstrdup(etag);
    t->bytes = data.len;
    freeReplyObject(reply);
    return 0;
}

static int with_tries(const struct ptd_url *url, struct ptd_transfer *t,
                      int (*action)(struct place *, struct ptd_transfer *, struct ptd_err *),
                      struct ptd_err *err)
{
    for (int i = 1;; i++) {
        struct place place = {.limits = &t->limits};
        if (find_place(&place, url, err) < 0)
            return -1;
        int failed = connect_to(&place, err) < 0 || action(&place, t, err) < 0;
        if (place.context)
            redisFree(place.context);
        if (!failed || !place.lost || i >= t->limits.tries)
            return failed ? -1 : 0;
        ptd_retry_wait(i, 0);
    }
}

static int get(const struct ptd_url *url, struct ptd_transfer *t, struct ptd_err *err)
{
    return with_tries(url, t, fetch, err);
}

static int put(const struct ptd_url *url, struct ptd_transfer *t, struct ptd_err *err)
{
    return with_tries(url, t, store, err);
}

const struct ptd_backend ptd_backend_redis = {.get = get, .put = put};
