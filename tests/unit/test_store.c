#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "store/schema.h"
#include "store/store.h"

/* A store of its own for each test, in top/a/b. */
struct place {
    char top[64];
    char dir[80];
    char path[128]; /* of the database */
    struct ptd_store *store;
};

static void must(int failed, const struct ptd_err *err)
{
    if (failed)
        fail_msg("%s", err->msg);
}

static void reopen(struct place *p)
{
    struct ptd_err err = {0};
    char *note = NULL;
    ptd_store_close(p->store);
    p->store = NULL;
    must(ptd_store_open(p->dir, false, &p->store, &note, &err), &err);
    assert_null(note);
}

static int make_place(void **state)
{
    struct place *p = ptd_xcalloc(1, sizeof(*p));
    snprintf(p->top, sizeof(p->top), "/tmp/ptd-store-XXXXXX");
    if (!mkdtemp(p->top))
        return -1;
    snprintf(p->dir, sizeof(p->dir), "%s/a/b", p->top);
    snprintf(p->path, sizeof(p->path), "%s/pyt-diff.db", p->dir);
    *state = p;
    reopen(p);
    return 0;
}

static int remove_place(void **state)
{
    struct place *p = *state;
    char command[128];
    ptd_store_close(p->store);
    snprintf(command, sizeof(command), "rm -rf '%s'", p->top);
    int result = system(command);
    free(p);
    return result;
}

static struct ptd_hash128 hash_of(int number)
{
    return ptd_hash128(&number, sizeof(number));
}

static ptd_id file_row(struct place *p, enum ptd_file_kind kind, const char *path)
{
    struct ptd_err err = {0};
    ptd_id id = 0;
    must(ptd_store_file(p->store, kind, path, &id, &err), &err);
    assert_true(id > 0);
    return id;
}

static ptd_id version_row(struct place *p, int number)
{
    struct ptd_err err = {0};
    struct ptd_hash128 hash = hash_of(number);
    ptd_id id = 0;
    bool parsed;
    must(ptd_store_version(p->store, &hash, true, &id, &parsed, &err), &err);
    assert_true(id > 0);
    return id;
}

static ptd_id fingerprint_row(struct place *p, ptd_id file, ptd_id version, const char *blocks)
{
    struct ptd_err err = {0};
    ptd_id id = 0;
    must(ptd_store_fingerprint(p->store, file, version, blocks, strlen(blocks), &id, &err), &err);
    assert_true(id > 0);
    return id;
}

static ptd_id depset_row(struct place *p, ptd_id fingerprint)
{
    struct ptd_err err = {0};
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    ptd_id id = 0;
    ptd_buf_add_varint(&blob, (uint64_t)fingerprint);
    must(ptd_store_depset(p->store, blob.data, blob.len, &id, &err), &err);
    assert_true(id > 0);
    return id;
}

static ptd_id node_row(struct place *p, const char *name, ptd_id file)
{
    struct ptd_err err = {0};
    ptd_id id = 0;
    must(ptd_store_node(p->store, name, file, false, &id, &err), &err);
    assert_true(id > 0);
    return id;
}

static ptd_id run_row(struct place *p)
{
    struct ptd_err err = {0};
    ptd_id id = 0;
    must(ptd_store_run_start(p->store, false, NULL, &id, &err), &err);
    return id;
}

static ptd_id environment_row(struct place *p, const char *name)
{
    struct ptd_err err = {0};
    ptd_id id = 0;
    must(ptd_store_environment(p->store, name, &id, &err), &err);
    return id;
}

static void record(struct place *p, ptd_id environment, ptd_id node, ptd_id run, ptd_id depset,
                   int outcome)
{
    struct ptd_err err = {0};
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    ptd_buf_add_varint(&blob, (uint64_t)depset);
    struct ptd_record r = {.node = node,
                           .run = run,
                           .outcome = outcome,
                           .duration_us = 7,
                           .depsets = blob.data,
                           .depsets_len = blob.len};
    must(ptd_store_record(p->store, environment, &r, &err), &err);
}

/* What iterators gave: a character per row. */
struct seen {
    char text[512];
    size_t count, stop_at;
    ptd_id ids[64];
};

