#include "store/store.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "store/internal.h"

#define RECORD_COLUMNS                                                                             \
    "SELECT id, node_id, outcome, duration_us, run_id, baseline, depsets, tests, labels FROM "     \
    "record"

#define RECORD_INSERT                                                                              \
    "INSERT INTO record (environment_id, node_id, depsets, run_id, outcome,"                       \
    " duration_us, tests, labels) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"                         \
    " ON CONFLICT (node_id, environment_id, depsets) DO UPDATE SET"                                \
    " run_id = excluded.run_id, outcome = excluded.outcome,"                                       \
    " duration_us = excluded.duration_us, tests = excluded.tests, labels = excluded.labels"

static const char *const statement_text[PTD_SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [SQL_META_SET] = "INSERT INTO meta VALUES (?1, ?2)"
                     " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    [SQL_ENVIRONMENT_ADD] = "INSERT OR IGNORE INTO interpreter (name) VALUES (?1)",
    [SQL_ENVIRONMENT_GET] = "SELECT id FROM interpreter WHERE name = ?1",
    [SQL_FILES] =
        "SELECT f.id, f.path, f.kind, f.size, f.mtime, f.ctime, f.inode, f.hashed_at,"
        " f.version_id, v.hash, f.changed_at FROM file f LEFT JOIN version v ON v.id = f.version_id"
        " ORDER BY f.kind, f.path",
    [SQL_FILE_ADD] = "INSERT OR IGNORE INTO file (kind, path) VALUES (?1, ?2)",
    [SQL_FILE_GET] = "SELECT id FROM file WHERE kind = ?1 AND path = ?2",
    /* What is seen for the first time has not changed since its own time stamps. */
    [SQL_FILE_SEEN] = "UPDATE file SET size = ?2, mtime = ?3, ctime = ?4, inode = ?5,"
                      " hashed_at = ?6, version_id = ?7,"
                      " changed_at = CASE WHEN version_id IS ?7 THEN changed_at"
                      " WHEN version_id IS NULL AND changed_at = 0 THEN max(?3, ?4)"
                      " ELSE ?8 END WHERE id = ?1",
    [SQL_VERSION_ADD] = "INSERT OR IGNORE INTO version (hash) VALUES (?1)",
    [SQL_VERSION_GET] = "SELECT id, coalesce(blocks, source) IS NOT NULL"
                        " FROM version WHERE hash = ?1",
    [SQL_BLOCKS_SET] = "UPDATE version SET blocks = ?2, source = NULL WHERE id = ?1",
    [SQL_SOURCE_SET] = "UPDATE version SET source = ?2 WHERE id = ?1",
    [SQL_SOURCE_GET] = "SELECT source FROM version WHERE id = ?1",
    [SQL_BLOCKS_GET] = "SELECT blocks FROM version WHERE id = ?1",
    [SQL_CODES_SET] = "UPDATE version SET codes = ?2 WHERE id = ?1",
    [SQL_CODES_GET] = "SELECT codes FROM version WHERE id = ?1",
    [SQL_FINGERPRINT_ADD] = "INSERT INTO fingerprint (file_id, version_id, codes)"
                            " VALUES (?1, ?2, ?3)",
    [SQL_FINGERPRINT_GET] = "SELECT id FROM fingerprint"
                            " WHERE file_id = ?1 AND version_id IS ?2 AND codes = ?3",
    [SQL_USED_ADD] = "INSERT OR IGNORE INTO used_version VALUES (?1, ?2)",
    [SQL_USED_EACH] = "SELECT file_id, version_id FROM used_version",
    [SQL_FINGERPRINT_EACH] = "SELECT id, file_id, version_id, codes FROM fingerprint"
                             " WHERE file_id = ?1 AND version_id IS ?2",
    [SQL_FINGERPRINT_ALL] = "SELECT id, file_id, version_id, codes FROM fingerprint",
    [SQL_IMPORT_CALL_GET] = "SELECT calls FROM import_call WHERE file_id = ?1 AND version_id = ?2"
                            " AND callee_file_id = ?3 AND callee_version_id = ?4",
    [SQL_IMPORT_CALL_PUT] = "INSERT OR REPLACE INTO import_call VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_IMPORT_CALL_EACH] = "SELECT * FROM import_call",
    [SQL_DEPSET_ADD] = "INSERT INTO depset (hash, fingerprints) VALUES (?1, ?2)",
    [SQL_DEPSET_GET] = "SELECT id FROM depset WHERE hash = ?1",
    [SQL_DEPSET_EACH] = "SELECT id, fingerprints FROM depset",
    [SQL_NODE_ADD] = "INSERT OR IGNORE INTO node (is_file, name, file_id) VALUES (?1, ?2, ?3)",
    [SQL_NODE_GET] = "SELECT id FROM node WHERE is_file = ?1 AND name = ?2",
    [SQL_NODE_EACH] = "SELECT id, name, file_id, is_file FROM node",
    [SQL_RUN_ADD] = "INSERT INTO run (baseline, git_commit, recorded_at) VALUES (?1, ?2, ?3)",
    [SQL_RECORD_PUT] = RECORD_INSERT,
    [SQL_RECORD_PRUNE] = "DELETE FROM record WHERE baseline = 0 AND id IN (SELECT id FROM"
                         " (SELECT id, row_number() OVER (PARTITION BY node_id"
                         " ORDER BY run_id DESC, id DESC) AS place FROM record"
                         " WHERE environment_id = ?1 AND node_id IN"
                         " (SELECT node_id FROM record WHERE run_id = ?3)) WHERE place > ?2)",
    [SQL_RECORD_EACH] = RECORD_COLUMNS " WHERE environment_id = ?1"
                                       " ORDER BY node_id, run_id DESC, id DESC",
    [SQL_BASELINE_CLEAR] = "UPDATE record SET baseline = 0"
                           " WHERE environment_id = ?1 AND baseline = 1",
    [SQL_BASELINE_SET] = "UPDATE record SET baseline = 1 WHERE id = ?1",
    [SQL_LABEL_ADD] = "INSERT INTO label (name) VALUES (?1)",
    [SQL_LABEL_GET] = "SELECT id FROM label WHERE name = ?1",
    [SQL_LABEL_EACH] = "SELECT id, name FROM label",
    [SQL_IMPORTS_SET] = "INSERT OR REPLACE INTO imports VALUES (?1, ?2, ?3)",
    [SQL_IMPORTS_EACH] = "SELECT file_id, imported, entered FROM imports",
    [SQL_FLAKY_ADD] = "INSERT INTO flaky VALUES (?1, ?2, 1, CURRENT_TIMESTAMP, ?3, ?4)"
                      " ON CONFLICT (node_id, environment_id) DO UPDATE SET times = times + 1,"
                      " last = excluded.last, outcome_before = excluded.outcome_before,"
                      " outcome_after = excluded.outcome_after",
    [SQL_FLAKY_EACH] = "SELECT f.node_id, n.name, f.environment_id, f.times, f.last,"
                       " f.outcome_before, f.outcome_after FROM flaky f"
                       " JOIN node n ON n.id = f.node_id ORDER BY n.name",
    [SQL_RUN_EACH] = "SELECT id, started, baseline, git_commit, recorded_at FROM run ORDER BY id",
    [SQL_ENVIRONMENT_EACH] = "SELECT id, name FROM interpreter ORDER BY name",
    [SQL_FINGERPRINT_ONE] = "SELECT file_id, version_id, codes FROM fingerprint WHERE id = ?1",
    [SQL_RECORD_ONE] = RECORD_COLUMNS " WHERE id = ?1",
    [SQL_VERSION_EACH] = "SELECT id, hash FROM version",
    [SQL_FILE_PUT] = "UPDATE file SET size = ?2, mtime = ?3, ctime = ?4, inode = ?5,"
                     " hashed_at = ?6, version_id = ?7, changed_at = ?8 WHERE id = ?1",
    [SQL_RUN_PUT] = "INSERT INTO run (id, started, baseline, git_commit, recorded_at)"
                    " VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_RECORD_OFFER] = RECORD_INSERT " WHERE excluded.run_id > record.run_id",
    [SQL_UNSETTLED_ADD] = "INSERT OR IGNORE INTO unsettled (run_id, depset_id, hash, sets, session)"
                          " VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_UNSETTLED_EACH] = "SELECT id, run_id, depset_id, sets, session FROM unsettled ORDER BY id",
    [SQL_UNSETTLED_ANY] = "SELECT id FROM unsettled LIMIT 1",
    [SQL_UNSETTLED_DROP] = "DELETE FROM unsettled WHERE id = ?1",
    [SQL_UNSETTLED_PRUNE] = "DELETE FROM unsettled WHERE NOT EXISTS"
                            " (SELECT 1 FROM record WHERE record.run_id = unsettled.run_id)",
    [SQL_RECORD_SETTLE] = "UPDATE record SET depsets = ?2, labels = ?3 WHERE id = ?1",
    [SQL_RECORD_DROP] = "DELETE FROM record WHERE id = ?1",
    [SQL_RECORD_FIND] = "SELECT id FROM record WHERE node_id = ?1 AND environment_id = ?2"
                        " AND depsets = ?3",
    [SQL_BASELINE_DROP] = "UPDATE record SET baseline = 0"
                          " WHERE node_id = ?1 AND environment_id = ?2 AND baseline = 1",
    [SQL_FLAKY_PUT] = "INSERT INTO flaky VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                      " ON CONFLICT (node_id, environment_id) DO UPDATE SET"
                      " times = max(times, excluded.times), last = max(last, excluded.last),"
                      " outcome_before = CASE WHEN excluded.last > last"
                      " THEN excluded.outcome_before ELSE outcome_before END,"
                      " outcome_after = CASE WHEN excluded.last > last"
                      " THEN excluded.outcome_after ELSE outcome_after END",
    [SQL_PRUNE_ALL] = "DELETE FROM record WHERE baseline = 0 AND id IN (SELECT id FROM"
                      " (SELECT id, row_number() OVER (PARTITION BY node_id, environment_id"
                      " ORDER BY run_id DESC, id DESC) AS place FROM record) WHERE place > ?1)",
    [SQL_DEPSET_ONE] = "SELECT fingerprints FROM depset WHERE id = ?1",
};

