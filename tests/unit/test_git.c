#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "change/git_parse.h"
#include "state/overlay.h"

#define ID_A "1111111111111111111111111111111111111111"
#define ID_B "2222222222222222222222222222222222222222"
#define ZERO "0000000000000000000000000000000000000000"

/* A literal with NULs in it. */
#define RAW(text) text, sizeof(text) - 1

static void the_entries_of_a_diff(void **state)
{
    static const char text[] = ":100644 100755 " ID_A " " ID_B " M\0a b/x.py\0"
                               ":100644 000000 " ID_A " " ZERO " D\0gone\nline.py\0"
                               ":000000 120000 " ZERO " " ZERO " A\0link\0"
                               ":160000 160000 " ID_A " " ID_B " M\0sub\0"
                               ":000000 000000 " ZERO " " ZERO " U\0fight.py\0";
    struct ptd_git_entries e = {0};
    (void)state;
    assert_int_equal(ptd_git_parse_raw(RAW(text), &e, NULL), 0);
    assert_int_equal(e.count, 5);
    assert_string_equal(e.items[0].path, "a b/x.py");
    assert_string_equal(e.items[0].old_id, ID_A);
    assert_string_equal(e.items[0].new_id, ID_B);
    assert_int_equal(e.items[0].old_mode, PTD_GIT_FILE);
    assert_string_equal(e.items[1].path, "gone\nline.py");
    assert_int_equal(e.items[1].new_mode, PTD_GIT_NONE);
    assert_int_equal(e.items[2].old_mode, PTD_GIT_NONE);
    assert_int_equal(e.items[2].new_mode, PTD_GIT_LINK);
    assert_int_equal(e.items[3].old_mode, PTD_GIT_SUBMODULE);
    assert_false(e.items[3].unmerged);
    assert_true(e.items[4].unmerged);
    ptd_git_entries_release(&e);
}

/* Objects are also named by SHA-256. */
static void longer_names_of_objects(void **state)
{
    static const char text[] =
        ":100644 100644 " ID_A "111111111111111111111111 " ID_B "222222222222222222222222 M\0a\0";
    struct ptd_git_entries e = {0};
    (void)state;
    assert_int_equal(ptd_git_parse_raw(RAW(text), &e, NULL), 0);
    assert_int_equal(strlen(e.items[0].old_id), 64);
    ptd_git_entries_release(&e);
}

static void what_is_no_diff_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
        {RAW("100644 100644 " ID_A " " ID_B " M\0a\0")},
        {RAW(":10064 100644 " ID_A " " ID_B " M\0a\0")},
        {RAW(":100644 100644 1111 " ID_B " M\0a\0")},
        {RAW(":100644 100644 " ID_A " " ID_B " M\0a")},
        {RAW(":100644 100644 " ID_A " " ID_B " M\0\0")},
        {RAW(":100644 100644 " ID_A " " ID_B " M")},
        {RAW(":100644 100644 " ID_A " " ID_B " \0a\0")},
        {RAW(":")},
        {RAW(":100644 100644 " ID_A " " ID_B " M\0a\0x")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ptd_git_entries e = {0};
        struct ptd_err err = {0};
        if (ptd_git_parse_raw(cases[i].text, cases[i].len, &e, &err) == 0)
            fail_msg("case %zu is taken", i);
        assert_string_equal(err.msg, "git diff says what is not understood");
        ptd_git_entries_release(&e);
    }
    struct ptd_git_entries none = {0};
    assert_int_equal(ptd_git_parse_raw("", 0, &none, NULL), 0);
    assert_int_equal(ptd_git_parse_raw(NULL, 0, &none, NULL), 0);
    assert_int_equal(none.count, 0);
}

static void names_of_new_files(void **state)
{
    struct ptd_git_entries e = {0};
    (void)state;
    ptd_git_parse_names(RAW("a.py\0\0dir/\0cut"), &e);
    ptd_git_parse_names(NULL, 0, &e);
    assert_int_equal(e.count, 3);
    assert_string_equal(e.items[1].path, "dir/");
    assert_string_equal(e.items[2].path, "cut");
    assert_int_equal(e.items[0].old_mode, PTD_GIT_NONE);
    ptd_git_entries_release(&e);
}