static int see_record(const struct ptd_record *r, void *arg)
{
    struct seen *seen = arg;
    size_t n = strlen(seen->text);
    struct ptd_reader reader = ptd_reader_init(r->depsets, r->depsets_len);
    snprintf(seen->text + n, sizeof(seen->text) - n, "%lld:%llu%s=%d ", (long long)r->node,
             (unsigned long long)ptd_reader_varint(&reader), r->baseline ? "b" : "", r->outcome);
    if (seen->count < 64)
        seen->ids[seen->count] = r->id;
    return ++seen->count == seen->stop_at ? -1 : 0;
}

static void expect_records(struct place *p, ptd_id environment, const char *expected)
{
    struct ptd_err err = {0};
    struct seen seen = {0};
    must(ptd_store_each_record(p->store, environment, see_record, &seen, &err), &err);
    assert_string_equal(seen.text, expected);
}

static int64_t count_rows(struct place *p, const char *table)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return count;
}

static void outside(struct place *p, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* ---- rows ---- */

static void makes_the_directory(void **state)
{
    struct place *p = *state;
    char path[160];
    snprintf(path, sizeof(path), "%s/CACHEDIR.TAG", p->dir);
    assert_int_equal(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "%s/.gitignore", p->dir);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(count_rows(p, "file"), 0);
}

static void small_facts(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    char *value = NULL;
    must(ptd_store_meta_get(p->store, "k", &value, &err), &err);
    assert_null(value);
    must(ptd_store_meta_set(p->store, "k", "one", &err), &err);
    must(ptd_store_meta_set(p->store, "k", "two", &err), &err);
    reopen(p);
    must(ptd_store_meta_get(p->store, "k", &value, &err), &err);
    assert_string_equal(value, "two");
    free(value);
}

static void rows_exist_once(void **state)
{
    struct place *p = *state;
    ptd_id file = file_row(p, PTD_FILE_SOURCE, "a.py");
    assert_true(file == file_row(p, PTD_FILE_SOURCE, "a.py"));
    assert_true(file != file_row(p, PTD_FILE_OPAQUE, "a.py"));
    ptd_id version = version_row(p, 1);
    assert_true(version == version_row(p, 1));
    assert_true(version != version_row(p, 2));
    ptd_id print = fingerprint_row(p, file, version, "\1");
    assert_true(print == fingerprint_row(p, file, version, "\1"));
    assert_true(print != fingerprint_row(p, file, version, "\2"));
    ptd_id unknown = fingerprint_row(p, file, PTD_VERSION_UNKNOWN, "\1");
    assert_true(unknown == fingerprint_row(p, file, PTD_VERSION_UNKNOWN, "\1"));
    assert_true(unknown != print);
    assert_true(depset_row(p, print) == depset_row(p, print));
    assert_true(depset_row(p, print) != depset_row(p, unknown));
    assert_true(node_row(p, "a.py::t", file) == node_row(p, "a.py::t", file));
    assert_true(environment_row(p, "e") == environment_row(p, "e"));
    assert_true(environment_row(p, "e") != environment_row(p, "f"));
}

static void empty_blobs(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    ptd_id file = file_row(p, PTD_FILE_SOURCE, "a.py"), a = 0, b = 0;
    must(ptd_store_fingerprint(p->store, file, PTD_VERSION_UNKNOWN, NULL, 0, &a, &err), &err);
    must(ptd_store_fingerprint(p->store, file, PTD_VERSION_UNKNOWN, "", 0, &b, &err), &err);
    assert_true(a == b);
    must(ptd_store_depset(p->store, "", 0, &a, &err), &err);
    must(ptd_store_depset(p->store, NULL, 0, &b, &err), &err);
    assert_true(a == b);
}

static void files_keep_what_was_seen(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    struct ptd_store_files files;
    const uint64_t sig[4] = {1, UINT64_MAX, 3, 4};
    must(ptd_store_files(p->store, &files, &err), &err);
    assert_int_equal(files.count, 0);
    ptd_store_files_release(&files);
    ptd_id b = file_row(p, PTD_FILE_SOURCE, "b\xff.py");
    file_row(p, PTD_FILE_LAYOUT, "");
    file_row(p, PTD_FILE_SOURCE, "a.py");
    must(ptd_store_file_seen(p->store, b, sig, 99, version_row(p, 5), &err), &err);
    reopen(p);
    must(ptd_store_files(p->store, &files, &err), &err);
    assert_int_equal(files.count, 3);
    assert_string_equal(files.items[0].path, "a.py");
    assert_true(files.items[0].version == 0);
    assert_string_equal(files.items[1].path, "b\xff.py");
    assert_true(files.items[1].sig[1] == UINT64_MAX);
    assert_int_equal(files.items[1].hashed_at, 99);
    struct ptd_hash128 hash = hash_of(5);
    assert_true(ptd_hash128_equal(&files.items[1].hash, &hash));
    assert_int_equal(files.items[2].kind, PTD_FILE_LAYOUT);
    assert_string_equal(files.items[2].path, "");
    ptd_store_files_release(&files);
    must(ptd_store_file_seen(p->store, b, sig, 99, 0, &err), &err);
    must(ptd_store_files(p->store, &files, &err), &err);
    assert_true(files.items[1].version == 0);
    ptd_store_files_release(&files);
}

static void blocks_of_a_version(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    struct ptd_hash128 hash = hash_of(1);
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    ptd_id id;
    bool parsed = true, found = true;
    must(ptd_store_version(p->store, &hash, false, &id, &parsed, &err), &err);
    assert_true(id == -2);
    assert_false(parsed);
    id = version_row(p, 1);
    must(ptd_store_get_blocks(p->store, id, &out, &found, &err), &err);
    assert_false(found);
    must(ptd_store_set_blocks(p->store, id, "a\0b", 3, &err), &err);
    must(ptd_store_get_blocks(p->store, id, &out, &found, &err), &err);
    assert_true(found);
    assert_memory_equal(out.data, "a\0b", 3);
    must(ptd_store_version(p->store, &hash, false, &id, &parsed, &err), &err);
    assert_true(parsed);
    must(ptd_store_get_blocks(p->store, 12345, &out, &found, &err), &err);
    assert_false(found);
}

/* ---- records ---- */

static void records_newest_first(void **state)
{
    struct place *p = *state;
    ptd_id env = environment_row(p, "e"), other = environment_row(p, "f");
    ptd_id file = file_row(p, PTD_FILE_SOURCE, "a.py");
    ptd_id t = node_row(p, "a.py::t", file), u = node_row(p, "a.py::u", file);
    assert_true(t == 1 && u == 2);
    ptd_id first = run_row(p);
    record(p, env, t, first, 1, 0);
    record(p, env, u, first, 1, 1);
    record(p, other, t, first, 1, 2);
    ptd_id second = run_row(p);
    record(p, env, t, second, 2, 3);
    expect_records(p, env, "1:2=3 1:1=0 2:1=1 ");
    expect_records(p, other, "1:1=2 ");
    expect_records(p, 99, "");
    /* The old dependencies again: renewed, not added. */
    record(p, env, t, run_row(p), 1, 5);
    expect_records(p, env, "1:1=5 1:2=3 2:1=1 ");
}

static void old_records_are_dropped(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    ptd_id env = environment_row(p, "e");
    ptd_id t = node_row(p, "a.py::t", file_row(p, PTD_FILE_SOURCE, "a.py"));
    struct seen seen = {0};
    record(p, env, t, run_row(p), 1, 0);
    must(ptd_store_each_record(p->store, env, see_record, &seen, &err), &err);
    must(ptd_store_set_baseline(p->store, env, seen.ids, 1, &err), &err);
    ptd_id run = 0;
    for (int i = 2; i <= PTD_RECORDS_KEPT + 3; i++)
        record(p, env, t, run = run_row(p), i, 0);
    must(ptd_store_prune(p->store, env, run, &err), &err);
    expect_records(p, env, "1:11=0 1:10=0 1:9=0 1:8=0 1:7=0 1:6=0 1:5=0 1:4=0 1:1b=0 ");
    must(ptd_store_set_baseline(p->store, env, NULL, 0, &err), &err);
    record(p, env, t, run = run_row(p), 12, 0);
    must(ptd_store_prune(p->store, env, run, &err), &err);
    expect_records(p, env, "1:12=0 1:11=0 1:10=0 1:9=0 1:8=0 1:7=0 1:6=0 1:5=0 ");
}

static void tests_of_a_file(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    ptd_id env = environment_row(p, "e"), file = file_row(p, PTD_FILE_SOURCE, "a.py"), node;
    must(ptd_store_node(p->store, "a.py", file, true, &node, &err), &err);
    struct ptd_record r = {.node = node,
                           .run = run_row(p),
                           .depsets = "\1",
                           .depsets_len = 1,
                           .tests = "",
                           .tests_len = 0};
    must(ptd_store_record(p->store, env, &r, &err), &err);
    r.tests = "a.py::t\0a.py::u";
    r.tests_len = 16;
    must(ptd_store_record(p->store, env, &r, &err), &err);
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT length(tests) FROM record", -1, &stmt, NULL),
                     0);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 16);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static int count_fingerprint(const struct ptd_fingerprint *fp, void *arg)
{
    struct seen *seen = arg;
    assert_non_null(fp);
    assert_true(seen->count < 64);
    seen->ids[seen->count++] = fp->id;
    return 0;
}

