/*
 * A fetched baseline that somebody else has made: unpacked, opened and merged beneath what is
 * recorded here, it is refused or gives a database that is sound, and what was there stays.
 *
 * The first byte says what the rest is: the file as it is; bytes that are changed in a good one; or
 * values of its cells, where tables have NULL in spite of what they say, or no longer say that.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "merge/merge.h"
#include "store/details.h"
#include "store/store.h"
#include "store/transplant.h"
#include "transfer/pack.h"

#define UNPACKED_MAX ((uint64_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    char top[32];
    char fetched[64], plain[64], original[64], dir[64], own[80];
    struct ptd_buf good, loose; /* databases: as they are made, and without NOT NULL */
    bool made;
} world;

static const char rows[] =
    "INSERT INTO interpreter VALUES (1,'cpython 3.11.7 linux x86_64');"
    "INSERT INTO version(id,hash,source,codes) VALUES (1,zeroblob(16),zeroblob(9),x'010166020167'),"
    " (2,x'02020202020202020202020202020202',NULL,x'010174');"
    "INSERT INTO file(id,kind,path,version_id) VALUES (1,0,'a.py',1),(2,1,'test_a.py',2),"
    " (3,2,'a',NULL),(4,9,'HOME',NULL);"
    "INSERT INTO fingerprint VALUES (1,1,1,x'01'),(2,2,2,x''),(3,3,NULL,x'');"
    "INSERT INTO used_version VALUES (1,1);"
    "INSERT INTO import_call VALUES (1,1,2,2,x'0102');"
    "INSERT INTO depset VALUES "
    "(1,zeroblob(16),x'010101'),(2,x'03030303030303030303030303030303',x'03');"
    "INSERT INTO node VALUES (1,0,'test_a.py::t',2),(2,1,'test_a.py',2);"
    "INSERT INTO run(id,baseline,git_commit,recorded_at) VALUES (1,1,'1a2b',5),(2,0,NULL,6);"
    "INSERT INTO record VALUES (1,1,1,1,0,1500,1,x'01',NULL,x'01'),"
    " (2,1,1,2,1,1500,0,x'0101',NULL,NULL),(3,2,1,1,0,0,1,x'02',x'746573745f612e70793a3a7400',NULL)"
    ";"
    "INSERT INTO label VALUES (1,'fixture');"
    "INSERT INTO imports VALUES (1,x'01',x'');"
    "INSERT INTO flaky VALUES (1,1,2,'2026-01-01 00:00:00',0,1);"
    "INSERT INTO meta VALUES ('endings','.txt'),('saved','5 1'),('idle','x');";

static const char *const tables[] = {
    "meta", "interpreter", "version", "file",    "fingerprint", "used_version", "depset",   "node",
    "run",  "record",      "label",   "imports", "flaky",       "import_call",  "unsettled"};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static void require(int holds)
{
    if (!holds)
        abort();
}

static void write_file(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "w");
    require(f && fwrite(data, 1, len, f) == len && fclose(f) == 0);
}

static sqlite3 *open_raw(const char *path)
{
    sqlite3 *db = NULL;
    require(sqlite3_open(path, &db) == SQLITE_OK);
    sqlite3_exec(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
    return db;
}

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    require(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    return value;
}

static void clean_up(void)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -rf '%s'", world.top);
    require(system(command) == 0);
}