int ptd_store_fail(struct ptd_store *store, struct ptd_err *err, const char *what)
{
    int code = sqlite3_extended_errcode(store->db);
    if (!err)
        return -1;
    ptd_err_set(err, PTD_E_STORE, "%s: %s: %s", store->path, what, sqlite3_errmsg(store->db));
    /* A reference to a row that is not there is damage as well: we delete none that is in use. */
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB ||
        (code & 0xff) == SQLITE_CONSTRAINT)
        err->sys_errno = EBADMSG;
    if ((code & 0xff) == SQLITE_BUSY)
        ptd_err_hint(err, "another pyt-diff is writing to it; wait for it to finish");
    else if ((code & 0xff) == SQLITE_FULL)
        ptd_err_hint(err, "the disk is full; free some space, the results are kept until then");
    return -1;
}

sqlite3_stmt *ptd_store_prepare(struct ptd_store *store, enum ptd_sql which, struct ptd_err *err)
{
    if (!store->statements[which] &&
        sqlite3_prepare_v3(store->db, statement_text[which], -1, SQLITE_PREPARE_PERSISTENT,
                           &store->statements[which], NULL) != SQLITE_OK) {
        ptd_store_fail(store, err, "cannot prepare a statement");
        return NULL;
    }
    return store->statements[which];
}