static int count_used(ptd_id file, ptd_id version, void *arg)
{
    struct seen *seen = arg;
    size_t n = strlen(seen->text);
    snprintf(seen->text + n, sizeof(seen->text) - n, "%lld@%lld ", (long long)file,
             (long long)version);
    return 0;
}

static int count_depset(ptd_id id, const void *data, size_t len, void *arg)
{
    struct seen *seen = arg;
    struct ptd_reader r = ptd_reader_init(data, len);
    size_t n = strlen(seen->text);
    snprintf(seen->text + n, sizeof(seen->text) - n, "%lld:%llu ", (long long)id,
             (unsigned long long)ptd_reader_varint(&r));
    return 0;
}

static void fingerprints_by_version(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    ptd_id a = file_row(p, PTD_FILE_SOURCE, "a.py"), v = version_row(p, 1), w = version_row(p, 2);
    fingerprint_row(p, a, v, "\1");
    fingerprint_row(p, a, v, "\2");
    fingerprint_row(p, a, w, "\1");
    fingerprint_row(p, a, PTD_VERSION_UNKNOWN, "\1");
    struct seen seen = {0};
    must(ptd_store_each_fingerprint(p->store, a, v, count_fingerprint, &seen, &err), &err);
    assert_int_equal(seen.count, 2);
    seen.count = 0;
    must(ptd_store_each_fingerprint(p->store, a, PTD_VERSION_UNKNOWN, count_fingerprint, &seen,
                                    &err),
         &err);
    assert_int_equal(seen.count, 1);
    must(ptd_store_each_used_version(p->store, count_used, &seen, &err), &err);
    assert_string_equal(seen.text, "1@-1 1@1 1@2 ");
}

