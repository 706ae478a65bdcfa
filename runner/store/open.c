/* Opening, making and repairing the database file. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "store/details.h"
#include "store/internal.h"
#include "store/schema.h"
#include "store/store.h"
#include "store/transplant.h"
#include "store/views.h"

/* "PTDF": the first bytes of the file say whose database it is. */
#define APPLICATION_ID 0x50544446
#define BUSY_MS        20000

static int make_directories(const char *dir, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *path = ptd_xstrdup(dir);
    if (!*path)
        return 0;
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char saved = *p;
        *p = '\0';
        if (mkdir(path, 0777) < 0 && errno != EEXIST)
            return ptd_err_sys(err, PTD_E_STORE, "cannot make the directory %s", path);
        *p = saved;
        if (!saved)
            return 0;
    }
}

static void write_if_missing(const char *dir, const char *name, const char *text)
{
    PTD_CLEANUP_FREE char *path = ptd_path_join(dir, name);
    PTD_CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    ssize_t done = write(fd, text, strlen(text));
    (void)done; /* only a courtesy to backup programs and git */
}

int ptd_store_make_directory(const char *dir, struct ptd_err *err)
{
    if (make_directories(dir, err) < 0)
        return -1;
    write_if_missing(dir, "CACHEDIR.TAG",
                     "Signature: 8a477f597d28d172789f06886806bc55\n"
                     "# This directory was made by pyt-diff; it can be deleted at any time.\n");
    write_if_missing(dir, ".gitignore", "*\n");
    return 0;
}

static int execute(struct ptd_store *store, const char *sql, struct ptd_err *err, const char *what)
{
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return ptd_store_fail(store, err, what);
    return 0;
}

/* One number; -1 when it cannot be read: then *code has the first reason. */
static int64_t ask(struct ptd_store *store, const char *sql, int *code)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    else if (*code == SQLITE_OK)
        *code = rc & 0xff;
    sqlite3_finalize(stmt);
    return value;
}

static int make_schema(struct ptd_store *store, struct ptd_err *err)
{
    /* Two processes may find the new file at the same time: the second sees the version under the
     * lock. */
    if (execute(store, "BEGIN IMMEDIATE", err, "cannot write") < 0)
        return -1;
    int code = SQLITE_OK;
    if (ask(store, "PRAGMA user_version", &code) == 0) {
        char stamp[128];
        snprintf(stamp, sizeof(stamp), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                 APPLICATION_ID, PTD_SCHEMA_VERSION);
        if (execute(store, PTD_SCHEMA PTD_VIEWS, err, "cannot make the tables") < 0 ||
            execute(store, stamp, err, "cannot make the tables") < 0) {
            ptd_store_rollback(store);
            return -1;
        }
    }
    return execute(store, "COMMIT", err, "cannot write");
}

enum verdict { GOOD, NEW, BAD };

/* What the file says of itself. */
static enum verdict judge(struct ptd_store *store, const char **why, int *code)
{
    int64_t version = ask(store, "PRAGMA user_version", code);
    if (version == 0 && ask(store, "SELECT count(*) FROM sqlite_master", code) == 0)
        return NEW;
    if (ask(store, "PRAGMA application_id", code) != APPLICATION_ID) {
        *why = "is not a database of pyt-diff";
        return BAD;
    }
    if (version != PTD_SCHEMA_VERSION) {
        *why = version > PTD_SCHEMA_VERSION ? "was made by a newer pyt-diff"
                                            : "was made by an older pyt-diff";
        return BAD;
    }
    if (ask(store,
            "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
            " AND name IN ('meta','interpreter','version','file','fingerprint',"
            "'used_version','depset','node','run','record','label','imports','flaky')",
            code) != 13) {
        *why = "is corrupt";
        return BAD;
    }
    return GOOD;
}

/*
 * Whether the open file is ours and sound as far as a look at its first pages tells. BAD with *why
 * NULL: it could not be read (busy, denied), which says nothing about it.
 */
static enum verdict examine(struct ptd_store *store, const char **why)
{
    int code = SQLITE_OK;
    enum verdict verdict = judge(store, why, &code);
    if (code == SQLITE_OK)
        return verdict;
    *why = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? "is corrupt" : NULL;
    return BAD;
}

bool ptd_store_may_write(const char *path)
{
    PTD_CLEANUP_FREE char *dir = ptd_path_dirname(path);
    return access(path, W_OK) == 0 && access(dir, W_OK) == 0;
}

char *ptd_store_read_only_uri(const char *path)
{
    struct ptd_buf uri = PTD_BUF_INIT;
    ptd_buf_adds(&uri, "file:");
    for (const char *p = path; *p; p++) {
        if (strchr("%?#", *p))
            ptd_buf_addf(&uri, "%%%02x", (unsigned char)*p);
        else
            ptd_buf_addc(&uri, *p);
    }
    ptd_buf_adds(&uri, ptd_store_may_write(path) ? "?mode=ro" : "?mode=ro&immutable=1");
    return ptd_buf_steal(&uri);
}