static sqlite3_int64 now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (sqlite3_int64)t.tv_sec * 1000000000 + t.tv_nsec;
}

int ptd_store_run(struct ptd_store *store, sqlite3_stmt *stmt, struct ptd_err *err,
                  const char *what)
{
    int rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        return ptd_store_fail(store, err, what);
    return 0;
}

int ptd_store_next(struct ptd_store *store, sqlite3_stmt *stmt, int stopped, struct ptd_err *err)
{
    int rc = stopped ? SQLITE_DONE : sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return 1;
    sqlite3_reset(stmt);
    if (stopped)
        return -1;
    return rc == SQLITE_DONE ? 0 : ptd_store_fail(store, err, "cannot read");
}

int ptd_store_look_up(struct ptd_store *store, sqlite3_stmt *stmt, ptd_id *out, struct ptd_err *err)
{
    int found = ptd_store_next(store, stmt, 0, err);
    if (found > 0) {
        *out = sqlite3_column_int64(stmt, 0);
        sqlite3_reset(stmt);
    }
    return found;
}

int ptd_store_begin(struct ptd_store *store, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_BEGIN, err);
    return stmt ? ptd_store_run(store, stmt, err, "cannot write") : -1;
}

/* Has no effect while a transaction is open. */
static int check_references(struct ptd_store *store, bool check, struct ptd_err *err)
{
    if (sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_FKEY, (int)check, NULL) != SQLITE_OK)
        return ptd_store_fail(store, err, "cannot write");
    store->unchecked = !check;
    return 0;
}

