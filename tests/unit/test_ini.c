#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config/ini.h"

static struct ptd_ini read_ini(const char *text)
{
    struct ptd_ini ini;
    struct ptd_err err = {0};
    if (ptd_ini_parse(text, strlen(text), &ini, &err) != 0)
        fail_msg("%s", err.msg);
    return ini;
}

/* "section/key=value" a line, headers as "section/". */
static void check(const char *text, const char *expected)
{
    struct ptd_ini ini = read_ini(text);
    struct ptd_buf got = PTD_BUF_INIT;
    ptd_buf_adds(&got, "");
    for (size_t i = 0; i < ini.count; i++) {
        const struct ptd_ini_entry *e = &ini.entries[i];
        ptd_buf_addf(&got, "%s/%s%s%s|", e->section, e->key ? e->key : "", e->key ? "=" : "",
                     e->key ? e->value : "");
    }
    assert_string_equal(got.data, expected);
    ptd_buf_release(&got);
    ptd_ini_release(&ini);
}

static void refuse(const char *text, const char *message)
{
    struct ptd_ini ini;
    struct ptd_err err = {0};
    assert_int_equal(ptd_ini_parse(text, strlen(text), &ini, &err), -1);
    assert_int_equal(err.code, PTD_E_CONFIG);
    assert_string_equal(err.msg, message);
    ptd_ini_release(&ini);
}

static void test_pairs(void **state)
{
    (void)state;
    check("", "");
    check("[a]\nk=v\nk2 : v2\nk3=a:b\nk4: a=b\nk5 =\n",
          "a/|a/k=v|a/k2=v2|a/k3=a:b|a/k4=a=b|a/k5=|");
    check("\xef\xbb\xbf[a]\r\nk = v\r\n", "a/|a/k=v|");
    check("[a] # note\n[b];x\n[c d]", "a/|b/|c d/|");
    check("[a]\nk = v # stays\nl = v ; stays\n", "a/|a/k=v # stays|a/l=v ; stays|");
}

static void test_continuation(void **state)
{
    (void)state;
    check("[a]\nk = 1\n  2\n\n\t3\n# no\n  # no\n  4\nl = x", "a/|a/k=1\n2\n3\n4|a/l=x|");
    check("[a]\nk =\n  1\n", "a/|a/k=1|");
    check("[a]\nk = 1\n [b]\n", "a/|a/k=1\n[b]|");
    check("[a]\nk = 1\n[b\n", "a/|a/k=1\n[b|");
}

static void test_line_ends(void **state)
{
    (void)state;
    check("[a]\rk=1\vl=2\fm=3\xc2\x85n=4\xe2\x80\xa8o=5", "a/|a/k=1|a/l=2|a/m=3|a/n=4|a/o=5|");
}

static void test_refused(void **state)
{
    (void)state;
    refuse("k = 1\n", "line 1: no section header defined");
    refuse("[a]\nword\n", "line 2: unexpected line: \"word\"");
    refuse("[a]\nk=1\nk=2\n", "line 3: duplicate name \"k\"");
    refuse("[a]\n[b]\n[a]\n", "line 3: duplicate section \"a\"");
    refuse("[]\n", "line 1: empty section name");
    refuse("  x\n", "line 1: unexpected value continuation");
    refuse("[a]\n  x\n", "line 2: unexpected value continuation");
}

static void test_same_key_in_two_sections(void **state)
{
    (void)state;
    check("[a]\nk=1\n[b]\nk=2\n", "a/|a/k=1|b/|b/k=2|");
    struct ptd_ini ini = read_ini("[a]\n[tool:pytest]\nk=1\n");
    assert_true(ptd_ini_has_section(&ini, "a"));
    assert_true(ptd_ini_has_section(&ini, "tool:pytest"));
    assert_false(ptd_ini_has_section(&ini, "pytest"));
    ptd_ini_release(&ini);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_continuation),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_same_key_in_two_sections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
