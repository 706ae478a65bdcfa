#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "watch/keys.h"
#include "watch/notify.h"
#include "watch/snapshot.h"

/* ---- keys ---- */

static void keys_and_sequences(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int key;
        size_t used;
    } cases[] = {
        {"q", 'q', 1},
        {"qx", 'q', 1},
        {"\r", '\r', 1},
        {"\033", PTD_KEY_ESCAPE, 1},
        {"\033q", PTD_KEY_ESCAPE, 1},
        {"\033[A", PTD_KEY_NONE, 3},
        {"\033[1;5Cq", PTD_KEY_NONE, 6},
        {"\033OP", PTD_KEY_NONE, 3},
        {"\033[12", PTD_KEY_NONE, 4},
        {"\303\244", 0303, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t used = 0;
        assert_int_equal(ptd_keys_next(cases[i].bytes, strlen(cases[i].bytes), &used),
                         cases[i].key);
        assert_int_equal(used, cases[i].used);
    }
}

static enum ptd_line_state type(struct ptd_buf *line, const char *text)
{
    enum ptd_line_state result = PTD_LINE_EDITING;
    for (; *text && result == PTD_LINE_EDITING; text++)
        result = ptd_line_key(line, (unsigned char)*text);
    return result;
}

static void a_line_is_typed(void **state)
{
    (void)state;
    PTD_CLEANUP_BUF struct ptd_buf line = PTD_BUF_INIT;
    assert_int_equal(type(&line, "\177\027"), PTD_LINE_EDITING);
    assert_int_equal(type(&line, "cart\177d\303\244\177\b"), PTD_LINE_EDITING);
    assert_string_equal(line.data, "car");
    assert_int_equal(type(&line, "t and not x  \027y\001"), PTD_LINE_EDITING);
    assert_string_equal(line.data, "cart and not y");
    assert_int_equal(type(&line, "\025ab\r"), PTD_LINE_DONE);
    assert_string_equal(line.data, "ab");
    assert_int_equal(type(&line, "c\033"), PTD_LINE_CANCELLED);
}

/* ---- snapshots ---- */

static char *make_root(void)
{
    char *root = ptd_xstrdup("/tmp/ptd-watch-XXXXXX");
    assert_non_null(mkdtemp(root));
    return root;
}

static void write_file(const char *root, const char *path, const char *text)
{
    PTD_CLEANUP_FREE char *full = ptd_path_join(root, path);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void make_dir(const char *root, const char *path)
{
    PTD_CLEANUP_FREE char *full = ptd_path_join(root, path);
    assert_int_equal(mkdir(full, 0777), 0);
}

static void clean(char *root)
{
    PTD_CLEANUP_FREE char *command = ptd_xasprintf("rm -rf %s", root);
    assert_int_equal(system(command), 0);
    free(root);
}

static void note_directory(const char *path, void *arg)
{
    ptd_buf_addf(arg, "%s/ ", path);
}

/* "+path" came, "-path" went, "=path" changed, "/path" has other names */
static void expect(const struct ptd_snapshot *before, const struct ptd_snapshot *after,
                   const char *expected)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    struct ptd_changes changes = {0};
    ptd_snapshot_compare(before, after, &changes);
    for (size_t i = 0; i < changes.count; i++)
        ptd_buf_addf(&out, "%c%s ", "=+-/"[changes.items[i].kind], changes.items[i].path);
    assert_string_equal(out.data ? out.data : "", expected);
    ptd_changes_release(&changes);
}