int ptd_store_begin_bulk(struct ptd_store *store, struct ptd_err *err)
{
    if (check_references(store, false, err) < 0)
        return -1;
    if (ptd_store_begin(store, err) == 0)
        return 0;
    check_references(store, true, NULL);
    return -1;
}

int ptd_store_begin_read(struct ptd_store *store, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_BEGIN_READ, err);
    return stmt ? ptd_store_run(store, stmt, err, "cannot read") : -1;
}

int ptd_store_commit(struct ptd_store *store, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_COMMIT, err);
    if (!stmt || ptd_store_run(store, stmt, err, "cannot write") < 0)
        return -1;
    return store->unchecked ? check_references(store, true, err) : 0;
}

void ptd_store_rollback(struct ptd_store *store)
{
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    if (store->unchecked)
        check_references(store, true, NULL);
}

int ptd_store_meta_get(struct ptd_store *store, const char *key, char **value, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_META_GET, err);
    *value = NULL;
    if (!stmt)
        return -1;
    sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *value = ptd_xstrdup((const char *)sqlite3_column_text(stmt, 0));
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : ptd_store_fail(store, err, "cannot read");
}

int ptd_store_meta_set(struct ptd_store *store, const char *key, const char *value,
                       struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_META_SET, err);
    if (!stmt)
        return -1;
    sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, value, -1, SQLITE_STATIC);
    return ptd_store_run(store, stmt, err, "cannot write");
}

int ptd_store_environment(struct ptd_store *store, const char *name, ptd_id *out,
                          struct ptd_err *err)
{
    sqlite3_stmt *get = ptd_store_prepare(store, SQL_ENVIRONMENT_GET, err);
    if (!get)
        return -1;
    sqlite3_bind_text(get, 1, name, -1, SQLITE_STATIC);
    int found = ptd_store_look_up(store, get, out, err);
    if (found)
        return found < 0 ? -1 : 0;
    *out = 0;
    if (store->read_only)
        return 0;
    sqlite3_stmt *add = ptd_store_prepare(store, SQL_ENVIRONMENT_ADD, err);
    if (!add)
        return -1;
    sqlite3_bind_text(add, 1, name, -1, SQLITE_STATIC);
    if (ptd_store_run(store, add, err, "cannot write") < 0)
        return -1;
    return ptd_store_look_up(store, get, out, err) < 0 ? -1 : 0;
}

int ptd_store_files(struct ptd_store *store, struct ptd_store_files *out, struct ptd_err *err)
{
    *out = (struct ptd_store_files){0};
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_FILES, err);
    if (!stmt)
        return -1;
    size_t cap = 0;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        out->items = ptd_xgrow(out->items, &cap, out->count + 1, sizeof(*out->items));
        struct ptd_store_file *f = &out->items[out->count++];
        *f = (struct ptd_store_file){
            .id = sqlite3_column_int64(stmt, 0),
            .path = (const char *)(uintptr_t)out->strings.len, /* made a pointer below */
            .kind = (enum ptd_file_kind)sqlite3_column_int(stmt, 2),
            .hashed_at = (uint64_t)sqlite3_column_int64(stmt, 7),
            .version = sqlite3_column_int64(stmt, 8),
        };
        ptd_buf_add(&out->strings, sqlite3_column_text(stmt, 1),
                    (size_t)sqlite3_column_bytes(stmt, 1) + 1);
        for (int i = 0; i < 4; i++)
            f->sig[i] = (uint64_t)sqlite3_column_int64(stmt, 3 + i);
        f->changed_at = (uint64_t)sqlite3_column_int64(stmt, 10);
        if (sqlite3_column_bytes(stmt, 9) == (int)sizeof(f->hash))
            memcpy(&f->hash, sqlite3_column_blob(stmt, 9), sizeof(f->hash));
    }
    sqlite3_reset(stmt);
    if (rc != SQLITE_DONE) {
        ptd_store_files_release(out);
        return ptd_store_fail(store, err, "cannot read");
    }
    for (size_t i = 0; i < out->count; i++)
        out->items[i].path = out->strings.data + (uintptr_t)out->items[i].path;
    return 0;
}

void ptd_store_files_release(struct ptd_store_files *files)
{
    free(files->items);
    ptd_buf_release(&files->strings);
    *files = (struct ptd_store_files){0};
}

