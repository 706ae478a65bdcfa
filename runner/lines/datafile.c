#include "lines/datafile.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

static const char schema[] =
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;"
    "CREATE TABLE coverage_schema (version integer);"
    "CREATE TABLE meta (key text, value text, unique (key));"
    "CREATE TABLE file (id integer primary key, path text, unique (path));"
    "CREATE TABLE context (id integer primary key, context text, unique (context));"
    "CREATE TABLE line_bits (file_id integer, context_id integer, numbits blob,"
    " foreign key (file_id) references file (id),"
    " foreign key (context_id) references context (id), unique (file_id, context_id));"
    "CREATE TABLE arc (file_id integer, context_id integer, fromno integer, tono integer,"
    " foreign key (file_id) references file (id),"
    " foreign key (context_id) references context (id),"
    " unique (file_id, context_id, fromno, tono));"
    "CREATE TABLE tracer (file_id integer primary key, tracer text,"
    " foreign key (file_id) references file (id));"
    "INSERT INTO coverage_schema VALUES (7);"
    "INSERT INTO meta VALUES ('has_arcs', '0');";

enum {
    ADD_META,
    ADD_CONTEXT,
    FIND_CONTEXT,
    ADD_FILE,
    FIND_FILE,
    ADD_BITS,
    FIND_BITS,
    CHANGE_BITS,
    STATEMENTS,
};
static const char *const sql[STATEMENTS] = {
    [ADD_META] = "INSERT INTO meta VALUES ('version', ?1)",
    [ADD_CONTEXT] = "INSERT OR IGNORE INTO context (context) VALUES (?1)",
    [FIND_CONTEXT] = "SELECT id FROM context WHERE context = ?1",
    [ADD_FILE] = "INSERT OR IGNORE INTO file (path) VALUES (?1)",
    [FIND_FILE] = "SELECT id FROM file WHERE path = ?1",
    [ADD_BITS] = "INSERT OR IGNORE INTO line_bits VALUES (?1, ?2, ?3)",
    [FIND_BITS] = "SELECT numbits FROM line_bits WHERE file_id = ?1 AND context_id = ?2",
    [CHANGE_BITS] = "UPDATE line_bits SET numbits = ?3 WHERE file_id = ?1 AND context_id = ?2",
};

struct ptd_datafile {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    char *path; /* owned */
    int64_t context;
};

static int fail(const struct ptd_datafile *file, struct ptd_err *err)
{
    return ptd_err_set(err, PTD_E_IO, "cannot write the line coverage into %s: %s", file->path,
                       sqlite3_errmsg(file->db));
}

/* Length of the UTF-8 sequence at p, 0 when it is none. */
static size_t sequence(const unsigned char *p)
{
    size_t len = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xf0 && p[1] < 0x90);
    bool no_character = (*p == 0xed && p[1] >= 0xa0) || (*p == 0xf4 && p[1] >= 0x90);
    return overlong || no_character ? 0 : len;
}

/* The text with U+FFFD for what is not UTF-8; *clean tells whether there was none. */
static void make_text(const char *text, struct ptd_buf *out, bool *clean)
{
    *clean = true;
    ptd_buf_adds(out, "");
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t len = sequence(p);
        if (len)
            ptd_buf_add(out, p, len);
        else
            ptd_buf_adds(out, "\xef\xbf\xbd");
        *clean = *clean && len;
        p += len ? len : 1;
    }
}