static void what_changes_between_snapshots(void **state)
{
    (void)state;
    static const struct ptd_watched watched[] = {{"data.csv", false}, {"missing.txt", false},
                                                 {"names", true},     {"plain", false},
                                                 {"a.py", false},     {"made.py", false}};
    char *root = make_root();
    PTD_CLEANUP_BUF struct ptd_buf directories = PTD_BUF_INIT;
    struct ptd_snapshot_request request = {.root = root,
                                           .watched = watched,
                                           .watched_count = 6,
                                           .directory = note_directory,
                                           .directory_arg = &directories};
    struct ptd_snapshot before, after;
    make_dir(root, ".git");
    make_dir(root, "names");
    make_dir(root, "plain");
    make_dir(root, "ignored");
    make_dir(root, "__pycache__");
    write_file(root, ".gitignore", "ignored/\nmade.py\nscratch.py\n");
    write_file(root, "a.py", "1");
    write_file(root, "b.py", "1");
    write_file(root, "made.py", "1");
    write_file(root, "data.csv", "1");
    write_file(root, "other.csv", "1");
    assert_int_equal(ptd_snapshot_take(&request, &before, NULL), 0);
    assert_string_equal(directories.data, "/ names/ plain/ ");
    assert_int_equal(ptd_snapshot_take(&request, &after, NULL), 0);
    expect(&before, &after, "");
    ptd_snapshot_release(&after);

    write_file(root, "a.py", "22");
    write_file(root, "new.py", "1");
    write_file(root, "data.csv", "22");
    write_file(root, "missing.txt", "1");
    write_file(root, "names/x", "");
    write_file(root, "plain/x", "");
    write_file(root, "other.csv", "22"); /* nobody asks for it */
    write_file(root, "scratch.py", "");  /* git ignores it, */
    write_file(root, "made.py", "22");   /* and this one too, but tests use it */
    write_file(root, "ignored/x.py", "22");
    PTD_CLEANUP_FREE char *gone = ptd_path_join(root, "b.py");
    unlink(gone);
    assert_int_equal(ptd_snapshot_take(&request, &after, NULL), 0);
    expect(&before, &after, "=a.py -b.py +new.py =data.csv +missing.txt /names =made.py ");
    expect(&after, &before, "=a.py +b.py -new.py =data.csv -missing.txt /names =made.py ");
    ptd_snapshot_release(&before);

    /* What is watched from now on has not changed. */
    request.watched_count = 0;
    assert_int_equal(ptd_snapshot_take(&request, &before, NULL), 0);
    expect(&before, &after, "");
    ptd_snapshot_release(&before);
    request.all_files = true;
    assert_int_equal(ptd_snapshot_take(&request, &before, NULL), 0);
    assert_non_null(ptd_tree_find(&before.tree, "other.csv"));
    assert_null(ptd_tree_find(&before.tree, "scratch.py"));
    ptd_snapshot_release(&before);
    ptd_snapshot_release(&after);
    clean(root);
}

/* ---- events ---- */

static bool ends_in_py(const char *path, void *arg)
{
    ptd_buf_addf(arg, "%s ", path);
    return ptd_path_ends_with(path, ".py");
}

static void expect_events(struct ptd_notify *n, bool any, const char *asked)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    assert_int_equal(ptd_notify_take(n, ends_in_py, &text), any);
    assert_string_equal(text.data ? text.data : "", asked);
}

static void move(const char *root, const char *from, const char *to)
{
    PTD_CLEANUP_FREE char *a = ptd_path_join(root, from);
    PTD_CLEANUP_FREE char *b = ptd_path_join(root, to);
    assert_int_equal(rename(a, b), 0);
}

static void the_kernel_tells(void **state)
{
    (void)state;
    char *root = make_root();
    struct ptd_notify *n = ptd_notify_new(root, NULL);
    assert_non_null(n);
    make_dir(root, "d");
    ptd_notify_add(n, "");
    ptd_notify_add(n, "d");
    ptd_notify_add(n, "d");
    ptd_notify_add(n, "not there");
    expect_events(n, false, "");
    write_file(root, "d/x.txt", "");
    expect_events(n, false, "d/x.txt d/x.txt ");
    write_file(root, "a.py", "");
    expect_events(n, true, "a.py a.py ");
    write_file(root, "a.tmp", "");
    move(root, "a.tmp", "a.py");
    expect_events(n, true, "a.tmp a.tmp a.tmp a.py ");
    /* A directory that came, and one that has another name now. */
    make_dir(root, "new");
    expect_events(n, true, "");
    move(root, "d", "e");
    expect_events(n, true, "");
    expect_events(n, false, "");
    make_dir(root, "d");
    ptd_notify_add(n, "d");
    ptd_notify_add(n, "e");
    expect_events(n, true, "");
    write_file(root, "d/y.py", "");
    expect_events(n, true, "d/y.py d/y.py ");
    write_file(root, "e/z.py", "");
    expect_events(n, true, "e/z.py e/z.py ");
    assert_false(ptd_notify_is_full(n));
    ptd_notify_free(n);
    ptd_notify_free(NULL);
    assert_false(ptd_notify_is_remote("/proc"));
    clean(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_sequences),
        cmocka_unit_test(a_line_is_typed),
        cmocka_unit_test(what_changes_between_snapshots),
        cmocka_unit_test(the_kernel_tells),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