int ptd_store_count_files(struct ptd_store *store, size_t *sources, size_t *others,
                          struct ptd_err *err)
{
    struct ptd_store_files files;
    *sources = *others = 0;
    if (ptd_store_files(store, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.count; i++) {
        *sources += files.items[i].kind == PTD_FILE_SOURCE && files.items[i].version;
        *others += files.items[i].kind == PTD_FILE_OPAQUE && files.items[i].version;
    }
    ptd_store_files_release(&files);
    return 0;
}

int ptd_store_file(struct ptd_store *store, enum ptd_file_kind kind, const char *path, ptd_id *out,
                   struct ptd_err *err)
{
    sqlite3_stmt *get = ptd_store_prepare(store, SQL_FILE_GET, err);
    sqlite3_stmt *add = ptd_store_prepare(store, SQL_FILE_ADD, err);
    if (!get || !add)
        return -1;
    sqlite3_bind_int(add, 1, (int)kind);
    sqlite3_bind_text(add, 2, path, -1, SQLITE_STATIC);
    if (ptd_store_run(store, add, err, "cannot write") < 0)
        return -1;
    *out = sqlite3_last_insert_rowid(store->db);
    if (sqlite3_changes(store->db) > 0)
        return 0;
    /* Those that are known are seldom asked for. */
    sqlite3_bind_int(get, 1, (int)kind);
    sqlite3_bind_text(get, 2, path, -1, SQLITE_STATIC);
    int found = ptd_store_look_up(store, get, out, err);
    return found > 0 ? 0 : found < 0 ? -1 : ptd_store_fail(store, err, "cannot read");
}

int ptd_store_file_seen(struct ptd_store *store, ptd_id file, const uint64_t sig[4],
                        uint64_t hashed_at, ptd_id version, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_FILE_SEEN, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, file);
    for (int i = 0; i < 4; i++)
        sqlite3_bind_int64(stmt, 2 + i, (sqlite3_int64)sig[i]);
    sqlite3_bind_int64(stmt, 6, (sqlite3_int64)hashed_at);
    if (version)
        sqlite3_bind_int64(stmt, 7, version);
    else
        sqlite3_bind_null(stmt, 7);
    sqlite3_bind_int64(stmt, 8, now_ns());
    return ptd_store_run(store, stmt, err, "cannot write");
}

int ptd_store_version(struct ptd_store *store, const struct ptd_hash128 *hash, bool make,
                      ptd_id *out, bool *parsed, struct ptd_err *err)
{
    sqlite3_stmt *get = ptd_store_prepare(store, SQL_VERSION_GET, err);
    sqlite3_stmt *add = ptd_store_prepare(store, SQL_VERSION_ADD, err);
    if (!get || !add)
        return -1;
    sqlite3_bind_blob(get, 1, hash->bytes, sizeof(hash->bytes), SQLITE_STATIC);
    int rc = sqlite3_step(get);
    if (rc == SQLITE_ROW) {
        *out = sqlite3_column_int64(get, 0);
        *parsed = sqlite3_column_int(get, 1) != 0;
    }
    sqlite3_reset(get);
    if (rc == SQLITE_ROW)
        return 0;
    if (rc != SQLITE_DONE)
        return ptd_store_fail(store, err, "cannot read");
    *parsed = false;
    *out = -2;
    if (!make)
        return 0;
    sqlite3_bind_blob(add, 1, hash->bytes, sizeof(hash->bytes), SQLITE_STATIC);
    if (ptd_store_run(store, add, err, "cannot write") < 0)
        return -1;
    *out = sqlite3_last_insert_rowid(store->db);
    return 0;
}

static int set_blob(struct ptd_store *store, enum ptd_sql which, ptd_id version, const void *data,
                    size_t len, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, which, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, version);
    sqlite3_bind_blob64(stmt, 2, len ? data : "", len, SQLITE_STATIC);
    return ptd_store_run(store, stmt, err, "cannot write");
}

int ptd_store_blob(struct ptd_store *store, enum ptd_sql which, ptd_id id, struct ptd_buf *out,
                   bool *found, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, which, err);
    *found = false;
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, id);
    int rows = ptd_store_next(store, stmt, 0, err);
    if (rows <= 0)
        return rows;
    *found = sqlite3_column_type(stmt, 0) == SQLITE_BLOB;
    if (*found)
        ptd_buf_add(out, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0));
    sqlite3_reset(stmt);
    return 0;
}

