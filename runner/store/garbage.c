/* What no record refers to any more: mark what is in use, delete the rest. */
#include <sqlite3.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/internal.h"
#include "store/store.h"
#include "store/unsettled.h"

struct marks {
    unsigned char *bits; /* owned */
    uint64_t size;       /* ids are below it */
};

/* Room for the ids of a table; `greatest` asks for the greatest of them. */
static int make_marks(struct ptd_store *store, const char *greatest, struct marks *marks,
                      struct ptd_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(store->db, greatest, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        marks->size = (uint64_t)sqlite3_column_int64(stmt, 0) + 1;
    sqlite3_finalize(stmt);
    if (rc != SQLITE_ROW)
        return ptd_store_fail(store, err, "cannot read");
    marks->bits = ptd_xcalloc(marks->size / 8 + 1, 1);
    return 0;
}

/* Numbers beyond the table come from damage. */
static void mark(struct marks *marks, uint64_t id)
{
    if (id < marks->size)
        marks->bits[id / 8] |= (unsigned char)(1u << (id % 8));
}

static bool marked(const struct marks *marks, ptd_id id)
{
    uint64_t at = (uint64_t)id;
    return at < marks->size && (marks->bits[at / 8] >> (at % 8) & 1);
}

static void mark_all(struct marks *marks, const void *data, size_t len, bool deltas)
{
    struct ptd_reader r = ptd_reader_init(data, len);
    uint64_t id = 0;
    while (r.pos < r.end && !r.bad) {
        uint64_t value = ptd_reader_varint(&r);
        id = deltas ? id + value : value;
        mark(marks, id);
    }
}

/* Marks the ids in the blobs of column 1; with `only`, of the rows whose id (column 0) is marked
 * there. */
static int mark_from(struct ptd_store *store, const char *sql, struct marks *marks, bool deltas,
                     const struct marks *only, struct ptd_err *err)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return ptd_store_fail(store, err, "cannot read");
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        if (!only || marked(only, sqlite3_column_int64(stmt, 0)))
            mark_all(marks, sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1),
                     deltas);
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? 0 : ptd_store_fail(store, err, "cannot read");
}

static int delete_unmarked(struct ptd_store *store, const char *list, const char *drop,
                           const struct marks *marks, struct ptd_err *err)
{
    sqlite3_stmt *each = NULL, *del = NULL;
    int result = -1;
    if (sqlite3_prepare_v2(store->db, list, -1, &each, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(store->db, drop, -1, &del, NULL) != SQLITE_OK) {
        ptd_store_fail(store, err, "cannot clean up");
        goto out;
    }
    int rc;
    while ((rc = sqlite3_step(each)) == SQLITE_ROW) {
        if (marked(marks, sqlite3_column_int64(each, 0)))
            continue;
        sqlite3_bind_int64(del, 1, sqlite3_column_int64(each, 0));
        int done = sqlite3_step(del);
        sqlite3_reset(del);
        if (done != SQLITE_DONE) {
            rc = done;
            break;
        }
    }
    result = rc == SQLITE_DONE ? 0 : ptd_store_fail(store, err, "cannot clean up");
out:
    sqlite3_finalize(each);
    sqlite3_finalize(del);
    return result;
}

int ptd_store_collect_garbage(struct ptd_store *store, struct ptd_err *err)
{
    struct marks depsets = {0}, fingerprints = {0};
    int result = -1;
    if (ptd_store_unsettled_prune(store, err) == 0 &&
        make_marks(store, "SELECT ifnull(max(id), 0) FROM depset", &depsets, err) == 0 &&
        make_marks(store, "SELECT ifnull(max(id), 0) FROM fingerprint", &fingerprints, err) == 0 &&
        mark_from(store, "SELECT id, depsets FROM record", &depsets, false, NULL, err) == 0 &&
        mark_from(store, "SELECT id, sets FROM unsettled", &depsets, false, NULL, err) == 0 &&
        mark_from(store, "SELECT id, fingerprints FROM depset", &fingerprints, true, &depsets,
                  err) == 0 &&
        delete_unmarked(store, "SELECT id FROM depset", "DELETE FROM depset WHERE id = ?1",
                        &depsets, err) == 0 &&
        delete_unmarked(store, "SELECT id FROM fingerprint",
                        "DELETE FROM fingerprint WHERE id = ?1", &fingerprints, err) == 0) {
        result = 0;
        if (sqlite3_exec(store->db,
                         "DELETE FROM used_version;"
                         "INSERT INTO used_version SELECT DISTINCT file_id,"
                         " ifnull(version_id, -1) FROM fingerprint;"
                         "DELETE FROM import_call WHERE (file_id, version_id) NOT IN"
                         " (SELECT file_id, version_id FROM used_version)"
                         " OR (callee_file_id, callee_version_id) NOT IN"
                         " (SELECT file_id, version_id FROM used_version);"
                         "DELETE FROM node WHERE id NOT IN (SELECT node_id FROM record);"
                         /* kinds of data files, see store.h: each costs a look at every start */
                         "DELETE FROM file WHERE kind IN (1, 7, 8)"
                         " AND id NOT IN (SELECT file_id FROM fingerprint)"
                         " AND id NOT IN (SELECT file_id FROM node);"
                         "DELETE FROM run WHERE id NOT IN (SELECT run_id FROM record);"
                         "DELETE FROM version WHERE id NOT IN"
                         " (SELECT version_id FROM fingerprint WHERE version_id IS NOT NULL"
                         "  UNION SELECT version_id FROM file WHERE version_id IS NOT NULL)",
                         NULL, NULL, NULL) != SQLITE_OK)
            result = ptd_store_fail(store, err, "cannot clean up");
    }
    free(depsets.bits);
    free(fingerprints.bits);
    return result;
}
