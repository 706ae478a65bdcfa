#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "change/ignore.h"

/* One file at the top. */
static bool ignores(const char *text, const char *path, bool is_directory)
{
    struct ptd_ignore *rules = ptd_ignore_new(NULL, "", text, strlen(text));
    bool ignored = ptd_ignore_match(rules, path, is_directory);
    ptd_ignore_free(rules);
    return ignored;
}

/* Space-separated paths: those that must match, and those that must not. */
static void check(const char *text, const char *hits, const char *misses)
{
    char copy[512];
    const char *lists[] = {hits, misses};
    for (int i = 0; i < 2; i++) {
        snprintf(copy, sizeof(copy), "%s", lists[i]);
        char *rest = copy;
        for (char *path; (path = strsep(&rest, " "));) {
            if (*path && ignores(text, path, false) != (i == 0))
                fail_msg("%s: %s %s", text, path, i == 0 ? "does not match" : "matches");
        }
    }
}

static void no_rules(void **state)
{
    (void)state;
    assert_false(ptd_ignore_match(NULL, "a", true));
    assert_false(ignores("", "a", true));
    assert_false(ignores("\n\n\r\n/\n!\n//\n   \n", "a", true));
    ptd_ignore_free(NULL);
}

static void names_match_at_any_depth(void **state)
{
    (void)state;
    check("foo", "foo a/foo a/b/foo", "foobar afoo foo/a");
    check("*.o", "a.o .o x/y.o", "a.oo o");
    check("f?o", "foo a/fxo", "fo f/o");
}

static void slash_anchors(void **state)
{
    (void)state;
    check("/foo", "foo", "a/foo");
    check("a/b", "a/b", "x/a/b b");
    check("/*.py", "x.py", "a/x.py");
    check("a/*/c", "a/b/c", "a/c a/b/b/c");
}

static void trailing_slash_means_directory(void **state)
{
    (void)state;
    assert_true(ignores("build/", "build", true));
    assert_true(ignores("build/", "x/build", true));
    assert_false(ignores("build/", "build", false));
    assert_false(ignores("/build/", "x/build", true));
    assert_false(ignores("/build/", "builder", true));
    assert_false(ignores("build//", "build", true));
}

static void two_stars(void **state)
{
    (void)state;
    check("**/foo", "foo a/foo a/b/foo", "afoo");
    check("a/**", "a/b a/b/c", "a b");
    check("a/**/b", "a/b a/x/b a/x/y/b", "ab a/xb a/bx");
    check("a/**b", "a/b a/xb", "a/x/b");
    check("**", "a a/b", "");
    check("/**/x*/**/y", "x/y a/xx/b/y x/x/y", "y xy a/y");
    check("a/***/b", "a/b a/x/y/b", "ab");
    check("a/?**/b", "a/xy/b", "a/x/y/b a/b");
    check("a/**\\/b", "a/x/b a/x/y/b", "a/b");
    /* The part before the first wildcard is cut off first. */
    check("/foo**/bar", "foo/bar foobar foox/y/bar", "fobar");
}

static void sets(void **state)
{
    (void)state;
    check("[ab]", "a b", "c ab");
    check("[a-c]x", "ax cx", "dx -x");
    check("[!a]", "b", "a");
    check("[^a]", "b", "a");
    check("[]a]", "] a", "b");
    check("[!]a]", "b", "] a");
    check("[a-]", "a -", "b");
    check("[\\]]", "]", "\\");
    check("[[:digit:][:upper:]]", "1 A", "a");
    check("[[:x]", "[ : x", "a");
    check("x/a[/]b", "", "x/a/b");
    check("x/a[!q]b", "x/aab", "x/a/b");
    check("[a", "", "[a a");
    check("[[:nope:]a]", "", "a");
    check("[z-a]", "z", "a m");
    assert_true(ignores("[[:space:]]", "\t", false));
    assert_false(ignores("[[:space:]]", "\v", false));
    assert_true(ignores("[[:blank:]]", " ", false));
    assert_true(ignores("[\x80-\xff]", "\xe9", false));
}

