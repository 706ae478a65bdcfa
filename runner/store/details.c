#include "store/details.h"

#include <sqlite3.h>

#include "store/internal.h"

static const char *text(sqlite3_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt, column);
}

int ptd_store_label(struct ptd_store *store, const char *name, ptd_id *out, struct ptd_err *err)
{
    sqlite3_stmt *get = ptd_store_prepare(store, SQL_LABEL_GET, err);
    sqlite3_stmt *add = ptd_store_prepare(store, SQL_LABEL_ADD, err);
    if (!get || !add)
        return -1;
    sqlite3_bind_text(get, 1, name, -1, SQLITE_STATIC);
    int found = ptd_store_look_up(store, get, out, err);
    if (found)
        return found < 0 ? -1 : 0;
    sqlite3_bind_text(add, 1, name, -1, SQLITE_STATIC);
    if (ptd_store_run(store, add, err, "cannot write") < 0)
        return -1;
    *out = sqlite3_last_insert_rowid(store->db);
    return 0;
}

/* Two columns, an id and a name. */
static int each_name(struct ptd_store *store, enum ptd_sql which,
                     int (*visit)(ptd_id, const char *, void *), void *arg, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, which, err);
    int more = stmt ? 0 : -1, stopped = 0;
    while (stmt && (more = ptd_store_next(store, stmt, stopped, err)) > 0)
        stopped = visit(sqlite3_column_int64(stmt, 0), text(stmt, 1), arg);
    return more;
}

int ptd_store_each_label(struct ptd_store *store, int (*visit)(ptd_id, const char *, void *),
                         void *arg, struct ptd_err *err)
{
    return each_name(store, SQL_LABEL_EACH, visit, arg, err);
}

int ptd_store_each_environment(struct ptd_store *store, int (*visit)(ptd_id, const char *, void *),
                               void *arg, struct ptd_err *err)
{
    return each_name(store, SQL_ENVIRONMENT_EACH, visit, arg, err);
}

int ptd_store_imports_set(struct ptd_store *store, const struct ptd_store_imports *row,
                          struct ptd_err *err)
{
    sqlite3_stmt *set = ptd_store_prepare(store, SQL_IMPORTS_SET, err);
    if (!set)
        return -1;
    sqlite3_bind_int64(set, 1, row->file);
    sqlite3_bind_blob64(set, 2, row->imported_len ? row->imported : "", row->imported_len,
                        SQLITE_STATIC);
    sqlite3_bind_blob64(set, 3, row->entered_len ? row->entered : "", row->entered_len,
                        SQLITE_STATIC);
    return ptd_store_run(store, set, err, "cannot write");
}

int ptd_store_each_imports(struct ptd_store *store,
                           int (*visit)(const struct ptd_store_imports *, void *), void *arg,
                           struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_IMPORTS_EACH, err);
    int more = stmt ? 0 : -1, stopped = 0;
    while (stmt && (more = ptd_store_next(store, stmt, stopped, err)) > 0) {
        struct ptd_store_imports row = {
            .file = sqlite3_column_int64(stmt, 0),
            .imported = sqlite3_column_blob(stmt, 1),
            .imported_len = (size_t)sqlite3_column_bytes(stmt, 1),
            .entered = sqlite3_column_blob(stmt, 2),
            .entered_len = (size_t)sqlite3_column_bytes(stmt, 2),
        };
        stopped = visit(&row, arg);
    }
    return more;
}

int ptd_store_flaky_add(struct ptd_store *store, ptd_id environment, ptd_id node, int before,
                        int after, struct ptd_err *err)
{
    sqlite3_stmt *add = ptd_store_prepare(store, SQL_FLAKY_ADD, err);
    if (!add)
        return -1;
    sqlite3_bind_int64(add, 1, node);
    sqlite3_bind_int64(add, 2, environment);
    sqlite3_bind_int(add, 3, before);
    sqlite3_bind_int(add, 4, after);
    return ptd_store_run(store, add, err, "cannot write");
}

int ptd_store_each_flaky(struct ptd_store *store,
                         int (*visit)(const struct ptd_store_flaky *, void *), void *arg,
                         struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_FLAKY_EACH, err);
    int more = stmt ? 0 : -1, stopped = 0;
    while (stmt && (more = ptd_store_next(store, stmt, stopped, err)) > 0) {
        struct ptd_store_flaky row = {
            .node = sqlite3_column_int64(stmt, 0),
            .name = text(stmt, 1),
            .environment = sqlite3_column_int64(stmt, 2),
            .times = sqlite3_column_int64(stmt, 3),
            .last = text(stmt, 4),
            .before = sqlite3_column_int(stmt, 5),
            .after = sqlite3_column_int(stmt, 6),
        };
        stopped = visit(&row, arg);
    }
    return more;
}

int ptd_store_each_run(struct ptd_store *store, int (*visit)(const struct ptd_store_run *, void *),
                       void *arg, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_RUN_EACH, err);
    int more = stmt ? 0 : -1, stopped = 0;
    while (stmt && (more = ptd_store_next(store, stmt, stopped, err)) > 0) {
        struct ptd_store_run row = {
            .id = sqlite3_column_int64(stmt, 0),
            .started = text(stmt, 1),
            .baseline = sqlite3_column_int(stmt, 2) != 0,
            .commit = text(stmt, 3),
            .recorded_at = (uint64_t)sqlite3_column_int64(stmt, 4),
        };
        stopped = visit(&row, arg);
    }
    return more;
}

int ptd_store_fingerprint_get(struct ptd_store *store, ptd_id id, struct ptd_fingerprint *out,
                              struct ptd_buf *blob, bool *found, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_FINGERPRINT_ONE, err);
    *found = false;
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, id);
    int rows = ptd_store_next(store, stmt, 0, err);
    *found = rows > 0;
    if (rows <= 0)
        return rows;
    ptd_buf_add(blob, sqlite3_column_blob(stmt, 2), (size_t)sqlite3_column_bytes(stmt, 2));
    *out = (struct ptd_fingerprint){
        .id = id,
        .file = sqlite3_column_int64(stmt, 0),
        .version = ptd_store_version_at(stmt, 1),
        .codes = blob->data,
        .codes_len = blob->len,
    };
    sqlite3_reset(stmt);
    return 0;
}

int ptd_store_depset_get(struct ptd_store *store, ptd_id id, struct ptd_buf *blob, bool *found,
                         struct ptd_err *err)
{
    return ptd_store_blob(store, SQL_DEPSET_ONE, id, blob, found, err);
}

const char *ptd_store_path(const struct ptd_store *store)
{
    return store->path;
}
