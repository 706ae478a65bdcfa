#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "journal_builder.h"
#include "lines/coverage.h"
#include "lines/unexecuted.h"

static char top[64];

static int make_top(void **state)
{
    (void)state;
    strcpy(top, "/tmp/test_lines.XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
    (void)state;
    PTD_CLEANUP_FREE char *command = ptd_xasprintf("rm -rf %s", top);
    return system(command);
}

/* Owned. */
static char *at(const char *name)
{
    return ptd_path_join(top, name);
}

static void make_directory(const char *name)
{
    PTD_CLEANUP_FREE char *path = at(name);
    assert_int_equal(mkdir(path, 0777), 0);
}

static void write_bytes(const char *name, const void *bytes, size_t len)
{
    PTD_CLEANUP_FREE char *path = at(name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void write_text(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

struct line_set {
    uint32_t file;
    const char *bits;
    uint32_t len;
};

static void add_lines(struct journal_builder *b, const char *context, const struct line_set *sets,
                      uint32_t count)
{
    jb_string(&b->payload, context);
    jb_u32(&b->payload, count);
    for (uint32_t i = 0; i < count; i++) {
        jb_u32(&b->payload, sets[i].file);
        jb_u32(&b->payload, sets[i].len);
        ptd_buf_add(&b->payload, sets[i].bits, sets[i].len);
    }
    jb_end(b, PTD_J_LINES);
}

static void begin(struct journal_builder *b)
{
    jb_start(b);
    jb_fact(b, "role", "main");
    jb_fact(b, "lines", "on");
    jb_file(b, "/p/a.py", 1, 2, 3);
    jb_file(b, "/p/b.py", 1, 2, 3);
}

static void save(struct journal_builder *b, const char *name)
{
    write_bytes(name, b->out.data, b->out.len);
    jb_release(b);
}

static struct ptd_coverage_result write_file(const char *name)
{
    struct ptd_coverage_result result;
    struct ptd_err err = {0};
    PTD_CLEANUP_FREE char *path = at(name);
    PTD_CLEANUP_FREE char *session = at("session");
    PTD_CLEANUP_FREE char *root = at("root");
    if (ptd_coverage_write(session, root, path, "test", &result, &err) < 0)
        fail_msg("%s", err.msg);
    return result;
}

/* "path|context=lines ..." in order; owned. */
static char *dump(const char *name)
{
    PTD_CLEANUP_FREE char *path = at(name);
    struct ptd_buf out = PTD_BUF_INIT;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "select path, context, numbits from file"
                                        " left join line_bits on file.id = file_id"
                                        " left join context on context.id = context_id"
                                        " order by path, context",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *context = (const char *)sqlite3_column_text(stmt, 1);
        const unsigned char *bits = sqlite3_column_blob(stmt, 2);
        ptd_buf_addf(&out, "%s|%s=", ptd_path_basename((const char *)sqlite3_column_text(stmt, 0)),
                     context ? context : "-");
        for (int i = 0; i < sqlite3_column_bytes(stmt, 2) * 8; i++)
            if (bits[i / 8] >> (i % 8) & 1)
                ptd_buf_addf(&out, "%d,", i);
        ptd_buf_addc(&out, ' ');
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return ptd_buf_steal(&out);
}

static void expect(const char *name, const char *text)
{
    PTD_CLEANUP_FREE char *found = dump(name);
    assert_string_equal(found, text);
}

static void unites_journals(void **state)
{
    (void)state;
    struct journal_builder b;
    begin(&b);
    add_lines(&b, "", (struct line_set[]){{0, "\x06", 1}}, 1);
    add_lines(&b, "t|run", (struct line_set[]){{0, "\x02", 1}, {1, "\x00\x01", 2}}, 2);
    jb_finish(&b, 0);
    save(&b, "session/1-0.ptdj");
    begin(&b);
    add_lines(&b, "t|run", (struct line_set[]){{1, "\x10", 1}, {0, "\x00\x00\x80", 3}}, 2);
    add_lines(&b, "none|run", NULL, 0);
    jb_finish(&b, 0);
    save(&b, "session/2-0.ptdj");
    write_text("session/plan.json", "{}");
    struct ptd_coverage_result result = write_file("out");
    assert_true(result.written);
    assert_int_equal(result.unended + result.torn, 0);
    assert_string_equal(result.problem, "");
    expect("out", "a.py|=1,2, a.py|t|run=1,23, b.py|t|run=4,8, ");
}

static void names_what_was_not_executed(void **state)
{
    (void)state;
    struct journal_builder b;
    make_directory("root/pack");
    make_directory("root/plain");
    write_text("root/never.py", "");
    write_text("root/not.a.module.py", "");
    write_text("root/never.txt", "");
    write_text("root/pack/__init__.py", "");
    write_text("root/pack/inner.pyw", "");
    write_text("root/plain/script.py", "");
    begin(&b);
    jb_finish(&b, 0);
    save(&b, "session/1-0.ptdj");
    write_file("out");
    expect("out", "never.py|-= __init__.py|-= inner.pyw|-= ");
}

static void replaces_bytes_that_are_no_text(void **state)
{
    (void)state;
    struct journal_builder b;
    begin(&b);
    jb_file(&b, "/p/\xff.py", 1, 2, 3);
    add_lines(&b, "t\xc3\xa9[\xff\xed\xa0\x80]|run",
              (struct line_set[]){{0, "\x02", 1}, {2, "\x02", 1}}, 2);
    jb_finish(&b, 0);
    save(&b, "session/1-0.ptdj");
    write_file("out");
    expect("out", "a.py|t\xc3\xa9[\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd]|run=1, ");
}

static void keeps_what_stands_before_damage(void **state)
{
    (void)state;
    struct journal_builder b;
    begin(&b);
    add_lines(&b, "t|run", (struct line_set[]){{0, "\x02", 1}}, 1);
    add_lines(&b, "t|teardown", (struct line_set[]){{7, "\x02", 1}}, 1);
    add_lines(&b, "u|run", (struct line_set[]){{0, "\x04", 1}}, 1);
    save(&b, "session/1-0.ptdj");
    struct ptd_coverage_result result = write_file("out");
    assert_true(result.written);
    assert_int_equal(result.torn, 1);
    assert_int_equal(result.unended, 1);
    expect("out", "a.py|t|run=1, ");
}

static void every_cut_is_survived(void **state)
{
    (void)state;
    struct journal_builder b;
    begin(&b);
    add_lines(&b, "t|run", (struct line_set[]){{0, "\x02", 1}}, 1);
    for (size_t len = 8; len < b.out.len; len++) {
        write_bytes("session/1-0.ptdj", b.out.data, len);
        write_file("out");
    }
    jb_release(&b);
}

static void leaves_the_file_without_lines(void **state)
{
    (void)state;
    struct journal_builder b;
    jb_start(&b);
    jb_fact(&b, "lines", "none: no luck");
    jb_finish(&b, 0);
    save(&b, "session/1-0.ptdj");
    write_text("out", "before");
    struct ptd_coverage_result result = write_file("out");
    assert_false(result.written);
    assert_string_equal(result.problem, "no luck");
    struct stat st;
    PTD_CLEANUP_FREE char *path = at("out");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 6);
}

static void refuse(const char *name, const char *why)
{
    struct ptd_err err = {0};
    PTD_CLEANUP_FREE char *path = at(name);
    assert_int_equal(ptd_coverage_check(path, &err), -1);
    assert_int_equal(err.code, PTD_E_USAGE);
    assert_non_null(strstr(err.msg, why));
}

static void checks_the_path(void **state)
{
    (void)state;
    struct journal_builder b;
    write_text("source.py", "x = 1\n");
    write_text("empty", "");
    refuse("root", "is a directory");
    refuse("source.py", "is no data file");
    refuse("nowhere/out", "cannot write into");
    begin(&b);
    jb_finish(&b, 0);
    save(&b, "session/1-0.ptdj");
    write_file("out");
    const char *const good[] = {"empty", "out", "new"};
    for (size_t i = 0; i < 3; i++) {
        struct ptd_err err = {0};
        PTD_CLEANUP_FREE char *path = at(good[i]);
        assert_int_equal(ptd_coverage_check(path, &err), 0);
    }
}

static int stop_at_first(void *arg, const char *path, struct ptd_err *err)
{
    (void)path;
    ++*(int *)arg;
    return ptd_err_set(err, PTD_E_IO, "enough");
}

static void search_ends_with_an_error(void **state)
{
    (void)state;
    int count = 0;
    struct ptd_err err = {0};
    PTD_CLEANUP_FREE char *root = at("root");
    write_text("root/a.py", "");
    write_text("root/b.py", "");
    assert_int_equal(ptd_unexecuted_find(root, stop_at_first, &count, &err), -1);
    assert_int_equal(count, 1);
}

static int set_up(void **state)
{
    if (make_top(state) < 0)
        return -1;
    make_directory("session");
    make_directory("root");
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, remove_top)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unites_journals),
        TEST(names_what_was_not_executed),
        TEST(replaces_bytes_that_are_no_text),
        TEST(keeps_what_stands_before_damage),
        TEST(every_cut_is_survived),
        TEST(leaves_the_file_without_lines),
        TEST(checks_the_path),
        TEST(search_ends_with_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
