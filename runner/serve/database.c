#include "serve/database.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

/* "PTDS": the first bytes of the file say whose database it is. */
#define APPLICATION_ID 0x50544453
#define SCHEMA_VERSION 1
#define BUSY_MS        20000

static const char schema[] = "CREATE TABLE project ("
                             "  id INTEGER PRIMARY KEY,"
                             "  name TEXT NOT NULL UNIQUE);"
                             "CREATE TABLE token ("
                             "  id INTEGER PRIMARY KEY,"
                             "  name TEXT NOT NULL UNIQUE,"
                             "  hash BLOB NOT NULL UNIQUE,"
                             "  project_id INTEGER NOT NULL REFERENCES project(id),"
                             "  read_only INTEGER NOT NULL,"
                             "  created INTEGER NOT NULL,"
                             "  expires INTEGER NOT NULL,"
                             "  revoked INTEGER NOT NULL DEFAULT 0);"
                             "CREATE TABLE pass ("
                             "  project_id INTEGER NOT NULL REFERENCES project(id),"
                             "  key BLOB NOT NULL,"
                             "  node BLOB NOT NULL,"
                             "  day INTEGER NOT NULL,"
                             "  PRIMARY KEY (project_id, key, node)) WITHOUT ROWID;"
                             "CREATE INDEX pass_day ON pass (day);";

enum statement {
    BEGIN,
    BEGIN_READ,
    COMMIT,
    PROJECT_ADD,
    TOKEN_ADD,
    TOKEN_FIND,
    TOKEN_REVOKE,
    TOKEN_EACH,
    PASS_QUERY,
    PASS_PUT,
    PASS_TOUCH,
    PASS_PRUNE,
    STATEMENTS,
};

#define TOKEN_COLUMNS                                                                              \
    "SELECT t.id, t.project_id, t.name, p.name, t.read_only, t.created, t.expires, t.revoked"      \
    " FROM token t JOIN project p ON p.id = t.project_id"

static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [BEGIN_READ] = "BEGIN",
    [COMMIT] = "COMMIT",
    [PROJECT_ADD] = "INSERT INTO project (name) VALUES (?1) ON CONFLICT DO NOTHING",
    [TOKEN_ADD] = "INSERT INTO token (name, hash, project_id, read_only, created, expires)"
                  " SELECT ?1, ?2, id, ?4, ?5, ?6 FROM project WHERE name = ?3",
    [TOKEN_FIND] = TOKEN_COLUMNS " WHERE t.hash = ?1",
    [TOKEN_REVOKE] = "UPDATE token SET revoked = ?2 WHERE name = ?1 AND revoked = 0",
    [TOKEN_EACH] = TOKEN_COLUMNS " ORDER BY t.id",
    [PASS_QUERY] = "SELECT node, day FROM pass WHERE project_id = ?1 AND key = ?2",
    [PASS_PUT] = "INSERT INTO pass (project_id, key, node, day) VALUES (?1, ?2, ?3, ?4)"
                 " ON CONFLICT DO UPDATE SET day = excluded.day WHERE day < excluded.day",
    [PASS_TOUCH] = "UPDATE pass SET day = ?3 WHERE project_id = ?1 AND key = ?2 AND day < ?3",
    [PASS_PRUNE] = "DELETE FROM pass WHERE (project_id, key, node) IN"
                   " (SELECT project_id, key, node FROM pass WHERE day < ?1 LIMIT ?2)",
};

struct ptd_serve_db {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *statements[STATEMENTS]; /* made when first used */
};

static int fail(struct ptd_serve_db *db, struct ptd_err *err)
{
    return ptd_err_set(err, PTD_E_STORE, "database %s: %s", db->path,
                       db->db ? sqlite3_errmsg(db->db) : "out of memory");
}