int ptd_store_set_blocks(struct ptd_store *store, ptd_id version, const void *data, size_t len,
                         struct ptd_err *err)
{
    return set_blob(store, SQL_BLOCKS_SET, version, data, len, err);
}

int ptd_store_get_blocks(struct ptd_store *store, ptd_id version, struct ptd_buf *out, bool *found,
                         struct ptd_err *err)
{
    return ptd_store_blob(store, SQL_BLOCKS_GET, version, out, found, err);
}

int ptd_store_set_source(struct ptd_store *store, ptd_id version, const void *data, size_t len,
                         struct ptd_err *err)
{
    return set_blob(store, SQL_SOURCE_SET, version, data, len, err);
}

int ptd_store_get_source(struct ptd_store *store, ptd_id version, struct ptd_buf *out, bool *found,
                         struct ptd_err *err)
{
    return ptd_store_blob(store, SQL_SOURCE_GET, version, out, found, err);
}

int ptd_store_set_codes(struct ptd_store *store, ptd_id version, const void *data, size_t len,
                        struct ptd_err *err)
{
    return set_blob(store, SQL_CODES_SET, version, data, len, err);
}

int ptd_store_get_codes(struct ptd_store *store, ptd_id version, struct ptd_buf *out,
                        struct ptd_err *err)
{
    bool found;
    return ptd_store_blob(store, SQL_CODES_GET, version, out, &found, err);
}

bool ptd_store_is_writing(const struct ptd_store *store)
{
    return sqlite3_txn_state(store->db, "main") == SQLITE_TXN_WRITE;
}

static void bind_version(sqlite3_stmt *stmt, int at, ptd_id version)
{
    if (version == PTD_VERSION_UNKNOWN)
        sqlite3_bind_null(stmt, at);
    else
        sqlite3_bind_int64(stmt, at, version);
}

ptd_id ptd_store_version_at(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? PTD_VERSION_UNKNOWN
                                                            : sqlite3_column_int64(stmt, column);
}

int ptd_store_fingerprint(struct ptd_store *store, ptd_id file, ptd_id version, const void *codes,
                          size_t len, ptd_id *out, struct ptd_err *err)
{
    sqlite3_stmt *get = ptd_store_prepare(store, SQL_FINGERPRINT_GET, err);
    sqlite3_stmt *add = ptd_store_prepare(store, SQL_FINGERPRINT_ADD, err);
    sqlite3_stmt *used = ptd_store_prepare(store, SQL_USED_ADD, err);
    if (!get || !add || !used)
        return -1;
    sqlite3_bind_int64(get, 1, file);
    bind_version(get, 2, version);
    sqlite3_bind_blob64(get, 3, len ? codes : "", len, SQLITE_STATIC);
    int found = ptd_store_look_up(store, get, out, err);
    if (found)
        return found < 0 ? -1 : 0;
    sqlite3_bind_int64(add, 1, file);
    bind_version(add, 2, version);
    sqlite3_bind_blob64(add, 3, len ? codes : "", len, SQLITE_STATIC);
    if (ptd_store_run(store, add, err, "cannot write") < 0)
        return -1;
    *out = sqlite3_last_insert_rowid(store->db);
    sqlite3_bind_int64(used, 1, file);
    sqlite3_bind_int64(used, 2, version);
    return ptd_store_run(store, used, err, "cannot write");
}

int ptd_store_depset(struct ptd_store *store, const void *fingerprints, size_t len, ptd_id *out,
                     struct ptd_err *err)
{
    sqlite3_stmt *get = ptd_store_prepare(store, SQL_DEPSET_GET, err);
    sqlite3_stmt *add = ptd_store_prepare(store, SQL_DEPSET_ADD, err);
    if (!get || !add)
        return -1;
    struct ptd_hash128 hash = ptd_hash128(fingerprints, len);
    sqlite3_bind_blob(get, 1, hash.bytes, sizeof(hash.bytes), SQLITE_STATIC);
    int found = ptd_store_look_up(store, get, out, err);
    if (found)
        return found < 0 ? -1 : 0;
    sqlite3_bind_blob(add, 1, hash.bytes, sizeof(hash.bytes), SQLITE_STATIC);
    sqlite3_bind_blob64(add, 2, len ? fingerprints : "", len, SQLITE_STATIC);
    if (ptd_store_run(store, add, err, "cannot write") < 0)
        return -1;
    *out = sqlite3_last_insert_rowid(store->db);
    return 0;
}