static void a_visitor_can_stop(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    ptd_id env = environment_row(p, "e"), file = file_row(p, PTD_FILE_SOURCE, "a.py");
    ptd_id run = run_row(p);
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof(name), "t%d", i);
        record(p, env, node_row(p, name, file), run, 1, 0);
    }
    struct seen seen = {.stop_at = 2};
    assert_int_equal(ptd_store_each_record(p->store, env, see_record, &seen, &err), -1);
    assert_int_equal(seen.count, 2);
    /* And nothing is left open by it. */
    must(ptd_store_begin(p->store, &err), &err);
    must(ptd_store_commit(p->store, &err), &err);
    seen = (struct seen){0};
    must(ptd_store_each_record(p->store, env, see_record, &seen, &err), &err);
    assert_int_equal(seen.count, 5);
}

/* ---- transactions ---- */

static void rollback_undoes(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    ptd_store_rollback(p->store);
    must(ptd_store_begin(p->store, &err), &err);
    file_row(p, PTD_FILE_SOURCE, "a.py");
    ptd_store_rollback(p->store);
    assert_int_equal(count_rows(p, "file"), 0);
    must(ptd_store_begin(p->store, &err), &err);
    file_row(p, PTD_FILE_SOURCE, "b.py");
    must(ptd_store_commit(p->store, &err), &err);
    assert_int_equal(count_rows(p, "file"), 1);
    assert_int_equal(ptd_store_commit(p->store, &err), -1);
}