static void escapes(void **state)
{
    (void)state;
    check("\\#a", "#a", "a \\#a");
    check("#a", "", "#a a");
    check("\\!a", "!a", "a");
    check("a\\*", "a*", "ab");
    check("\\\\", "\\", "");
    check("a\\", "", "a a\\");
}

static void spaces_and_line_ends(void **state)
{
    (void)state;
    assert_true(ignores("a  ", "a", false));
    assert_true(ignores("a\\ ", "a ", false));
    assert_true(ignores("a\\   ", "a ", false));
    assert_true(ignores(" a", " a", false));
    assert_false(ignores("a\t", "a", false));
    assert_true(ignores("a\r\nb\r\n", "b", false));
    assert_true(ignores("a\r\nb\r", "b", false));
    assert_true(ignores("a\r\r\n", "a\r", false));
    assert_true(ignores("\xef\xbb\xbf"
                        "a\n",
                        "a", false));
    assert_true(ignores("b", "x\ny/b", false));
    struct ptd_ignore *cut = ptd_ignore_new(NULL, "", "a\0b\nc", 5);
    assert_true(ptd_ignore_match(cut, "a", false));
    assert_true(ptd_ignore_match(cut, "c", false));
    ptd_ignore_free(cut);
}

static void last_match_decides(void **state)
{
    (void)state;
    check("*.py\n!keep.py", "a.py", "keep.py");
    check("!keep.py\n*.py", "a.py keep.py", "");
    check("*\n!a\na", "a b", "");
}

static void deeper_files_override(void **state)
{
    (void)state;
    struct ptd_ignore *top = ptd_ignore_new(NULL, "", "*.py\nsub/x\n", 11);
    struct ptd_ignore *sub = ptd_ignore_new(top, "sub", "!a.py\n/b\nc/d\n", 13);
    assert_false(ptd_ignore_match(sub, "sub/a.py", false));
    assert_true(ptd_ignore_match(sub, "sub/b.py", false));
    assert_true(ptd_ignore_match(sub, "sub/x", false));
    assert_true(ptd_ignore_match(sub, "sub/b", false));
    assert_false(ptd_ignore_match(sub, "sub/c/b", false));
    assert_true(ptd_ignore_match(sub, "sub/c/d", false));
    assert_false(ptd_ignore_match(sub, "b", false));
    assert_false(ptd_ignore_match(sub, "subb/b", false));
    assert_true(ptd_ignore_match(sub, "a.py", false));
    ptd_ignore_free(sub);
    ptd_ignore_free(top);
}

/* Patterns that take exponential time when every star is tried against every other. */
static void many_stars_stay_quick(void **state)
{
    (void)state;
    char path[2001];
    for (size_t i = 0; i < sizeof(path) - 1; i++)
        path[i] = i % 2 ? '/' : 'a';
    path[sizeof(path) - 2] = 'c';
    path[sizeof(path) - 1] = '\0';
    clock_t start = clock();
    assert_false(ignores("/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b", path, false));
    memset(path, 'a', sizeof(path) - 1);
    assert_false(ignores("*a*a*a*a*a*a*a*a*a*a*a*a*a*b", path, false));
    assert_true((clock() - start) / CLOCKS_PER_SEC < 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_rules),
        cmocka_unit_test(names_match_at_any_depth),
        cmocka_unit_test(slash_anchors),
        cmocka_unit_test(trailing_slash_means_directory),
        cmocka_unit_test(two_stars),
        cmocka_unit_test(sets),
        cmocka_unit_test(escapes),
        cmocka_unit_test(spaces_and_line_ends),
        cmocka_unit_test(last_match_decides),
        cmocka_unit_test(deeper_files_override),
        cmocka_unit_test(many_stars_stay_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