int ptd_store_node(struct ptd_store *store, const char *name, ptd_id file, bool is_file,
                   ptd_id *out, struct ptd_err *err)
{
    sqlite3_stmt *get = ptd_store_prepare(store, SQL_NODE_GET, err);
    sqlite3_stmt *add = ptd_store_prepare(store, SQL_NODE_ADD, err);
    if (!get || !add)
        return -1;
    sqlite3_bind_int(get, 1, is_file);
    sqlite3_bind_text(get, 2, name, -1, SQLITE_STATIC);
    int found = ptd_store_look_up(store, get, out, err);
    if (found)
        return found < 0 ? -1 : 0;
    sqlite3_bind_int(add, 1, is_file);
    sqlite3_bind_text(add, 2, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 3, file);
    if (ptd_store_run(store, add, err, "cannot write") < 0)
        return -1;
    *out = sqlite3_last_insert_rowid(store->db);
    return 0;
}

int ptd_store_run_start(struct ptd_store *store, bool baseline, const char *commit, ptd_id *out,
                        struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_RUN_ADD, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int(stmt, 1, baseline);
    sqlite3_bind_text(stmt, 2, commit, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, now_ns());
    if (ptd_store_run(store, stmt, err, "cannot write") < 0)
        return -1;
    *out = sqlite3_last_insert_rowid(store->db);
    return 0;
}

void ptd_store_bind_record(sqlite3_stmt *put, ptd_id environment, const struct ptd_record *record)
{
    sqlite3_bind_int64(put, 1, environment);
    sqlite3_bind_int64(put, 2, record->node);
    sqlite3_bind_blob64(put, 3, record->depsets_len ? record->depsets : "", record->depsets_len,
                        SQLITE_STATIC);
    sqlite3_bind_int64(put, 4, record->run);
    sqlite3_bind_int(put, 5, record->outcome);
    sqlite3_bind_int64(put, 6, (sqlite3_int64)record->duration_us);
    if (record->tests)
        sqlite3_bind_blob64(put, 7, record->tests, record->tests_len, SQLITE_STATIC);
    else
        sqlite3_bind_null(put, 7);
    if (record->labels)
        sqlite3_bind_blob64(put, 8, record->labels, record->labels_len, SQLITE_STATIC);
    else
        sqlite3_bind_null(put, 8);
}

int ptd_store_record(struct ptd_store *store, ptd_id environment, const struct ptd_record *record,
                     struct ptd_err *err)
{
    sqlite3_stmt *put = ptd_store_prepare(store, SQL_RECORD_PUT, err);
    if (!put)
        return -1;
    ptd_store_bind_record(put, environment, record);
    return ptd_store_run(store, put, err, "cannot write");
}

int ptd_store_prune(struct ptd_store *store, ptd_id environment, ptd_id run_id, struct ptd_err *err)
{
    if (run_id <= PTD_RECORDS_KEPT) /* one record per run at most */
        return 0;
    sqlite3_stmt *prune = ptd_store_prepare(store, SQL_RECORD_PRUNE, err);
    if (!prune)
        return -1;
    sqlite3_bind_int64(prune, 1, environment);
    sqlite3_bind_int(prune, 2, PTD_RECORDS_KEPT);
    sqlite3_bind_int64(prune, 3, run_id);
    return ptd_store_run(store, prune, err, "cannot write");
}

int ptd_store_set_baseline(struct ptd_store *store, ptd_id environment, const ptd_id *records,
                           size_t count, struct ptd_err *err)
{
    sqlite3_stmt *clear = ptd_store_prepare(store, SQL_BASELINE_CLEAR, err);
    sqlite3_stmt *set = ptd_store_prepare(store, SQL_BASELINE_SET, err);
    if (!clear || !set)
        return -1;
    sqlite3_bind_int64(clear, 1, environment);
    if (ptd_store_run(store, clear, err, "cannot write") < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        sqlite3_bind_int64(set, 1, records[i]);
        if (ptd_store_run(store, set, err, "cannot write") < 0)
            return -1;
    }
    return 0;
}

int ptd_store_each_node(struct ptd_store *store,
                        int (*visit)(const struct ptd_store_node *, void *), void *arg,
                        struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_NODE_EACH, err);
    if (!stmt)
        return -1;
    int more, stopped = 0;
    while ((more = ptd_store_next(store, stmt, stopped, err)) > 0) {
        struct ptd_store_node node = {
            .id = sqlite3_column_int64(stmt, 0),
            .name = (const char *)sqlite3_column_text(stmt, 1),
            .file = sqlite3_column_int64(stmt, 2),
            .is_file = sqlite3_column_int(stmt, 3) != 0,
        };
        stopped = visit(&node, arg);
    }
    return more;
}