static void a_moment_is_kept(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    struct seen seen = {0};
    ptd_id a = file_row(p, PTD_FILE_SOURCE, "a.py");
    depset_row(p, fingerprint_row(p, a, PTD_VERSION_UNKNOWN, ""));
    must(ptd_store_begin_read(p->store, &err), &err);
    must(ptd_store_each_used_version(p->store, count_used, &seen, &err), &err);
    outside(p, "INSERT INTO depset (hash, fingerprints) VALUES (x'00', x'07')");
    seen = (struct seen){0};
    must(ptd_store_each_depset(p->store, count_depset, &seen, &err), &err);
    assert_string_equal(seen.text, "1:1 ");
    ptd_store_rollback(p->store);
    seen = (struct seen){0};
    must(ptd_store_each_depset(p->store, count_depset, &seen, &err), &err);
    assert_string_equal(seen.text, "1:1 2:7 ");
}

static void references_are_checked(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    ptd_id id;
    assert_int_equal(ptd_store_fingerprint(p->store, 77, 88, "", 0, &id, &err), -1);
    assert_int_equal(err.code, PTD_E_STORE);
}

/* ---- garbage ---- */

static void garbage_is_what_no_record_needs(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    struct seen seen = {0};
    must(ptd_store_collect_garbage(p->store, &err), &err);
    ptd_id env = environment_row(p, "e"), a = file_row(p, PTD_FILE_SOURCE, "a.py");
    const uint64_t sig[4] = {0};
    ptd_id old = version_row(p, 1), kept = version_row(p, 2), now = version_row(p, 3);
    must(ptd_store_file_seen(p->store, a, sig, 1, now, &err), &err);
    ptd_id lost = depset_row(p, fingerprint_row(p, a, old, "\1"));
    for (int i = 0; i < 20; i++) {
        char blocks[2] = {(char)(i + 2), 0};
        fingerprint_row(p, a, old, blocks);
    }
    ptd_id held = depset_row(p, fingerprint_row(p, a, kept, "\1"));
    ptd_id t = node_row(p, "t", a);
    node_row(p, "u", a);
    run_row(p);
    record(p, env, t, run_row(p), held, 0);
    must(ptd_store_begin(p->store, &err), &err);
    must(ptd_store_collect_garbage(p->store, &err), &err);
    must(ptd_store_commit(p->store, &err), &err);
    assert_int_equal(count_rows(p, "depset"), 1);
    assert_int_equal(count_rows(p, "fingerprint"), 1);
    assert_int_equal(count_rows(p, "version"), 2);
    assert_int_equal(count_rows(p, "node"), 1);
    assert_int_equal(count_rows(p, "run"), 1);
    assert_int_equal(count_rows(p, "file"), 1);
    must(ptd_store_each_used_version(p->store, count_used, &seen, &err), &err);
    assert_string_equal(seen.text, "1@2 ");
    assert_true(lost != held);
}

/* The number of a content that is gone does not come back: others may still have it in mind. */
static void numbers_of_contents_are_not_reused(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    ptd_id gone = version_row(p, 1);
    must(ptd_store_collect_garbage(p->store, &err), &err);
    assert_int_equal(count_rows(p, "version"), 0);
    assert_true(version_row(p, 2) > gone);
}

static void garbage_and_damaged_blobs(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    ptd_id env = environment_row(p, "e"), a = file_row(p, PTD_FILE_SOURCE, "a.py");
    ptd_id held = depset_row(p, fingerprint_row(p, a, PTD_VERSION_UNKNOWN, ""));
    record(p, env, node_row(p, "t", a), run_row(p), held, 0);
    outside(p, "UPDATE depset SET fingerprints = x'ffffffffffffffff7fffffffffffffffffff01ff'");
    must(ptd_store_collect_garbage(p->store, &err), &err);
    outside(p, "UPDATE record SET depsets = x'ffffffffffffffffff01'");
    must(ptd_store_collect_garbage(p->store, &err), &err);
}