bool ptd_datafile_is(const char *path)
{
    sqlite3 *db = NULL;
    bool is =
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_exec(db, "SELECT version FROM coverage_schema", NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_close(db);
    return is;
}

/* Runs a statement whose values are bound; the id in its first column, 0 without a row, -1. */
static int64_t step(struct ptd_datafile *file, int which, struct ptd_err *err)
{
    sqlite3_stmt *stmt = file->statements[which];
    int rc = sqlite3_step(stmt);
    int64_t id = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? id : fail(file, err);
}

static int64_t id_of(struct ptd_datafile *file, int add, int find, const struct ptd_buf *text,
                     struct ptd_err *err)
{
    for (int i = 0; i < 2; i++)
        sqlite3_bind_text(file->statements[i ? add : find], 1, text->data, (int)text->len,
                          SQLITE_STATIC);
    int64_t id = step(file, find, err);
    if (id != 0)
        return id;
    return step(file, add, err) < 0 ? -1 : sqlite3_last_insert_rowid(file->db);
}

int ptd_datafile_make(const char *path, const char *made_by, struct ptd_datafile **out,
                      struct ptd_err *err)
{
    struct ptd_datafile *file = ptd_xcalloc(1, sizeof(*file));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    file->path = ptd_xstrdup(path);
    unlink(path);
    int failed = sqlite3_open_v2(path, &file->db, flags, NULL) != SQLITE_OK ||
                 sqlite3_exec(file->db, schema, NULL, NULL, NULL) != SQLITE_OK;
    for (int i = 0; !failed && i < STATEMENTS; i++)
        failed = sqlite3_prepare_v2(file->db, sql[i], -1, &file->statements[i], NULL) != SQLITE_OK;
    if (failed)
        fail(file, err);
    else
        sqlite3_bind_text(file->statements[ADD_META], 1, made_by, -1, SQLITE_TRANSIENT);
    if (!failed && step(file, ADD_META, err) == 0) {
        *out = file;
        return 0;
    }
    ptd_datafile_close(file, false, NULL);
    return -1;
}

int ptd_datafile_context(void *arg, const char *name, struct ptd_err *err)
{
    struct ptd_datafile *file = arg;
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    bool clean;
    make_text(name, &text, &clean);
    file->context = id_of(file, ADD_CONTEXT, FIND_CONTEXT, &text, err);
    return file->context < 0 ? -1 : 0;
}

static void bind_bits(struct ptd_datafile *file, int which, int64_t id, const void *bits,
                      size_t len)
{
    sqlite3_stmt *stmt = file->statements[which];
    sqlite3_bind_int64(stmt, 1, id);
    sqlite3_bind_int64(stmt, 2, file->context);
    if (bits)
        sqlite3_bind_blob(stmt, 3, bits, (int)len, SQLITE_STATIC);
}

static int unite(struct ptd_datafile *file, int64_t id, const unsigned char *bits, size_t len,
                 struct ptd_err *err)
{
    sqlite3_stmt *stmt = file->statements[FIND_BITS];
    bind_bits(file, FIND_BITS, id, NULL, 0);
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        sqlite3_reset(stmt);
        return fail(file, err);
    }
    size_t before = (size_t)sqlite3_column_bytes(stmt, 0);
    const unsigned char *old = sqlite3_column_blob(stmt, 0);
    size_t longer = before > len ? before : len;
    PTD_CLEANUP_FREE unsigned char *all = ptd_xcalloc(longer + 1, 1);
    for (size_t i = 0; i < longer; i++)
        all[i] = (unsigned char)((i < before ? old[i] : 0) | (i < len ? bits[i] : 0));
    sqlite3_reset(stmt);
    bind_bits(file, CHANGE_BITS, id, all, longer);
    return step(file, CHANGE_BITS, err) < 0 ? -1 : 0;
}

/* 0: its name is not UTF-8. */
static int64_t file_id(struct ptd_datafile *file, const char *path, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    bool clean;
    make_text(path, &text, &clean);
    return clean ? id_of(file, ADD_FILE, FIND_FILE, &text, err) : 0;
}

int ptd_datafile_touch(void *arg, const char *path, struct ptd_err *err)
{
    return file_id(arg, path, err) < 0 ? -1 : 0;
}

int ptd_datafile_lines(void *arg, const char *path, const unsigned char *bits, size_t len,
                       struct ptd_err *err)
{
    struct ptd_datafile *file = arg;
    int64_t id = file_id(file, path, err);
    if (id <= 0)
        return id < 0 ? -1 : 0;
    bind_bits(file, ADD_BITS, id, bits, len);
    if (step(file, ADD_BITS, err) < 0)
        return -1;
    return sqlite3_changes(file->db) ? 0 : unite(file, id, bits, len, err);
}

int ptd_datafile_close(struct ptd_datafile *file, bool keep, struct ptd_err *err)
{
    int failed = 0;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(file->statements[i]);
    if (keep && sqlite3_exec(file->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        failed = fail(file, err);
    sqlite3_close(file->db);
    free(file->path);
    free(file);
    return failed;
}