/* Rows with the columns of RECORD_COLUMNS. */
static int visit_records(struct ptd_store *store, sqlite3_stmt *stmt,
                         int (*visit)(const struct ptd_record *, void *), void *arg,
                         struct ptd_err *err)
{
    int more, stopped = 0;
    while ((more = ptd_store_next(store, stmt, stopped, err)) > 0) {
        struct ptd_record record = {
            .id = sqlite3_column_int64(stmt, 0),
            .node = sqlite3_column_int64(stmt, 1),
            .outcome = sqlite3_column_int(stmt, 2),
            .duration_us = (uint64_t)sqlite3_column_int64(stmt, 3),
            .run = sqlite3_column_int64(stmt, 4),
            .baseline = sqlite3_column_int(stmt, 5) != 0,
            .depsets = sqlite3_column_blob(stmt, 6),
            .depsets_len = (size_t)sqlite3_column_bytes(stmt, 6),
            .tests = sqlite3_column_blob(stmt, 7),
            .tests_len = (size_t)sqlite3_column_bytes(stmt, 7),
            .labels = sqlite3_column_blob(stmt, 8),
            .labels_len = (size_t)sqlite3_column_bytes(stmt, 8),
        };
        stopped = visit(&record, arg);
    }
    return more;
}

int ptd_store_each_record(struct ptd_store *store, ptd_id environment,
                          int (*visit)(const struct ptd_record *, void *), void *arg,
                          struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_RECORD_EACH, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, environment);
    return visit_records(store, stmt, visit, arg, err);
}

int ptd_store_record_get(struct ptd_store *store, ptd_id id,
                         int (*visit)(const struct ptd_record *, void *), void *arg,
                         struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_RECORD_ONE, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, id);
    return visit_records(store, stmt, visit, arg, err);
}

int ptd_store_each_used_version(struct ptd_store *store, int (*visit)(ptd_id, ptd_id, void *),
                                void *arg, struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_USED_EACH, err);
    if (!stmt)
        return -1;
    int more, stopped = 0;
    while ((more = ptd_store_next(store, stmt, stopped, err)) > 0)
        stopped = visit(sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1), arg);
    return more;
}

/* Rows of id, file, version and code objects. */
static int each_fingerprint(struct ptd_store *store, sqlite3_stmt *stmt,
                            int (*visit)(const struct ptd_fingerprint *, void *), void *arg,
                            struct ptd_err *err)
{
    int more, stopped = 0;
    while ((more = ptd_store_next(store, stmt, stopped, err)) > 0) {
        struct ptd_fingerprint fp = {
            .id = sqlite3_column_int64(stmt, 0),
            .file = sqlite3_column_int64(stmt, 1),
            .version = ptd_store_version_at(stmt, 2),
            .codes = sqlite3_column_blob(stmt, 3),
            .codes_len = (size_t)sqlite3_column_bytes(stmt, 3),
        };
        stopped = visit(&fp, arg);
    }
    return more;
}

int ptd_store_each_fingerprint(struct ptd_store *store, ptd_id file, ptd_id version,
                               int (*visit)(const struct ptd_fingerprint *, void *), void *arg,
                               struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_FINGERPRINT_EACH, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, file);
    bind_version(stmt, 2, version);
    return each_fingerprint(store, stmt, visit, arg, err);
}

int ptd_store_every_fingerprint(struct ptd_store *store,
                                int (*visit)(const struct ptd_fingerprint *, void *), void *arg,
                                struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_FINGERPRINT_ALL, err);
    return stmt ? each_fingerprint(store, stmt, visit, arg, err) : -1;
}

int ptd_store_each_depset(struct ptd_store *store,
                          int (*visit)(ptd_id, const void *, size_t, void *), void *arg,
                          struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_DEPSET_EACH, err);
    if (!stmt)
        return -1;
    int more, stopped = 0;
    while ((more = ptd_store_next(store, stmt, stopped, err)) > 0)
        stopped = visit(sqlite3_column_int64(stmt, 0), sqlite3_column_blob(stmt, 1),
                        (size_t)sqlite3_column_bytes(stmt, 1), arg);
    return more;
}