/* ---- opening ---- */

static void write_file(const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static size_t count_bad(const struct place *p)
{
    DIR *dir = opendir(p->dir);
    size_t count = 0;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));)
        count +=
            strstr(e->d_name, ".bad") && !strstr(e->d_name, "-wal") && !strstr(e->d_name, "-shm");
    closedir(dir);
    return count;
}

/* Opens what lies there now: it is put aside, said so, and replaced by an empty one. */
static void expect_moved(struct place *p, const char *why)
{
    struct ptd_err err = {0};
    char *note = NULL;
    must(ptd_store_open(p->dir, false, &p->store, &note, &err), &err);
    assert_non_null(note);
    if (!strstr(note, why))
        fail_msg("%s", note);
    free(note);
    assert_int_equal(count_bad(p), 1);
    file_row(p, PTD_FILE_SOURCE, "a.py");
    reopen(p);
    assert_int_equal(count_rows(p, "file"), 1);
}

static void shut(struct place *p)
{
    ptd_store_close(p->store);
    p->store = NULL;
}

static void garbage_for_a_database(void **state)
{
    struct place *p = *state;
    char text[8192];
    shut(p);
    memset(text, 'x', sizeof(text));
    write_file(p->path, text, sizeof(text));
    expect_moved(p, "is corrupt");
}

static void a_cut_database(void **state)
{
    struct place *p = *state;
    shut(p);
    assert_int_equal(truncate(p->path, 4096), 0);
    expect_moved(p, "is corrupt");
}

static void somebody_elses_database(void **state)
{
    struct place *p = *state;
    shut(p);
    unlink(p->path);
    outside(p, "CREATE TABLE t (x)");
    expect_moved(p, "is not a database of pyt-diff");
}

static void a_foreign_version_number(void **state)
{
    struct place *p = *state;
    shut(p);
    unlink(p->path);
    outside(p, "CREATE TABLE t (x); PRAGMA user_version = -1");
    expect_moved(p, "is not a database of pyt-diff");
}

static void a_newer_database(void **state)
{
    struct place *p = *state;
    shut(p);
    outside(p, "PRAGMA user_version = 99");
    expect_moved(p, "was made by a newer pyt-diff");
}

static void a_table_is_missing(void **state)
{
    struct place *p = *state;
    shut(p);
    outside(p, "DROP TABLE record");
    expect_moved(p, "is corrupt");
}

static void an_empty_file(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    char *note = NULL;
    shut(p);
    write_file(p->path, "", 0);
    assert_int_equal(ptd_store_open(p->dir, true, &p->store, &note, &err), -1);
    assert_null(p->store);
    assert_int_equal(err.sys_errno, ENOENT);
    reopen(p);
    file_row(p, PTD_FILE_SOURCE, "a.py");
}