static void contents_of_objects(void **state)
{
    static const char text[] = ID_A " blob 3\na\0b\n" ID_B " missing\n" ID_A " blob 0\n\n" ID_B
                                    " tree 3\n" ID_A " blob 9\nshort\n";
    const char *pos = text, *end = text + sizeof(text) - 1;
    struct ptd_git_object o;
    (void)state;
    assert_int_equal(ptd_git_parse_object(&pos, end, &o), 0);
    assert_true(o.found && o.len == 3);
    assert_memory_equal(o.data, "a\0b", 3);
    assert_int_equal(ptd_git_parse_object(&pos, end, &o), 0);
    assert_false(o.found);
    assert_int_equal(ptd_git_parse_object(&pos, end, &o), 0);
    assert_true(o.found && o.len == 0);
    assert_int_equal(ptd_git_parse_object(&pos, end, &o), 0);
    assert_false(o.found);
    assert_int_equal(ptd_git_parse_object(&pos, end, &o), -1);
    assert_false(o.found);
    pos = end;
    assert_int_equal(ptd_git_parse_object(&pos, end, &o), -1);
}

static void put(struct ptd_overlay *overlay, const char *path, enum ptd_overlay_kind kind)
{
    ptd_overlay_put(overlay, path, (struct ptd_overlay_file){.kind = kind});
}

static void what_an_overlay_has_below_a_directory(void **state)
{
    struct ptd_overlay o = {0};
    size_t first, last;
    (void)state;
    put(&o, "a/x.py", PTD_OVERLAY_ABSENT);
    put(&o, "a.py", PTD_OVERLAY_CONTENT);
    put(&o, "a/b/y.py", PTD_OVERLAY_CONTENT);
    put(&o, "a0", PTD_OVERLAY_CONTENT);
    put(&o, "c/z.py", PTD_OVERLAY_ABSENT);
    ptd_overlay_finish(&o);
    ptd_overlay_below(&o, "a", &first, &last);
    assert_int_equal(last - first, 2);
    ptd_overlay_below(&o, "", &first, &last);
    assert_int_equal(last - first, 5);
    assert_true(ptd_overlay_has_below(&o, "a"));
    assert_false(ptd_overlay_has_below(&o, "c"));
    assert_false(ptd_overlay_has_below(&o, "d"));
    assert_null(ptd_overlay_find(NULL, "a.py"));
    ptd_overlay_release(&o);
}

static void unknown_wins(void **state)
{
    struct ptd_overlay o = {0};
    (void)state;
    put(&o, "a", PTD_OVERLAY_CONTENT);
    put(&o, "a", PTD_OVERLAY_UNKNOWN);
    put(&o, "a", PTD_OVERLAY_ABSENT);
    assert_int_equal(ptd_overlay_find(&o, "a")->kind, PTD_OVERLAY_UNKNOWN);
    ptd_overlay_release(&o);
}

/* The tree of the other state: some are gone, some come back, others stay as they are on disk. */
static void the_tree_of_another_state(void **state)
{
    static const char *const disk_paths[] = {"a.py", "b/c.py", "d.py"};
    static const char *const expected[] = {"a.py", "b/b.py", "d.py", "pytest.ini"};
    struct ptd_tree_entry entries[3];
    struct ptd_tree disk = {.entries = entries, .count = 3}, tree;
    struct ptd_tree_options options = {0};
    struct ptd_overlay o = {0};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        entries[i] = (struct ptd_tree_entry){disk_paths[i], {i + 1, 0, 0, 0}};
    put(&o, "pytest.ini", PTD_OVERLAY_CONTENT);
    put(&o, "readme.txt", PTD_OVERLAY_CONTENT);
    put(&o, "b/c.py", PTD_OVERLAY_ABSENT);
    put(&o, "b/b.py", PTD_OVERLAY_UNKNOWN);
    put(&o, "d.py", PTD_OVERLAY_CONTENT);
    put(&o, "never.py", PTD_OVERLAY_ABSENT);
    ptd_overlay_finish(&o);
    ptd_overlay_tree(&o, &disk, &options, &tree);
    assert_int_equal(tree.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(tree.entries[i].path, expected[i]);
        assert_ptr_equal(ptd_tree_find(&tree, expected[i]), &tree.entries[i]);
    }
    assert_int_equal(tree.entries[0].sig.size, 1);
    ptd_tree_release(&tree);
    ptd_overlay_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_entries_of_a_diff),
        cmocka_unit_test(longer_names_of_objects),
        cmocka_unit_test(what_is_no_diff_is_refused),
        cmocka_unit_test(names_of_new_files),
        cmocka_unit_test(contents_of_objects),
        cmocka_unit_test(what_an_overlay_has_below_a_directory),
        cmocka_unit_test(unknown_wins),
        cmocka_unit_test(the_tree_of_another_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
