#include "store/unsettled.h"

#include <sqlite3.h>

#include "store/internal.h"

static void bind_blob(sqlite3_stmt *stmt, int at, const void *data, size_t len)
{
    sqlite3_bind_blob64(stmt, at, len ? data : "", len, SQLITE_STATIC);
}

int ptd_store_unsettled_add(struct ptd_store *store, const struct ptd_store_unsettled *row,
                            struct ptd_err *err)
{
    sqlite3_stmt *add = ptd_store_prepare(store, SQL_UNSETTLED_ADD, err);
    if (!add)
        return -1;
    struct ptd_hash128 hash = ptd_hash128(row->session, row->session_len);
    sqlite3_bind_int64(add, 1, row->run);
    sqlite3_bind_int64(add, 2, row->depset);
    bind_blob(add, 3, &hash, sizeof(hash));
    bind_blob(add, 4, row->sets, row->sets_len);
    bind_blob(add, 5, row->session, row->session_len);
    return ptd_store_run(store, add, err, "cannot write");
}

int ptd_store_each_unsettled(struct ptd_store *store,
                             int (*visit)(const struct ptd_store_unsettled *, void *), void *arg,
                             struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_UNSETTLED_EACH, err);
    int more = stmt ? 0 : -1, stopped = 0;
    while (stmt && (more = ptd_store_next(store, stmt, stopped, err)) > 0) {
        struct ptd_store_unsettled row = {
            .id = sqlite3_column_int64(stmt, 0),
            .run = sqlite3_column_int64(stmt, 1),
            .depset = sqlite3_column_int64(stmt, 2),
            .sets = sqlite3_column_blob(stmt, 3),
            .sets_len = (size_t)sqlite3_column_bytes(stmt, 3),
            .session = sqlite3_column_blob(stmt, 4),
            .session_len = (size_t)sqlite3_column_bytes(stmt, 4),
        };
        stopped = visit(&row, arg);
    }
    return more;
}

int ptd_store_unsettled_any(struct ptd_store *store, bool *any, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_UNSETTLED_ANY, err);
    ptd_id id = 0;
    int found = stmt ? ptd_store_look_up(store, stmt, &id, err) : -1;
    *any = found > 0;
    return found < 0 ? -1 : 0;
}

static int run_with_id(struct ptd_store *store, enum ptd_sql which, ptd_id id, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, which, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, id);
    return ptd_store_run(store, stmt, err, "cannot write");
}

int ptd_store_unsettled_drop(struct ptd_store *store, ptd_id id, struct ptd_err *err)
{
    return run_with_id(store, SQL_UNSETTLED_DROP, id, err);
}

int ptd_store_unsettled_prune(struct ptd_store *store, struct ptd_err *err)
{
    sqlite3_stmt *prune = ptd_store_prepare(store, SQL_UNSETTLED_PRUNE, err);
    return prune ? ptd_store_run(store, prune, err, "cannot write") : -1;
}

/* What is to be known of two records that become one. */
struct twin {
    ptd_id run;
    bool baseline;
};

static int see_twin(const struct ptd_record *record, void *arg)
{
    *(struct twin *)arg = (struct twin){record->run, record->baseline};
    return 0;
}

/* One of two records with the same dependencies goes; *kept: the one of the later run. */
static int unite(struct ptd_store *store, ptd_id id, ptd_id other, ptd_id *kept,
                 struct ptd_err *err)
{
    struct twin one = {0}, two = {0};
    if (ptd_store_record_get(store, id, see_twin, &one, err) < 0 ||
        ptd_store_record_get(store, other, see_twin, &two, err) < 0)
        return -1;
    *kept = two.run > one.run ? other : id;
    if (run_with_id(store, SQL_RECORD_DROP, *kept == id ? other : id, err) < 0)
        return -1;
    bool lost = (*kept == id ? two : one).baseline;
    return lost ? run_with_id(store, SQL_BASELINE_SET, *kept, err) : 0;
}

int ptd_store_record_settle(struct ptd_store *store, ptd_id environment,
                            const struct ptd_record *record, struct ptd_err *err)
{
    sqlite3_stmt *find = ptd_store_prepare(store, SQL_RECORD_FIND, err);
    ptd_id other = 0, kept = record->id;
    if (!find)
        return -1;
    sqlite3_bind_int64(find, 1, record->node);
    sqlite3_bind_int64(find, 2, environment);
    bind_blob(find, 3, record->depsets, record->depsets_len);
    if (ptd_store_look_up(store, find, &other, err) < 0 ||
        (other && other != record->id && unite(store, record->id, other, &kept, err) < 0))
        return -1;
    if (kept != record->id)
        return 0;
    sqlite3_stmt *settle = ptd_store_prepare(store, SQL_RECORD_SETTLE, err);
    if (!settle)
        return -1;
    sqlite3_bind_int64(settle, 1, record->id);
    bind_blob(settle, 2, record->depsets, record->depsets_len);
    bind_blob(settle, 3, record->labels, record->labels_len);
    return ptd_store_run(store, settle, err, "cannot write");
}