static void found_damaged_while_reading(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    char *note = NULL;
    struct stat st;
    for (int i = 0; i < 2000; i++) {
        char name[64];
        snprintf(name, sizeof(name), "directory/of/files/number%d.py", i);
        if (i == 0)
            must(ptd_store_begin(p->store, &err), &err);
        file_row(p, PTD_FILE_SOURCE, name);
    }
    must(ptd_store_commit(p->store, &err), &err);
    shut(p);
    assert_int_equal(stat(p->path, &st), 0);
    int fd = open(p->path, O_RDWR);
    char junk[4096];
    memset(junk, 0xa5, sizeof(junk));
    /* behind the schema */
    for (off_t at = 32 * 4096; at + 4096 <= st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
    close(fd);
    reopen(p);
    struct ptd_store_files files;
    assert_int_equal(ptd_store_files(p->store, &files, &err), -1);
    assert_int_equal(err.sys_errno, EBADMSG);
    struct ptd_store *store = p->store;
    p->store = NULL;
    must(ptd_store_abandon(store, &note, &err), &err);
    assert_non_null(strstr(note, "moved aside"));
    free(note);
    assert_int_equal(count_bad(p), 1);
    reopen(p);
}

static void reading_only(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    char *note = NULL;
    ptd_id id = 5;
    environment_row(p, "e");
    shut(p);
    must(ptd_store_open(p->dir, true, &p->store, &note, &err), &err);
    assert_true(environment_row(p, "e") == 1);
    must(ptd_store_environment(p->store, "f", &id, &err), &err);
    assert_true(id == 0);
    must(ptd_store_begin_read(p->store, &err), &err);
    ptd_store_rollback(p->store);
    assert_int_equal(ptd_store_meta_set(p->store, "k", "v", &err), -1);
    shut(p);
    outside(p, "PRAGMA user_version = 99");
    assert_int_equal(ptd_store_open(p->dir, true, &p->store, &note, &err), -1);
    assert_non_null(strstr(err.msg, "newer"));
    assert_int_equal(count_bad(p), 0);
    char nowhere[160];
    snprintf(nowhere, sizeof(nowhere), "%s/none", p->top);
    assert_int_equal(ptd_store_open(nowhere, true, &p->store, &note, &err), -1);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_int_equal(access(nowhere, F_OK), -1);
}

static void where_no_directory_can_be(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    char *note = NULL, path[160];
    struct ptd_store *store;
    snprintf(path, sizeof(path), "%s/file", p->top);
    write_file(path, "", 0);
    snprintf(path, sizeof(path), "%s/file/cache", p->top);
    assert_int_equal(ptd_store_open(path, false, &store, &note, &err), -1);
    assert_null(store);
    assert_int_equal(err.code, PTD_E_STORE);
    /* A directory in the place of the database is neither corrupt nor to be moved. */
    shut(p);
    unlink(p->path);
    assert_int_equal(mkdir(p->path, 0755), 0);
    assert_int_equal(ptd_store_open(p->dir, false, &p->store, &note, &err), -1);
    assert_null(note);
    assert_int_equal(access(p->path, F_OK), 0);
}

static void two_at_a_time(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    char *note = NULL;
    struct place other = *p;
    other.store = NULL;
    must(ptd_store_open(p->dir, false, &other.store, &note, &err), &err);
    must(ptd_store_begin(p->store, &err), &err);
    ptd_id id = file_row(p, PTD_FILE_SOURCE, "a.py");
    /* Readers do not wait, and see what was there before. */
    struct ptd_store_files files;
    must(ptd_store_files(other.store, &files, &err), &err);
    assert_int_equal(files.count, 0);
    ptd_store_files_release(&files);
    must(ptd_store_commit(p->store, &err), &err);
    assert_true(file_row(&other, PTD_FILE_SOURCE, "a.py") == id);
    ptd_store_close(other.store);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(makes_the_directory),
        IN_PLACE(small_facts),
        IN_PLACE(rows_exist_once),
        IN_PLACE(empty_blobs),
        IN_PLACE(files_keep_what_was_seen),
        IN_PLACE(blocks_of_a_version),
        IN_PLACE(records_newest_first),
        IN_PLACE(old_records_are_dropped),
        IN_PLACE(tests_of_a_file),
        IN_PLACE(fingerprints_by_version),
        IN_PLACE(a_visitor_can_stop),
        IN_PLACE(rollback_undoes),
        IN_PLACE(a_moment_is_kept),
        IN_PLACE(references_are_checked),
        IN_PLACE(garbage_is_what_no_record_needs),
        IN_PLACE(numbers_of_contents_are_not_reused),
        IN_PLACE(garbage_and_damaged_blobs),
        IN_PLACE(garbage_for_a_database),
        IN_PLACE(a_cut_database),
        IN_PLACE(somebody_elses_database),
        IN_PLACE(a_foreign_version_number),
        IN_PLACE(a_newer_database),
        IN_PLACE(a_table_is_missing),
        IN_PLACE(an_empty_file),
        IN_PLACE(found_damaged_while_reading),
        IN_PLACE(reading_only),
        IN_PLACE(where_no_directory_can_be),
        IN_PLACE(two_at_a_time),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
