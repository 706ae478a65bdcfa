#include "store/transplant.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "store/internal.h"
#include "store/schema.h"

int ptd_store_each_version(struct ptd_store *store,
                           int (*visit)(ptd_id, const struct ptd_hash128 *, void *), void *arg,
                           struct ptd_err *err)
{
    sqlite3_stmt *stmt = ptd_store_prepare(store, SQL_VERSION_EACH, err);
    int more = stmt ? 0 : -1, stopped = 0;
    while (stmt && (more = ptd_store_next(store, stmt, stopped, err)) > 0) {
        struct ptd_hash128 hash;
        if (sqlite3_column_bytes(stmt, 1) != (int)sizeof(hash))
            continue; /* what refers to it is found to be damaged */
        memcpy(&hash, sqlite3_column_blob(stmt, 1), sizeof(hash));
        stopped = visit(sqlite3_column_int64(stmt, 0), &hash, arg);
    }
    return more;
}

int ptd_store_file_put(struct ptd_store *store, const struct ptd_store_file *file,
                       struct ptd_err *err)
{
    sqlite3_stmt *put = ptd_store_prepare(store, SQL_FILE_PUT, err);
    if (!put)
        return -1;
    sqlite3_bind_int64(put, 1, file->id);
    for (int i = 0; i < 4; i++)
        sqlite3_bind_int64(put, 2 + i, (sqlite3_int64)file->sig[i]);
    sqlite3_bind_int64(put, 6, (sqlite3_int64)file->hashed_at);
    if (file->version)
        sqlite3_bind_int64(put, 7, file->version);
    else
        sqlite3_bind_null(put, 7);
    sqlite3_bind_int64(put, 8, (sqlite3_int64)file->changed_at);
    return ptd_store_run(store, put, err, "cannot write");
}

int ptd_store_run_put(struct ptd_store *store, const struct ptd_store_run *run, struct ptd_err *err)
{
    sqlite3_stmt *put = ptd_store_prepare(store, SQL_RUN_PUT, err);
    if (!put)
        return -1;
    sqlite3_bind_int64(put, 1, run->id);
    sqlite3_bind_text(put, 2, run->started, -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 3, run->baseline);
    sqlite3_bind_text(put, 4, run->commit, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 5, (sqlite3_int64)run->recorded_at);
    return ptd_store_run(store, put, err, "cannot write");
}

int ptd_store_runs_shift(struct ptd_store *store, ptd_id by, struct ptd_err *err)
{
    char sql[512];
    /* By way of the negative numbers: two rows may not have one id even for a moment. */
    snprintf(sql, sizeof(sql),
             "PRAGMA defer_foreign_keys = ON; UPDATE record SET run_id = run_id + %lld;"
             "UPDATE run SET id = -(id + %lld); UPDATE run SET id = -id;"
             "UPDATE unsettled SET run_id = -(run_id + %lld);"
             "UPDATE unsettled SET run_id = -run_id",
             (long long)by, (long long)by, (long long)by);
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return ptd_store_fail(store, err, "cannot write");
    return 0;
}

int ptd_store_record_offer(struct ptd_store *store, ptd_id environment,
                           const struct ptd_record *record, ptd_id *id, struct ptd_err *err)
{
    sqlite3_stmt *put = ptd_store_prepare(store, SQL_RECORD_OFFER, err);
    sqlite3_stmt *find = ptd_store_prepare(store, SQL_RECORD_FIND, err);
    if (!put || !find)
        return -1;
    ptd_store_bind_record(put, environment, record);
    if (ptd_store_run(store, put, err, "cannot write") < 0)
        return -1;
    sqlite3_bind_int64(find, 1, record->node);
    sqlite3_bind_int64(find, 2, environment);
    sqlite3_bind_blob64(find, 3, record->depsets_len ? record->depsets : "", record->depsets_len,
                        SQLITE_STATIC);
    *id = 0;
    return ptd_store_look_up(store, find, id, err) < 0 ? -1 : 0;
}

int ptd_store_baseline_drop(struct ptd_store *store, ptd_id node, ptd_id environment,
                            struct ptd_err *err)
{
    sqlite3_stmt *drop = ptd_store_prepare(store, SQL_BASELINE_DROP, err);
    if (!drop)
        return -1;
    sqlite3_bind_int64(drop, 1, node);
    sqlite3_bind_int64(drop, 2, environment);
    return ptd_store_run(store, drop, err, "cannot write");
}

int ptd_store_baseline_add(struct ptd_store *store, ptd_id record, struct ptd_err *err)
{
    sqlite3_stmt *set = ptd_store_prepare(store, SQL_BASELINE_SET, err);
    if (!set)
        return -1;
    sqlite3_bind_int64(set, 1, record);
    return ptd_store_run(store, set, err, "cannot write");
}