static int open_file(struct ptd_store *store, struct ptd_err *err)
{
    int flags =
        store->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    PTD_CLEANUP_FREE char *name =
        store->read_only ? ptd_store_read_only_uri(store->path) : ptd_xstrdup(store->path);
    if (store->read_only)
        flags |= SQLITE_OPEN_URI;
    if (sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return ptd_store_fail(store, err, "cannot open");
    sqlite3_busy_timeout(store->db, BUSY_MS);
    sqlite3_exec(store->db,
                 "PRAGMA foreign_keys = ON; PRAGMA cache_size = -16000;"
                 "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 268435456;"
                 "PRAGMA trusted_schema = OFF",
                 NULL, NULL, NULL);
    return 0;
}

static void shut(struct ptd_store *store)
{
    for (int i = 0; i < PTD_SQL_COUNT; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
    sqlite3_close(store->db);
    store->db = NULL;
}

/* Renames the database and its companions to "<name>.<stamp>.bad", so that nothing is lost for
 * good. */
static int move_aside(struct ptd_store *store, const char *why, char **note, struct ptd_err *err)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    long stamp = (long)time(NULL);
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        PTD_CLEANUP_FREE char *from = ptd_xasprintf("%s%s", store->path, tails[i]);
        PTD_CLEANUP_FREE char *to = ptd_xasprintf("%s.%ld.bad%s", store->path, stamp, tails[i]);
        if (rename(from, to) < 0 && errno != ENOENT)
            return ptd_err_sys(err, PTD_E_STORE, "%s %s, and it cannot be moved aside", store->path,
                               why);
    }
    free(*note);
    *note = ptd_xasprintf("%s %s; moved aside to %s.%ld.bad, starting anew", store->path, why,
                          store->path, stamp);
    return 0;
}

static int open_checked(struct ptd_store *store, char **note, struct ptd_err *err)
{
    const char *why = NULL;
    if (open_file(store, err) < 0)
        return -1;
    enum verdict verdict = examine(store, &why);
    if (verdict == BAD && !why)
        return ptd_store_fail(store, err, "cannot read");
    if (verdict == BAD && store->read_only)
        return ptd_err_set(err, PTD_E_STORE, "%s %s", store->path, why);
    if (verdict == NEW && store->read_only) {
        errno = ENOENT; /* another process is about to make the tables */
        return ptd_err_sys(err, PTD_E_STORE, "%s is empty", store->path);
    }
    if (verdict == BAD) {
        shut(store);
        if (move_aside(store, why, note, err) < 0 || open_file(store, err) < 0)
            return -1;
    }
    if (store->read_only)
        return 0;
    if (sqlite3_db_readonly(store->db, "main") == 1) {
        if (!ptd_store_may_write(store->path))
            return ptd_err_set(err, PTD_E_STORE, "%s is not writable", store->path);
        shut(store);
        verdict = NEW;
        if (move_aside(store, "is corrupt", note, err) < 0 || open_file(store, err) < 0)
            return -1;
    }
    if (execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", err,
                "cannot switch to write-ahead logging") < 0)
        return -1;
    return verdict == GOOD ? 0 : make_schema(store, err);
}

int ptd_store_open(const char *dir, bool read_only, struct ptd_store **out, char **note,
                   struct ptd_err *err)
{
    *out = NULL;
    *note = NULL;
    /* Nobody asks how much memory it has; refused, without harm, once the library is in use. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    PTD_CLEANUP_FREE char *path = ptd_path_join(dir, "pyt-diff.db");
    if (read_only && access(path, F_OK) < 0)
        return ptd_err_sys(err, PTD_E_STORE, "cannot open %s", path);
    if (!read_only && access(path, F_OK) < 0 && ptd_store_make_directory(dir, err) < 0)
        return -1;
    struct ptd_store *store = ptd_xcalloc(1, sizeof(*store));
    store->path = ptd_xstrdup(path);
    store->read_only = read_only;
    if (open_checked(store, note, err) < 0) {
        ptd_store_close(store);
        return -1;
    }
    *out = store;
    return 0;
}

int ptd_store_open_file(const char *path, struct ptd_store **out, struct ptd_err *err)
{
    char *note = NULL;
    *out = NULL;
    if (access(path, F_OK) < 0)
        return ptd_err_sys(err, PTD_E_STORE, "cannot open %s", path);
    struct ptd_store *store = ptd_xcalloc(1, sizeof(*store));
    store->path = ptd_xstrdup(path);
    store->read_only = true;
    if (open_checked(store, &note, err) < 0) {
        ptd_store_close(store);
        return -1;
    }
    *out = store;
    return 0;
}

static int open_at(const char *path, struct ptd_store **out, struct ptd_err *err)
{
    struct ptd_store *store = ptd_xcalloc(1, sizeof(*store));
    store->path = ptd_xstrdup(path);
    if (open_file(store, err) == 0) {
        *out = store;
        return 0;
    }
    ptd_store_close(store);
    return -1;
}

int ptd_store_create_file(const char *path, struct ptd_store **out, struct ptd_err *err)
{
    if (open_at(path, out, err) < 0)
        return -1;
    /* Nobody else sees it before it is whole, and what is not whole is thrown away. */
    if (execute(*out, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF", err,
                "cannot write") == 0 &&
        make_schema(*out, err) == 0)
        return 0;
    ptd_store_close(*out);
    *out = NULL;
    return -1;
}

int ptd_store_open_existing(const char *path, struct ptd_store **out, struct ptd_err *err)
{
    const char *why = NULL;
    if (open_at(path, out, err) < 0)
        return -1;
    if (examine(*out, &why) != BAD)
        return 0;
    if (why)
        ptd_err_set(err, PTD_E_USAGE, "%s %s, and is not overwritten", path, why);
    else
        ptd_store_fail(*out, err, "cannot read");
    ptd_store_close(*out);
    *out = NULL;
    return -1;
}

void ptd_store_close(struct ptd_store *store)
{
    if (!store)
        return;
    shut(store);
    free(store->path);
    free(store);
}

int ptd_store_abandon(struct ptd_store *store, char **note, struct ptd_err *err)
{
    *note = NULL;
    shut(store);
    int result = move_aside(store, "is corrupt", note, err);
    ptd_store_close(store);
    return result;
}

const char *ptd_store_sqlite_version(void)
{
    return sqlite3_libversion();
}
