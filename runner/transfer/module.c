/* The module's one door: chooses the place by the scheme, packs and unpacks. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/call.h"
#include "transfer/backend.h"
#include "transfer/limits.h"
#include "transfer/pack.h"

/* A database is packed to a fifth or less; sixteen times is a bomb. */
#define UNPACKED 16

static const struct {
    const char *scheme;
    const struct ptd_backend *backend;
} backends[] = {
    {"file", &ptd_backend_file},  {"s3", &ptd_backend_s3},       {"http", &ptd_backend_http},
    {"https", &ptd_backend_http}, {"redis", &ptd_backend_redis},
};

void ptd_names_add(struct ptd_names *names, const char *prefix, const char *name)
{
    size_t n = strlen(name);
    if (strchr(name, '/') || n < 4 || strcmp(name + n - 3, ".db") != 0)
        return;
    names->items = ptd_xgrow(names->items, &names->cap, names->count + 1, sizeof(char *));
    names->items[names->count++] = ptd_xasprintf("%s%s", prefix, name);
}

static int find(const char *text, int file, struct ptd_url *url, const struct ptd_backend **out,
                struct ptd_err *err)
{
    bool redis = strncmp(text, "redis:", 6) == 0;
    if (ptd_url_parse(text, file && !redis, url, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
        if (strcmp(backends[i].scheme, url->scheme) == 0) {
            *out = backends[i].backend;
            return 0;
        }
    return ptd_err_set(err, PTD_E_USAGE, "%s:// is not known", url->scheme);
}

static int get_and_unpack(const struct ptd_backend *backend, const struct ptd_url *url,
                          struct ptd_transfer *t, const char *path, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *packed = ptd_xasprintf("%s.part", path);
    t->path = packed;
    int failed = backend->get(url, t, err);
    if (!failed && t->state == PTD_TRANSFER_DONE)
        failed = ptd_unpack_file(packed, path, t->limits.max_bytes * UNPACKED, err);
    unlink(packed);
    return failed;
}

static int pack_and_put(const struct ptd_backend *backend, const struct ptd_url *url,
                        struct ptd_transfer *t, const char *path, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *packed = ptd_xasprintf("%s.part", path);
    t->path = packed;
    unlink(packed);
    int failed = ptd_pack_file(path, packed, err) < 0 || backend->put(url, t, err) < 0;
    unlink(packed);
    return failed ? -1 : 0;
}

static int move(struct ptd_transfer *t,
                int (*action)(const struct ptd_backend *, const struct ptd_url *,
                              struct ptd_transfer *, const char *, struct ptd_err *),
                struct ptd_err *err)
{
    const struct ptd_backend *backend = NULL;
    const char *path = t->path;
    struct ptd_transfer_limits limits = t->limits;
    struct ptd_url url;
    t->state = PTD_TRANSFER_DONE;
    t->new_etag = NULL;
    t->bytes = 0;
    int failed = ptd_limits_fill(&limits, &t->limits, err) < 0;
    if (!failed) {
        failed =
            find(t->url, 1, &url, &backend, err) < 0 || action(backend, &url, t, path, err) < 0;
        ptd_url_release(&url);
    }
    t->path = path;
    t->limits = limits;
    if (failed || t->state != PTD_TRANSFER_DONE) {
        free(t->new_etag);
        t->new_etag = NULL;
    }
    return failed ? -1 : 0;
}

static int get(struct ptd_transfer *transfer, struct ptd_err *err)
{
    return move(transfer, get_and_unpack, err);
}

static int put(struct ptd_transfer *transfer, struct ptd_err *err)
{
    return move(transfer, pack_and_put, err);
}

static int order_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list(const char *text, char ***urls, size_t *count, struct ptd_err *err)
{
    const struct ptd_backend *backend = NULL;
    struct ptd_names names = {0};
    struct ptd_url url;
    int failed = find(text, 0, &url, &backend, err);
    if (!failed && !backend->list) {
        failed = ptd_err_set(err, PTD_E_USAGE, "%s:// has no lists of files", url.scheme);
        ptd_err_hint(err, "name each file");
    } else if (!failed) {
        failed = backend->list(&url, &names, err);
    }
    ptd_url_release(&url);
    if (names.count)
        qsort(names.items, names.count, sizeof(char *), order_names);
    *urls = names.items;
    *count = names.count;
    return failed;
}

static int unpack(const char *from, const char *to, struct ptd_err *err)
{
    struct ptd_transfer_limits none = {.tries = 0}, limits;
    if (ptd_limits_fill(&none, &limits, err) < 0)
        return -1;
    return ptd_unpack_file(from, to, limits.max_bytes * UNPACKED, err);
}

static const char *describe(void)
{
    return ptd_http_version();
}

__attribute__((visibility("default"))) const struct ptd_transfer_api *ptd_transfer_api(void);

const struct ptd_transfer_api *ptd_transfer_api(void)
{
    static const struct ptd_transfer_api api = {
        .version = PTD_TRANSFER_VERSION,
        .get = get,
        .put = put,
        .list = list,
        .unpack = unpack,
        .describe = describe,
    };
    return &api;
}
