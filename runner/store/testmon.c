#include "store/testmon.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/internal.h"

#define BUSY_MS 20000
/* Longer than any test takes: other numbers are no durations. */
#define MAX_SECONDS 1e9

struct ptd_testmon {
    sqlite3 *db;
    char *path;
};

static int damaged(const struct ptd_testmon *t, const char *what, struct ptd_err *err)
{
    ptd_err_set(err, PTD_E_STORE, "%s is damaged: %s", t->path, what);
    return ptd_err_hint(err, "without it, the next run records everything");
}

static int failed(const struct ptd_testmon *t, struct ptd_err *err)
{
    switch (sqlite3_errcode(t->db) & 0xff) {
    case SQLITE_NOTADB:
        ptd_err_set(err, PTD_E_USAGE, "%s is not a database of testmon", t->path);
        break;
    case SQLITE_CORRUPT:
    case SQLITE_ERROR: /* a table or column is missing */
        damaged(t, sqlite3_errmsg(t->db), err);
        break;
    default:
        ptd_err_set(err, PTD_E_STORE, "%s: cannot read: %s", t->path, sqlite3_errmsg(t->db));
    }
    return -1;
}

/* One value as a number, and as owned text in *text unless that is NULL. */
static int ask(const struct ptd_testmon *t, const char *sql, int64_t *number, char **text,
               struct ptd_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(t->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(stmt, 0);
        if (text)
            *text = ptd_xstrdup(value ? value : "");
        *number = sqlite3_column_int64(stmt, 0);
    }
    int result = rc == SQLITE_ROW ? 0 : failed(t, err);
    sqlite3_finalize(stmt);
    return result;
}

static int check(const struct ptd_testmon *t, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *sound = NULL;
    int64_t version = 0, tables = 0, ignored = 0;
    if (ask(t, "PRAGMA user_version", &version, NULL, err) < 0 ||
        ask(t,
            "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
            " AND name IN ('environment', 'test_execution', 'file_fp')",
            &tables, NULL, err) < 0)
        return -1;
    if (tables != 3)
        return ptd_err_set(err, PTD_E_USAGE, "%s is not a database of testmon", t->path);
    if (version != PTD_TESTMON_VERSION) {
        ptd_err_set(err, PTD_E_USAGE, "%s has version %lld of testmon's tables, not %d", t->path,
                    (long long)version, PTD_TESTMON_VERSION);
        return ptd_err_hint(err, "run 'pytest --testmon' with pytest-testmon 2.2 first, or begin"
                                 " without it: the next run records everything");
    }
    if (ask(t, "PRAGMA quick_check(1)", &ignored, &sound, err) < 0)
        return -1;
    if (strcmp(sound, "ok") == 0)
        return 0;
    const char *line = strstr(sound, "***\n"); /* in front: which database it is about */
    return damaged(t, line ? line + strlen("***\n") : sound, err);
}

int ptd_testmon_open(const char *path, struct ptd_testmon **out, struct ptd_err *err)
{
    struct stat st;
    *out = NULL;
    if (stat(path, &st) < 0)
        return ptd_err_sys(err, PTD_E_USAGE, "cannot open %s", path);
    if (!S_ISREG(st.st_mode))
        return ptd_err_set(err, PTD_E_USAGE, "%s is not a database of testmon", path);
    PTD_CLEANUP_FREE char *uri = ptd_store_read_only_uri(path);
    struct ptd_testmon *t = ptd_xcalloc(1, sizeof(*t));
    t->path = ptd_xstrdup(path);
    int result = 0;
    if (sqlite3_open_v2(uri, &t->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        result = failed(t, err);
    if (result == 0) {
        sqlite3_busy_timeout(t->db, BUSY_MS);
        result = check(t, err);
    }
    if (result == 0)
        *out = t;
    else
        ptd_testmon_close(t);
    return result;
}

static uint64_t duration(sqlite3_stmt *stmt, int column)
{
    double seconds = sqlite3_column_double(stmt, column);
    return seconds > 0 && seconds < MAX_SECONDS ? (uint64_t)(seconds * 1e6) : 0;
}

static int visit_row(const struct ptd_testmon *t, sqlite3_stmt *stmt,
                     int (*visit)(const struct ptd_testmon_test *, void *), void *arg,
                     struct ptd_err *err)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    if (!name || !*name || strlen(name) != (size_t)sqlite3_column_bytes(stmt, 0))
        return damaged(t, "a test without a name", err);
    const char *python = (const char *)sqlite3_column_text(stmt, 3);
    struct ptd_testmon_test test = {
        .name = name,
        .python = python ? python : "",
        .failed =
            sqlite3_column_type(stmt, 1) == SQLITE_NULL || sqlite3_column_double(stmt, 1) != 0,
        .us = duration(stmt, 2),
    };
    return visit(&test, arg);
}

int ptd_testmon_each(struct ptd_testmon *t, const char *python,
                     int (*visit)(const struct ptd_testmon_test *, void *), void *arg,
                     struct ptd_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(t->db,
                                "SELECT t.test_name, t.failed, t.duration, e.python_version"
                                " FROM test_execution t"
                                " LEFT JOIN environment e ON e.id = t.environment_id"
                                " ORDER BY e.python_version IS ?1 DESC, t.environment_id DESC,"
                                " t.id DESC",
                                -1, &stmt, NULL);
    if (rc != SQLITE_OK)
        return failed(t, err);
    sqlite3_bind_text(stmt, 1, python, -1, SQLITE_STATIC);
    int result = 0;
    while (result == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        result = visit_row(t, stmt, visit, arg, err);
    if (result == 0 && rc != SQLITE_DONE)
        result = failed(t, err);
    sqlite3_finalize(stmt);
    return result;
}

void ptd_testmon_close(struct ptd_testmon *t)
{
    if (!t)
        return;
    sqlite3_close(t->db);
    free(t->path);
    free(t);
}