static sqlite3_stmt *prepare(struct ptd_serve_db *db, enum statement which, struct ptd_err *err)
{
    sqlite3_stmt **s = &db->statements[which];
    if (!*s &&
        sqlite3_prepare_v3(db->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
        fail(db, err);
    return *s;
}

/* Runs a statement without rows. */
static int run(struct ptd_serve_db *db, sqlite3_stmt *s, struct ptd_err *err)
{
    int code = sqlite3_step(s);
    int failed = code != SQLITE_DONE ? fail(db, err) : 0;
    sqlite3_reset(s);
    return failed;
}

/* 1: there is a row, 0: the end, -1 failed; reset but for 1. */
static int next(struct ptd_serve_db *db, sqlite3_stmt *s, struct ptd_err *err)
{
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        return 1;
    int failed = code != SQLITE_DONE ? fail(db, err) : 0;
    sqlite3_reset(s);
    return failed;
}

static int64_t ask(sqlite3 *db, const char *question)
{
    sqlite3_stmt *s = NULL;
    int64_t answer = -1;
    if (sqlite3_prepare_v2(db, question, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        answer = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return answer;
}

static int execute(struct ptd_serve_db *db, const char *text, struct ptd_err *err)
{
    return sqlite3_exec(db->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db, err);
}

/* Whether it is a database of ours, or an empty one; before anything is written to it. */
static int check_file(struct ptd_serve_db *db, bool *ours, struct ptd_err *err)
{
    int64_t application = ask(db->db, "PRAGMA application_id");
    int64_t version = ask(db->db, "PRAGMA user_version");
    if (application < 0 || version < 0)
        return fail(db, err);
    *ours = application == APPLICATION_ID;
    if (*ours && version != SCHEMA_VERSION)
        return ptd_err_set(err, PTD_E_STORE, "database %s is of another version (%lld)", db->path,
                           (long long)version);
    if (*ours || (application == 0 && ask(db->db, "SELECT count(*) FROM sqlite_master") == 0))
        return 0;
    ptd_err_set(err, PTD_E_STORE, "%s is not a database of the pass cache", db->path);
    return ptd_err_hint(err, "name another file with --db");
}

/* In a transaction, since two may start at the same time. */
static int make_tables(struct ptd_serve_db *db, struct ptd_err *err)
{
    bool ours = false;
    if (check_file(db, &ours, err) < 0)
        return -1;
    if (ours)
        return 0;
    PTD_CLEANUP_FREE char *all =
        ptd_xasprintf("%s PRAGMA application_id = %d; PRAGMA user_version = %d;", schema,
                      APPLICATION_ID, SCHEMA_VERSION);
    return execute(db, all, err);
}

static int make_in_transaction(struct ptd_serve_db *db, struct ptd_err *err)
{
    if (ptd_serve_db_begin(db, err) < 0)
        return -1;
    if (make_tables(db, err) == 0 && ptd_serve_db_commit(db, err) == 0)
        return 0;
    ptd_serve_db_rollback(db);
    return -1;
}

/* Only its owner may read it. */
static int make_file(const char *path, struct ptd_err *err)
{
    PTD_CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? ptd_err_sys(err, PTD_E_STORE, "cannot open %s", path) : 0;
}

int ptd_serve_db_open(const char *path, struct ptd_serve_db **out, struct ptd_err *err)
{
    *out = NULL;
    if (make_file(path, err) < 0)
        return -1;
    struct ptd_serve_db *db = ptd_xcalloc(1, sizeof(*db));
    db->path = ptd_xstrdup(path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    bool ours = false;
    int failed = sqlite3_open_v2(path, &db->db, flags, NULL) != SQLITE_OK ||
                 sqlite3_busy_timeout(db->db, BUSY_MS) != SQLITE_OK;
    failed = failed ? fail(db, err) : check_file(db, &ours, err);
    if (!failed)
        failed = execute(db,
                         "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                         "PRAGMA foreign_keys = ON",
                         err);
    if (!failed && !ours)
        failed = make_in_transaction(db, err);
    if (failed) {
        ptd_serve_db_close(db);
        return -1;
    }
    *out = db;
    return 0;
}

void ptd_serve_db_close(struct ptd_serve_db *db)
{
    if (!db)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->db);
    free(db->path);
    free(db);
}

int ptd_serve_db_begin(struct ptd_serve_db *db, struct ptd_err *err)
{
    sqlite3_stmt *s = prepare(db, BEGIN, err);
    return s ? run(db, s, err) : -1;
}

int ptd_serve_db_begin_read(struct ptd_serve_db *db, struct ptd_err *err)
{
    sqlite3_stmt *s = prepare(db, BEGIN_READ, err);
    return s ? run(db, s, err) : -1;
}

int ptd_serve_db_commit(struct ptd_serve_db *db, struct ptd_err *err)
{
    sqlite3_stmt *s = prepare(db, COMMIT, err);
    return s ? run(db, s, err) : -1;
}

void ptd_serve_db_rollback(struct ptd_serve_db *db)
{
    if (!sqlite3_get_autocommit(db->db))
        sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- tokens ---- */

static void take_token(sqlite3_stmt *s, struct ptd_serve_token *out)
{
    *out = (struct ptd_serve_token){
        .id = sqlite3_column_int64(s, 0),
        .project = sqlite3_column_int64(s, 1),
        .name = (const char *)sqlite3_column_text(s, 2),
        .project_name = (const char *)sqlite3_column_text(s, 3),
        .read_only = sqlite3_column_int(s, 4) != 0,
        .created = sqlite3_column_int64(s, 5),
        .expires = sqlite3_column_int64(s, 6),
        .revoked = sqlite3_column_int64(s, 7),
    };
}

int ptd_serve_token_insert(struct ptd_serve_db *db, const char *name, const char *project,
                           const unsigned char hash[PTD_SERVE_HASH], bool read_only,
                           int64_t expires, struct ptd_err *err)
{
    sqlite3_stmt *add = prepare(db, PROJECT_ADD, err), *s = prepare(db, TOKEN_ADD, err);
    if (!add || !s)
        return -1;
    sqlite3_bind_text(add, 1, project, -1, SQLITE_STATIC);
    if (run(db, add, err) < 0)
        return -1;
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_blob(s, 2, hash, PTD_SERVE_HASH, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, project, -1, SQLITE_STATIC);
    sqlite3_bind_int(s, 4, read_only);
    sqlite3_bind_int64(s, 5, (int64_t)time(NULL));
    sqlite3_bind_int64(s, 6, expires);
    if (run(db, s, err) == 0)
        return 0;
    if (sqlite3_errcode(db->db) == SQLITE_CONSTRAINT)
        ptd_err_set(err, PTD_E_USAGE, "there is a token called \"%s\" already", name);
    return -1;
}

int ptd_serve_token_find(struct ptd_serve_db *db, const unsigned char hash[PTD_SERVE_HASH],
                         struct ptd_serve_token *out, bool *found, struct ptd_err *err)
{
    sqlite3_stmt *s = prepare(db, TOKEN_FIND, err);
    *found = false;
    if (!s)
        return -1;
    sqlite3_bind_blob(s, 1, hash, PTD_SERVE_HASH, SQLITE_STATIC);
    int row = next(db, s, err);
    if (row <= 0)
        return row;
    take_token(s, out);
    out->name = out->project_name = NULL;
    sqlite3_reset(s);
    *found = true;
    return 0;
}

int ptd_serve_token_revoke(struct ptd_serve_db *db, const char *name, bool *found,
                           struct ptd_err *err)
{
    sqlite3_stmt *s = prepare(db, TOKEN_REVOKE, err);
    if (!s)
        return -1;
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, (int64_t)time(NULL));
    if (run(db, s, err) < 0)
        return -1;
    *found = sqlite3_changes(db->db) > 0;
    return 0;
}

int ptd_serve_token_each(struct ptd_serve_db *db,
                         int (*visit)(const struct ptd_serve_token *, void *), void *arg,
                         struct ptd_err *err)
{
    sqlite3_stmt *s = prepare(db, TOKEN_EACH, err);
    int row = s ? 1 : -1;
    while (row > 0 && (row = next(db, s, err)) > 0) {
        struct ptd_serve_token token;
        take_token(s, &token);
        if (visit(&token, arg) != 0) {
            sqlite3_reset(s);
            return -1;
        }
    }
    return row;
}

/* ---- passes ---- */

int ptd_serve_pass_query(struct ptd_serve_db *db, int64_t project,
                         const unsigned char key[PTD_PASS_KEY], struct ptd_buf *nodes, int64_t *day,
                         struct ptd_err *err)
{
    sqlite3_stmt *s = prepare(db, PASS_QUERY, err);
    int row = s ? 1 : -1;
    if (s) {
        sqlite3_bind_int64(s, 1, project);
        sqlite3_bind_blob(s, 2, key, PTD_PASS_KEY, SQLITE_STATIC);
    }
    while (row > 0 && (row = next(db, s, err)) > 0) {
        int64_t used = sqlite3_column_int64(s, 1);
        if (sqlite3_column_bytes(s, 0) == PTD_PASS_NODE)
            ptd_buf_add(nodes, sqlite3_column_blob(s, 0), PTD_PASS_NODE);
        *day = used < *day ? used : *day;
    }
    return row;
}

int ptd_serve_pass_put(struct ptd_serve_db *db, int64_t project,
                       const unsigned char key[PTD_PASS_KEY],
                       const unsigned char node[PTD_PASS_NODE], int64_t day, struct ptd_err *err)
{
    sqlite3_stmt *s = prepare(db, PASS_PUT, err);
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, project);
    sqlite3_bind_blob(s, 2, key, PTD_PASS_KEY, SQLITE_STATIC);
    sqlite3_bind_blob(s, 3, node, PTD_PASS_NODE, SQLITE_STATIC);
    sqlite3_bind_int64(s, 4, day);
    return run(db, s, err);
}

int ptd_serve_pass_touch(struct ptd_serve_db *db, int64_t project,
                         const unsigned char key[PTD_PASS_KEY], int64_t day, struct ptd_err *err)
{
    sqlite3_stmt *s = prepare(db, PASS_TOUCH, err);
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, project);
    sqlite3_bind_blob(s, 2, key, PTD_PASS_KEY, SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, day);
    return run(db, s, err);
}

int ptd_serve_pass_prune(struct ptd_serve_db *db, int64_t day, int limit, int *count,
                         struct ptd_err *err)
{
    sqlite3_stmt *s = prepare(db, PASS_PRUNE, err);
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, day);
    sqlite3_bind_int(s, 2, limit);
    if (run(db, s, err) < 0)
        return -1;
    *count = sqlite3_changes(db->db);
    return 0;
}
