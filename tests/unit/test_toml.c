#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config/toml.h"

static struct ptd_toml read_toml(const char *text)
{
    struct ptd_toml toml;
    struct ptd_err err = {0};
    /* A copy without a NUL behind it, so that reading too far is seen. */
    size_t len = strlen(text);
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    int status = ptd_toml_parse(copy, len, &toml, &err);
    free(copy);
    if (status != 0)
        fail_msg("%s: %s", text, err.msg);
    return toml;
}

static const char kinds[] = "tsaw";

static void check(const char *text, const char *expected)
{
    struct ptd_toml toml = read_toml(text);
    struct ptd_buf got = PTD_BUF_INIT;
    ptd_buf_adds(&got, "");
    for (size_t i = 0; i < toml.count; i++) {
        const struct ptd_toml_entry *e = &toml.entries[i];
        ptd_buf_addf(&got, "%c %s", kinds[e->kind], e->path);
        if (e->items)
            for (char **item = e->items; *item; item++)
                ptd_buf_addf(&got, " <%s>", *item);
        else if (e->kind != PTD_TOML_TABLE)
            ptd_buf_addf(&got, "=%s", e->text);
        ptd_buf_adds(&got, "|");
    }
    assert_string_equal(got.data, expected);
    ptd_buf_release(&got);
    ptd_toml_release(&toml);
}

static void refuse(const char *text, const char *message)
{
    struct ptd_toml toml;
    struct ptd_err err = {0};
    assert_int_equal(ptd_toml_parse(text, strlen(text), &toml, &err), -1);
    assert_int_equal(err.code, PTD_E_CONFIG);
    assert_string_equal(err.msg, message);
    ptd_toml_release(&toml);
}

static void test_keys(void **state)
{
    (void)state;
    check("", "");
    check("a = 1\nb.c = 2\n[d]\ne = 3\n", "w a=1|w b.c=2|t d|w d.e=3|");
    check("[ a . \"b\" . 'c.d' ]\n\"x y\".z = 1", "t a.b.\"c.d\"|w a.b.\"c.d\".\"x y\".z=1|");
    check("[[a.b]]\nc = 1\n[[a.b]]\n", "t a.b|w a.b.c=1|t a.b|");
    check("# c\n\n [a] # c\r\n  k = 1 # c\r\n", "t a|w a.k=1|");
    check("\xef\xbb\xbf"
          "1-2 = true",
          "w 1-2=true|");
    check("\"\" = 1", "w \"\"=1|");
}

static void test_strings(void **state)
{
    (void)state;
    check("a = \"x\\ty\\\"\\\\\\u00e9\\U0001F600\"", "s a=x\ty\"\\\xc3\xa9\xf0\x9f\x98\x80|");
    check("a = 'x\\n'", "s a=x\\n|");
    check("a = \"# [b]\" # c", "s a=# [b]|");
    check("a = \"\"\nb = ''", "s a=|s b=|");
    check("a = \"\"\"\nx\n y\"\"\"", "s a=x\n y|");
    check("a = \"\"\"\r\nx\r\ny\"\"\"", "s a=x\ny|");
    check("a = \"\"\"x \\\n\n   y\"\"\"", "s a=x y|");
    check("a = \"\"\"\"q\"\" \"\"\"\"\"", "s a=\"q\"\" \"\"|");
    check("a = '''it's ''x'' '''", "s a=it's ''x'' |");
    check("a = '''\n[b]\nc = 1\n'''\nd = 1", "s a=[b]\nc = 1\n|w d=1|");
}

static void test_values(void **state)
{
    (void)state;
    check("a = 1_000\nb = -1.5e3 # x\nc = 1979-05-27 07:32:00Z\nd = true",
          "w a=1_000|w b=-1.5e3|w c=1979-05-27 07:32:00Z|w d=true|");
    check("a = [ 'x', \"y\" ,\n # c\n 3, ]", "a a <x> <y> <3>|");
    check("a = []\nb = [[1, 2], ['x']]", "a a|a b <[1, 2]> <['x']>|");
    check("a = [ {b = 1}, {b = 'x'} ]\nc = 1", "a a <> <>|w c=1|");
    check("a = {b = 1, c.d = ['x'], \"e f\" = {}}", "t a|w a.b=1|a a.c.d <x>|t a.\"e f\"|");
    check("a = { b = 1,\n c = 2, }", "t a|w a.b=1|w a.c=2|");
}

static void test_refused(void **state)
{
    (void)state;
    refuse("a = \"x\n\"", "line 1: string without an end");
    refuse("\na = '''x", "line 2: string without an end");
    refuse("a = \"\\q\"", "line 1: bad escape in a string");
    refuse("a = \"\\ud800\"", "line 1: bad escape in a string");
    refuse("a = \"\\u12", "line 1: bad escape in a string");
    refuse("a\n", "line 1: \"=\" expected");
    refuse("a =\n", "line 1: value expected");
    refuse("= 1\n", "line 1: key expected");
    refuse("[a\n", "line 1: \"]\" expected");
    refuse("[[a]\n", "line 1: \"]\" expected");
    refuse("[a] b = 1\n", "line 1: end of line expected");
    refuse("a = 'x' y\n", "line 1: end of line expected");
    refuse("a = [1 2", "line 1: \",\" or \"]\" expected");
    refuse("a = [\n1,\n", "line 3: value expected");
    refuse("a = {b = 1", "line 1: \",\" or \"}\" expected");
}

static void test_deep_nesting_is_refused(void **state)
{
    (void)state;
    char text[100000] = "a = ";
    memset(text + 4, '[', sizeof(text) - 5);
    text[sizeof(text) - 1] = '\0';
    refuse(text, "line 1: nested too deeply");
    for (size_t i = 4; i + 3 < sizeof(text); i += 3)
        memcpy(text + i, "{b=", 3);
    refuse(text, "line 1: nested too deeply");
}

static void test_lookup(void **state)
{
    (void)state;
    struct ptd_toml toml = read_toml("[tool.pytest-x]\n[tool.pyt]\na = {b.c = 1}\n");
    assert_true(ptd_toml_has(&toml, "tool"));
    assert_true(ptd_toml_has(&toml, "tool.pyt.a.b"));
    assert_false(ptd_toml_has(&toml, "tool.pytest"));
    assert_int_equal(toml.entries[toml.count - 1].line, 3);
    ptd_toml_release(&toml);
    assert_true(ptd_toml_within("a.b", "a"));
    assert_true(ptd_toml_within("a", "a"));
    assert_false(ptd_toml_within("ab", "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_deep_nesting_is_refused),
        cmocka_unit_test(test_lookup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
