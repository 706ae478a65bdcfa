/* What was entered while modules were imported: kept per version of the module, not per test. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/order.h"
#include "store/internal.h"
#include "store/store.h"

/* Calls as one number each: code object and line. */
struct calls {
    uint64_t *items;
    size_t count, cap;
};

static void add_calls(struct calls *out, const void *data, size_t len)
{
    struct ptd_reader r = ptd_reader_init(data, len);
    while (r.pos < r.end && !r.bad) {
        uint64_t code = ptd_reader_varint(&r), line = ptd_reader_varint(&r);
        out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
        out->items[out->count++] = code << 32 | (line & UINT32_MAX);
    }
}

static void write_calls(struct calls *calls, struct ptd_buf *out)
{
    if (calls->count)
        qsort(calls->items, calls->count, sizeof(*calls->items), ptd_order_u64);
    for (size_t i = 0; i < calls->count; i++) {
        if (i && calls->items[i] == calls->items[i - 1])
            continue;
        ptd_buf_add_varint(out, calls->items[i] >> 32);
        ptd_buf_add_varint(out, calls->items[i] & UINT32_MAX);
    }
}

static void bind_key(sqlite3_stmt *stmt, const struct ptd_import_calls *c)
{
    sqlite3_bind_int64(stmt, 1, c->file);
    sqlite3_bind_int64(stmt, 2, c->version);
    sqlite3_bind_int64(stmt, 3, c->callee_file);
    sqlite3_bind_int64(stmt, 4, c->callee_version);
}

static int put(struct ptd_store *store, const struct ptd_import_calls *c,
               const struct ptd_buf *blob, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_IMPORT_CALL_PUT, err);
    if (!stmt)
        return -1;
    bind_key(stmt, c);
    sqlite3_bind_blob64(stmt, 5, blob->data, blob->len, SQLITE_STATIC);
    return ptd_store_run(store, stmt, err, "cannot write");
}

int ptd_store_add_import_calls(struct ptd_store *store, const struct ptd_import_calls *c,
                               struct ptd_err *err)
{
    sqlite3_stmt *get = ptd_store_prepare(store, SQL_IMPORT_CALL_GET, err);
    PTD_CLEANUP_BUF struct ptd_buf known = PTD_BUF_INIT, all = PTD_BUF_INIT;
    struct calls calls = {0};
    if (!get)
        return -1;
    bind_key(get, c);
    int found = ptd_store_next(store, get, 0, err);
    if (found < 0)
        return -1;
    if (found) {
        ptd_buf_add(&known, sqlite3_column_blob(get, 0), (size_t)sqlite3_column_bytes(get, 0));
        sqlite3_reset(get);
    }
    add_calls(&calls, known.data, known.len);
    add_calls(&calls, c->calls, c->calls_len);
    ptd_buf_reserve(&all, 1);
    write_calls(&calls, &all);
    free(calls.items);
    if (found && all.len == known.len &&
        (all.len == 0 || memcmp(all.data, known.data, all.len) == 0))
        return 0;
    return put(store, c, &all, err);
}

int ptd_store_each_import_calls(struct ptd_store *store,
                                int (*visit)(const struct ptd_import_calls *, void *), void *arg,
                                struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_IMPORT_CALL_EACH, err);
    if (!stmt)
        return -1;
    int more, stopped = 0;
    while ((more = ptd_store_next(store, stmt, stopped, err)) > 0) {
        struct ptd_import_calls c = {
            .file = sqlite3_column_int64(stmt, 0),
            .version = sqlite3_column_int64(stmt, 1),
            .callee_file = sqlite3_column_int64(stmt, 2),
            .callee_version = sqlite3_column_int64(stmt, 3),
            .calls = sqlite3_column_blob(stmt, 4),
            .calls_len = (size_t)sqlite3_column_bytes(stmt, 4),
        };
        stopped = visit(&c, arg);
    }
    return more;
}