int ptd_store_flaky_put(struct ptd_store *store, const struct ptd_store_flaky *flaky,
                        struct ptd_err *err)
{
    sqlite3_stmt *put = ptd_store_prepare(store, SQL_FLAKY_PUT, err);
    if (!put)
        return -1;
    sqlite3_bind_int64(put, 1, flaky->node);
    sqlite3_bind_int64(put, 2, flaky->environment);
    sqlite3_bind_int64(put, 3, flaky->times);
    sqlite3_bind_text(put, 4, flaky->last, -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 5, flaky->before);
    sqlite3_bind_int(put, 6, flaky->after);
    return ptd_store_run(store, put, err, "cannot write");
}

int ptd_store_prune_all(struct ptd_store *store, struct ptd_err *err)
{
    sqlite3_stmt *prune = ptd_store_prepare(store, SQL_PRUNE_ALL, err);
    if (!prune)
        return -1;
    sqlite3_bind_int(prune, 1, PTD_RECORDS_KEPT);
    return ptd_store_run(store, prune, err, "cannot write");
}

/* Interpreters, what is installed, answers that were kept, what was fetched when. */
static int forget_machine(const char *path, struct ptd_err *err)
{
    struct ptd_store *copy;
    if (ptd_store_open_existing(path, &copy, err) < 0)
        return -1;
    int rc = sqlite3_exec(copy->db,
                          "PRAGMA journal_mode = MEMORY; DELETE FROM meta WHERE key NOT IN"
                          " ('search_path', 'endings', 'programs', 'doctests')",
                          NULL, NULL, NULL);
    int failed = rc == SQLITE_OK ? 0 : ptd_store_fail(copy, err, "cannot write");
    ptd_store_close(copy);
    return failed;
}

int ptd_store_copy_to(struct ptd_store *store, const char *path, struct ptd_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(store->db, "VACUUM INTO ?1", -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
    }
    int failed = rc == SQLITE_DONE ? 0 : ptd_store_fail(store, err, "cannot be copied");
    sqlite3_finalize(stmt);
    return failed ? -1 : forget_machine(path, err);
}

/* The tables with their columns, and triggers; owned, NULL when it cannot be read. */
static char *shape(sqlite3 *db)
{
    static const char sql[] =
        "SELECT group_concat(x, ';') FROM (SELECT type || name || (sql LIKE 'CREATE VIRTUAL%') ||"
        " ifnull((SELECT group_concat(name || ' ' || type || \"notnull\" || pk)"
        " FROM pragma_table_info(m.name)), '') AS x FROM sqlite_master m"
        " WHERE type IN ('table', 'trigger') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY "
        "x)";
    sqlite3_stmt *stmt = NULL;
    char *out = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0))
        out = ptd_xstrdup((const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return out;
}

/* Whether the tables are as we make them: else what they must not have may be in them. */
static bool has_our_tables(struct ptd_store *store)
{
    sqlite3 *fresh = NULL;
    PTD_CLEANUP_FREE char *ours = NULL, *found = shape(store->db);
    if (sqlite3_open(":memory:", &fresh) == SQLITE_OK &&
        sqlite3_exec(fresh, PTD_SCHEMA, NULL, NULL, NULL) == SQLITE_OK)
        ours = shape(fresh);
    sqlite3_close(fresh);
    return ours && found && strcmp(ours, found) == 0;
}

int ptd_store_check(struct ptd_store *store, struct ptd_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool sound =
        has_our_tables(store) &&
        sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW &&
        strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
    sqlite3_finalize(stmt);
    return sound ? 0 : ptd_err_set(err, PTD_E_STORE, "%s is corrupt", store->path);
}

/* Into the database that is there, as one transaction of it. */
static int replace(const char *from, const char *to, struct ptd_err *err)
{
    struct ptd_store *source, *target;
    if (ptd_store_open_file(from, &source, err) < 0)
        return -1;
    int failed = ptd_store_open_existing(to, &target, err);
    if (!failed) {
        sqlite3_backup *backup = sqlite3_backup_init(target->db, "main", source->db, "main");
        /* A step that finds the target locked has waited as long as any other write does. */
        int rc = backup ? sqlite3_backup_step(backup, -1) : SQLITE_ERROR;
        sqlite3_backup_finish(backup);
        if (rc != SQLITE_DONE)
            failed = ptd_store_fail(target, err, "cannot be replaced");
        ptd_store_close(target);
    }
    ptd_store_close(source);
    return failed;
}

/* What is renamed over another file has to be on the disk first. */
static int put_new(const char *from, const char *to, struct ptd_err *err)
{
    PTD_CLEANUP_CLOSE int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0 || rename(from, to) < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", to);
    return 0;
}

int ptd_store_put_in_place(const char *from, const char *to, struct ptd_err *err)
{
    return access(to, F_OK) == 0 ? replace(from, to, err) : put_new(from, to, err);
}
