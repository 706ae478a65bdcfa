#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/glob.h"
#include "base/mem.h"
#include "base/path.h"
#include "contract/environ.h"
#include "state/packages.h"
#include "state/packages_read.h"
#include "state/variables.h"

static char top[] = "/tmp/ptd-packages-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    memcpy(top + strlen(top) - 6, "XXXXXX", 6);
    return mkdtemp(top) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", top);
    return system(command) == 0 ? 0 : -1;
}

static void put(const char *name, const char *text)
{
    char *path = ptd_path_join(top, name);
    for (char *slash = path + strlen(top) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    free(path);
}

/* ---- patterns ---- */

static void test_glob(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool matches;
    } cases[] = {
        {"a.py", "a.py", true},      {"a.py", "b/a.py", false},
        {"*.py", "a.py", true},      {"*.py", "b/a.py", false},
        {"**/*.py", "a.py", true},   {"**/*.py", "b/c/a.py", true},
        {"b/**", "b/a", true},       {"b/**", "b/c/d", true},
        {"b/**", "b", false},        {"b/**", "bc/d", false},
        {"**", "a/b", true},         {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/y/b", true}, {"a/**/b", "a/x/bc", false},
        {"a/*/b", "a/x/b", true},    {"a/*/b", "a/x/y/b", false},
        {"a?c", "abc", true},        {"a?c", "a/c", false},
        {"[a-c]x", "bx", true},      {"[a-c]x", "dx", false},
        {"[!a-c]x", "dx", true},     {"[]]x", "]x", true},
        {"data/", "data/a/b", true}, {"data/", "data", false},
        {"./a", "a", true},          {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},  {"*", "", false},
        {"a**b", "axxb", true},      {"**/test_*.py", "t/test_a.py", true},
        {"a/**/**/b", "a/b", true},  {"", "a", false},
        {"a[", "a[", true},          {"x/[ab]/y", "x/a/y", true},
        {"[a/b]", "a", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (ptd_glob_match(cases[i].pattern, cases[i].path) != cases[i].matches)
            fail_msg("%s and %s", cases[i].pattern, cases[i].path);
    assert_true(ptd_glob_match_name("CI_*", "CI_A/B"));
    assert_false(ptd_glob_match_name("CI", "CI_A"));
    assert_true(ptd_glob_is_pattern("a/*.py") && ptd_glob_is_pattern("a/"));
    assert_false(ptd_glob_is_pattern("a/b.py"));
}

static void test_glob_problems(void **state)
{
    (void)state;
    assert_null(ptd_glob_problem("a/**/[a-z]*.py"));
    assert_non_null(ptd_glob_problem(""));
    assert_non_null(ptd_glob_problem("/a"));
    assert_non_null(ptd_glob_problem("a/../b"));
    assert_non_null(ptd_glob_problem("a[b"));
    assert_non_null(ptd_glob_problem("a[b/c]"));
    assert_null(ptd_glob_problem("a..b/..c"));
}

/* ---- metadata ---- */

static void expect(const struct ptd_distribution *d, const char *expected)
{
    PTD_CLEANUP_BUF struct ptd_buf got = PTD_BUF_INIT;
    ptd_buf_addf(&got, "%s %s%s%s%s:", d->name, d->version, d->editable ? " editable" : "",
                 d->unknown ? " unknown" : "", d->plugin ? " plugin" : "");
    for (size_t i = 0; i < d->module_count; i++)
        ptd_buf_addf(&got, " %s", d->modules[i]);
    ptd_buf_adds(&got, " <");
    for (size_t i = 0; i < d->requirement_count; i++)
        ptd_buf_addf(&got, " %s%s", d->requirements[i].name,
                     d->requirements[i].conditional ? "?" : "");
    assert_string_equal(got.data, expected);
}

static void check(const char *entry, const char *expected)
{
    struct ptd_distribution d;
    assert_true(ptd_packages_read(top, entry, &d));
    expect(&d, expected);
    ptd_distribution_release(&d);
}

static void test_dist_info(void **state)
{
    (void)state;
    put("Foo_Bar-1.2.dist-info/METADATA",
        "Metadata-Version: 2.1\r\nName: Foo.Bar\r\nVersion: 1.2\r\nRequires-Dist: Werk_zeug>=2\r\n"
        "requires-dist: a[b] (>1) ; python_version < '3'\r\nRequires-Dist: x; extra == 'y'\r\n\r\n"
        "Requires-Dist: none\n");
    put("Foo_Bar-1.2.dist-info/RECORD",
        "foo/__init__.py,sha256=x,1\nfoo/b.py,,\n_foo.cpython-311-x86_64-linux-gnu.so,,\n"
        "../../../bin/foo,,\nFoo_Bar-1.2.dist-info/RECORD,,\n__pycache__/single.pyc,,\n"
        "single.py,,\n\"ns/with,comma.py\",,\nfoo.pth,,\nREADME,,\n/abs/x.py,,\n");
    put("Foo_Bar-1.2.dist-info/entry_points.txt", "[console_scripts]\na=b\n[pytest11]\nx = y\n");
    check("Foo_Bar-1.2.dist-info", "foo-bar 1.2 plugin: foo _foo single ns < werk-zeug a?");
    put("Foo_Bar-1.2.dist-info/direct_url.json", "{\"dir_info\": {\"editable\" : true}}");
    check("Foo_Bar-1.2.dist-info",
          "foo-bar 1.2 editable plugin: foo _foo single ns < werk-zeug a?");
}

static void test_odd_metadata(void **state)
{
    struct ptd_distribution d;
    (void)state;
    put("bare-3.dist-info/INSTALLER", "x");
    check("bare-3.dist-info", "bare 3 unknown: <");
    put("deb-1.dist-info/top_level.txt", "deb\n_deb\n");
    check("deb-1.dist-info", "deb 1: deb _deb <");
    put("egg-4.egg-info/PKG-INFO", "Name: Egg\nVersion: 4\n\n");
    put("egg-4.egg-info/requires.txt", "one>=1\n\n[extra]\ntwo\n\n[:python_version<'3']\nthree\n");
    put("egg-4.egg-info/installed-files.txt", "../egg/__init__.py\nPKG-INFO\n");
    check("egg-4.egg-info", "egg 4: egg < one three?");
    put("old-5-py3.egg-info", "Name: old\nVersion: 5\n\n");
    check("old-5-py3.egg-info", "old 5 unknown: <");
    put("src/linked.egg-info/PKG-INFO", "Name: linked\nVersion: 6\n\n");
    char link[128];
    snprintf(link, sizeof(link), "%s/src\n.\n", top);
    put("linked.egg-link", link);
    check("linked.egg-link", "linked 6 editable: <");
    assert_false(ptd_packages_read(top, "none-1.dist-info", &d));
}

/* ---- contents ---- */

static void add(const char *name, const char *version, const char *requires, const char *record)
{
    PTD_CLEANUP_FREE char *path = ptd_xasprintf("%s-x.dist-info/METADATA", name);
    PTD_CLEANUP_FREE char *files = ptd_xasprintf("%s-x.dist-info/RECORD", name);
    PTD_CLEANUP_FREE char *text =
        ptd_xasprintf("Name: %s\nVersion: %s\nRequires-Dist: %s\n", name, version, requires);
    PTD_CLEANUP_FREE char *record_text = ptd_xasprintf("%s,%s,\n", record, version);
    put(path, text);
    put(files, record_text);
}

static const char *const paths[] = {PTD_PACKAGES_ALL, PTD_PACKAGES_PLUGINS, PTD_PACKAGES_SITE,
                                    "module:a",       "module:b",           "module:c",
                                    "distribution:a", "distribution:nix"};
#define PATHS (sizeof(paths) / sizeof(*paths))

/* Which of the paths have another content than at the last call, a letter each. */
static void expect_changes(struct ptd_hash128 before[PATHS], const char *expected)
{
    static const char letters[] = "*psabcdn";
    char got[PATHS + 1] = "";
    size_t count = 0;
    struct ptd_packages p;
    PTD_CLEANUP_FREE char *folders = ptd_xasprintf("%s\n/does/not/exist\n", top);
    ptd_packages_look(&p, folders, NULL);
    for (size_t i = 0; i < PATHS; i++) {
        struct ptd_hash128 now = ptd_packages_hash(&p, paths[i]);
        if (!ptd_hash128_equal(&now, &before[i]))
            got[count++] = letters[i];
        before[i] = now;
    }
    ptd_packages_release(&p);
    assert_string_equal(got, expected);
}

static void test_contents(void **state)
{
    struct ptd_hash128 hashes[PATHS] = {{{0}}};
    (void)state;
    add("pytest", "1", "c", "pytest.py");
    add("a", "1", "b", "a/__init__.py");
    expect_changes(hashes, "*psabcdn");
    expect_changes(hashes, "");
    add("a", "2", "b", "a/__init__.py");
    expect_changes(hashes, "*ad");
    add("b", "1", "z", "b.py");
    expect_changes(hashes, "*b");
    add("c", "1", "z", "c.py");
    expect_changes(hashes, "*pc");
    add("nix", "1", "z", "other.py");
    expect_changes(hashes, "*n");
    add("second", "1", "z", "b.py");
    expect_changes(hashes, "*b");
    put("some.pth", "import x\n");
    expect_changes(hashes, "s");
    put("sitecustomize.py", "x = 1\n");
    expect_changes(hashes, "s");
    put("lost-1.dist-info/METADATA", "Name: lost\nVersion: 1\n\n");
    expect_changes(hashes, "*s");
    put("~tmp-1.dist-info/METADATA", "Name: tmp\nVersion: 1\n\n");
    expect_changes(hashes, "");
}

static void test_variables(void **state)
{
    static const char *const always[] = {"PTD_TEST_*", NULL};
    static const char *const never[] = {"PTD_TEST_NOT", NULL};
    struct ptd_variables rules = {always, never};
    (void)state;
    unsetenv("PTD_TEST_A");
    struct ptd_hash128 unset = ptd_variables_hash(&rules, "PTD_TEST_A");
    struct ptd_hash128 before = ptd_variables_hash(&rules, PTD_VARIABLES_ALWAYS);
    struct ptd_hash128 none = ptd_variables_content(NULL);
    assert_true(ptd_hash128_equal(&unset, &none));
    setenv("PTD_TEST_NOT", "x", 1);
    struct ptd_hash128 same = ptd_variables_hash(&rules, PTD_VARIABLES_ALWAYS);
    assert_true(ptd_hash128_equal(&same, &before));
    setenv("PTD_TEST_A", "", 1);
    struct ptd_hash128 empty = ptd_variables_hash(&rules, "PTD_TEST_A");
    struct ptd_hash128 after = ptd_variables_hash(&rules, PTD_VARIABLES_ALWAYS);
    uint64_t hash = ptd_environ_hash("PTD_TEST_A", 10, "", 0);
    struct ptd_hash128 content = ptd_variables_content(&hash);
    assert_false(ptd_hash128_equal(&unset, &empty));
    assert_false(ptd_hash128_equal(&after, &before));
    assert_true(ptd_hash128_equal(&content, &empty));
    assert_true(ptd_variables_ignored(&rules, "PTD_TEST_NOT"));
    assert_false(ptd_variables_ignored(&rules, "PTD_TEST_A"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob), cmocka_unit_test(test_glob_problems),
        TEST(test_dist_info),        TEST(test_odd_metadata),
        TEST(test_contents),         cmocka_unit_test(test_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