static void make_world(void)
{
    struct ptd_store *store;
    world.made = true;
    snprintf(world.top, sizeof(world.top), "/tmp/ptd-fetched-XXXXXX");
    require(mkdtemp(world.top) != NULL);
    atexit(clean_up);
    snprintf(world.fetched, sizeof(world.fetched), "%s/fetched", world.top);
    snprintf(world.plain, sizeof(world.plain), "%s/plain.db", world.top);
    snprintf(world.dir, sizeof(world.dir), "%s/own", world.top);
    snprintf(world.own, sizeof(world.own), "%s/pyt-diff.db", world.dir);
    require(mkdir(world.dir, 0700) == 0);
    require(ptd_store_create_file(world.own, &store, NULL) == 0);
    ptd_store_close(store);
    sqlite3 *db = open_raw(world.own);
    require(sqlite3_exec(db, rows, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
    require(ptd_buf_read_file(&world.good, world.own, UNPACKED_MAX, NULL) == 0);
    snprintf(world.original, sizeof(world.original), "%s/original.db", world.top);
    write_file(world.original, world.good.data, world.good.len);
    db = open_raw(world.own);
    require(sqlite3_exec(db,
                         "PRAGMA writable_schema = ON;"
                         "UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')"
                         " WHERE type = 'table' AND sql NOT LIKE '%WITHOUT ROWID%'",
                         NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
    require(ptd_buf_read_file(&world.loose, world.own, UNPACKED_MAX, NULL) == 0);
}

/* Triples: where (two bytes) and what. */
static void patch(struct ptd_reader *r)
{
    PTD_CLEANUP_BUF struct ptd_buf copy = PTD_BUF_INIT;
    ptd_buf_add(&copy, world.good.data, world.good.len);
    for (const unsigned char *p; (p = ptd_reader_bytes(r, 3));)
        copy.data[((size_t)p[0] << 8 | p[1]) % copy.len] = (char)p[2];
    write_file(world.fetched, copy.data, copy.len);
}

static void bind(sqlite3_stmt *stmt, int kind, const unsigned char *value, size_t len)
{
    int64_t number = 0;
    memcpy(&number, value, len < sizeof(number) ? len : sizeof(number));
    if (kind == 0)
        sqlite3_bind_null(stmt, 1);
    else if (kind == 1)
        sqlite3_bind_int64(stmt, 1, number);
    else if (kind == 2)
        sqlite3_bind_double(stmt, 1, (double)number);
    else if (kind == 3)
        sqlite3_bind_text(stmt, 1, (const char *)value, (int)len, SQLITE_STATIC);
    else
        sqlite3_bind_blob(stmt, 1, value, (int)len, SQLITE_STATIC);
}

/* A column of this number, owned; NULL: there is none. */
static char *column(sqlite3 *db, const char *table, int number)
{
    sqlite3_stmt *stmt = NULL;
    char *name = NULL;
    require(sqlite3_prepare_v2(db, "SELECT name FROM pragma_table_info(?1) WHERE cid = ?2", -1,
                               &stmt, NULL) == SQLITE_OK);
    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 2, number);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        name = ptd_xstrdup((const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return name;
}

/* The tables say again what may be in them, whether that is so or not. */
static void restore_schema(sqlite3 *db)
{
    PTD_CLEANUP_FREE char *attach = ptd_xasprintf("ATTACH '%s' AS o", world.original);
    require(sqlite3_exec(db, attach, NULL, NULL, NULL) == SQLITE_OK);
    require(sqlite3_exec(db,
                         "PRAGMA writable_schema = ON;"
                         "UPDATE main.sqlite_master SET sql = (SELECT sql FROM o.sqlite_master s"
                         " WHERE s.name = main.sqlite_master.name) WHERE type = 'table'",
                         NULL, NULL, NULL) == SQLITE_OK);
}

/* Table, column (beyond the last: the row goes), which row of three, kind, length, value. */
static void edit(struct ptd_reader *r, bool restore)
{
    write_file(world.fetched, world.loose.data, world.loose.len);
    sqlite3 *db = open_raw(world.fetched);
    for (const unsigned char *p; (p = ptd_reader_bytes(r, 5));) {
        size_t left = (size_t)(r->end - r->pos), len = p[4] < left ? p[4] : left;
        const unsigned char *value = len ? ptd_reader_bytes(r, len) : (const unsigned char *)"";
        const char *table = tables[p[0] % TABLES];
        PTD_CLEANUP_FREE char *name = column(db, table, p[1] % 16);
        PTD_CLEANUP_FREE char *first = column(db, table, 0);
        PTD_CLEANUP_FREE char *sql =
            name ? ptd_xasprintf("UPDATE OR IGNORE %s SET %s = ?1 WHERE %d IN (0, %s)", table, name,
                                 p[2] % 4, first)
                 : ptd_xasprintf("DELETE FROM %s WHERE %d IN (0, %s)", table, p[2] % 4, first);
        sqlite3_stmt *stmt = NULL;
        if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
            if (name)
                bind(stmt, p[3] % 5, value, len);
            sqlite3_step(stmt);
        }
        sqlite3_finalize(stmt);
    }
    if (restore)
        restore_schema(db);
    sqlite3_close(db);
}

static void check(bool merged)
{
    sqlite3 *db = open_raw(world.own);
    require(ask(db, "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'") == 0);
    require(ask(db, "SELECT count(*) FROM pragma_foreign_key_check") == 0);
    int64_t records = ask(db, "SELECT count(*) FROM record");
    require(merged ? records >= 3 : records == 3);
    require(ask(db, "SELECT count(*) FROM record WHERE id <= 3"
                    " AND duration_us IN (0, 1500) AND environment_id = 1") == 3);
    sqlite3_close(db);
}

static void merge(void)
{
    struct ptd_merge_input input = {.name = "there"};
    struct ptd_merge_result result;
    struct ptd_err err = {0};
    char *note = NULL;
    struct ptd_merge_request request = {.inputs = &input, .count = 1, .beneath = true};
    int refused = ptd_store_open_file(world.plain, &input.store, &err);
    if (!refused && (refused = ptd_store_check(input.store, &err)) != 0)
        ptd_store_close(input.store);
    require(!refused || (err.code != PTD_E_OK && err.msg[0]));
    if (refused)
        return;
    write_file(world.own, world.good.data, world.good.len);
    require(ptd_store_open(world.dir, false, &request.into, &note, NULL) == 0 && !note);
    int failed = ptd_merge(&request, &result, &err);
    require(!failed || (err.code != PTD_E_OK && err.msg[0]));
    ptd_store_close(input.store);
    ptd_store_close(request.into);
    check(!failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ptd_err err = {0};
    if (!world.made)
        make_world();
    if (!size)
        return 0;
    struct ptd_reader r = ptd_reader_init(data + 1, size - 1);
    if (data[0] % 4 == 0)
        write_file(world.fetched, data + 1, size - 1);
    else if (data[0] % 4 == 1)
        patch(&r);
    else
        edit(&r, data[0] % 4 == 2);
    unlink(world.plain);
    if (ptd_unpack_file(world.fetched, world.plain, UNPACKED_MAX, &err) == 0)
        merge();
    else
        require(err.msg[0] && access(world.plain, F_OK) != 0);
    return 0;
}
