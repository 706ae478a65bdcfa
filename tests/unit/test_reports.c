#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "report/events.h"
#include "report/github.h"

static const char rows[] = "t.py::a\0"
                           "0\0"
                           "1500\0"
                           "\0"
                           "0\0"
                           "\0"
                           "t.py::b\0"
                           "1\0"
                           "20\0"
                           "/w/p/a,b.py\0"
                           "7\0"
                           "50%\nless";

static void rows_are_read(void **state)
{
    (void)state;
    struct ptd_outcomes o = {0};
    ptd_outcomes_parse(&o, rows, sizeof(rows));
    assert_int_equal(o.count, 2);
    assert_string_equal(o.rows[0].nodeid, "t.py::a");
    assert_int_equal(o.rows[0].duration_us, 1500);
    assert_string_equal(o.rows[1].path, "/w/p/a,b.py");
    assert_int_equal(o.rows[1].line, 7);
    assert_int_equal(o.of[PTD_OUTCOME_PASSED], 1);
    assert_int_equal(o.of[PTD_OUTCOME_FAILED], 1);
    for (size_t len = 0; len < sizeof(rows); len++) { /* cut off anywhere */
        PTD_CLEANUP_BUF struct ptd_buf exact = PTD_BUF_INIT;
        ptd_buf_add(&exact, rows, len);
        ptd_outcomes_parse(&o, exact.data ? exact.data : "", len);
        assert_true(o.count < 2);
    }
    ptd_outcomes_release(&o);
}

/* Of rows that arrive in pieces each is taken when it is whole. */
static void rows_one_by_one(void **state)
{
    (void)state;
    static const char first[] = "t.py::a\0"
                                "0\0"
                                "1500\0"
                                "\0"
                                "0\0";
    struct ptd_report_row row;
    for (size_t len = 0; len <= sizeof(first) - 1; len++)
        assert_int_equal(ptd_outcomes_row(rows, len, &row), 0);
    assert_int_equal(ptd_outcomes_row(rows, sizeof(first), &row), sizeof(first));
    assert_string_equal(row.nodeid, "t.py::a");
    assert_string_equal(ptd_outcome_name(row.outcome), "passed");
    assert_int_equal(ptd_outcomes_row(rows + 1, sizeof(rows) - 1, &row), sizeof(first) - 1);
    assert_string_equal(row.nodeid, ".py::a");
    assert_int_equal(ptd_outcomes_row("a\0b\0c\0d\0e\0f", 12, &row), -1);
}

static void events_are_lines(void **state)
{
    (void)state;
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    struct ptd_err err = {.msg = "no \"x\"", .hint = "a\nb"};
    char root[] = "/w/p";
    struct ptd_run_report report = {.root = root, .ran = true, .status = 1};
    struct ptd_report_row row = {"t.py::t\x01\xff", PTD_OUTCOME_ERROR, 1500, "/w/p/a.py", 3, "m"};
    ptd_events_result(&report, &row, &out);
    ptd_events_error(&err, &out);
    ptd_events_summary(&report, 137, 9, &out);
    assert_string_equal(
        out.data,
        "{\"event\":\"result\",\"nodeid\":\"t.py::t\\u0001\\udcff\",\"outcome\":\"error\","
        "\"duration\":0.001500,\"path\":\"a.py\",\"line\":3,\"message\":\"m\"}\n"
        "{\"event\":\"error\",\"message\":\"no \\\"x\\\"\",\"hint\":\"a\\u000ab\"}\n"
        "{\"event\":\"summary\",\"ran\":true,\"exit_code\":137,\"signal\":9,\"pytest_status\":1,"
        "\"passed\":0,\"failed\":0,\"error\":0,\"skipped\":0,\"xfailed\":0,\"xpassed\":0,"
        "\"flaky\":0}\n");
}

static void rows_that_make_no_sense_end_it(void **state)
{
    (void)state;
    static const char rest[] = "0\0"
                               "\0"
                               "0\0"
                               "\0";
    static const char *const bad[] = {"6", "-1", "", "99999999999999999999", "0x1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ptd_outcomes o = {0};
        PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
        ptd_buf_adds(&text, "t");
        ptd_buf_add(&text, "", 1);
        ptd_buf_add(&text, bad[i], strlen(bad[i]) + 1);
        ptd_buf_add(&text, rest, sizeof(rest) - 1);
        ptd_outcomes_parse(&o, text.data, text.len);
        assert_int_equal(o.count, 0);
        ptd_outcomes_release(&o);
    }
}

static void the_last_report_of_a_test_counts(void **state)
{
    (void)state;
    static const char twice[] = "t\0"
                                "1\0"
                                "0\0\0"
                                "0\0\0"
                                "t\0"
                                "0\0"
                                "0\0\0"
                                "0\0";
    struct ptd_outcomes o = {0};
    ptd_outcomes_parse(&o, twice, sizeof(twice));
    assert_int_equal(o.count, 1);
    assert_int_equal(o.rows[0].outcome, PTD_OUTCOME_PASSED);
    ptd_outcomes_release(&o);
}

static void markup_means_nothing(void **state)
{
    (void)state;
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    ptd_markup_add(&out, "a <b>|_*`\n\"&\xff\x01\xc3\xa4", "<br>");
    assert_string_equal(out.data, "a &#60;b&#62;&#124;&#95;&#42;&#96;<br>&#34;&#38;"
                                  "\xef\xbf\xbd\xef\xbf\xbd\xc3\xa4");
}

static void annotations_are_escaped(void **state)
{
    (void)state;
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    char root[] = "/w/p", around[] = "/w", line[] = "1 of 2\r\n";
    struct ptd_run_report report = {.root = root, .around = around, .line = line};
    ptd_outcomes_parse(&report.outcomes, rows, sizeof(rows));
    ptd_github_annotations(&report, &out);
    assert_string_equal(out.data,
                        "::error file=p/a%2Cb.py,line=7,title=t.py%3A%3Ab::50%25%0Aless\n");
    ptd_buf_reset(&out);
    ptd_github_notice(&report, &out);
    assert_string_equal(out.data, "::notice title=pyt-diff::1 of 2%0D%0A\n");
    assert_string_equal(ptd_run_report_path(&report, "/wider/x.py"), "/wider/x.py");
    ptd_outcomes_release(&report.outcomes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read),
        cmocka_unit_test(rows_one_by_one),
        cmocka_unit_test(events_are_lines),
        cmocka_unit_test(rows_that_make_no_sense_end_it),
        cmocka_unit_test(the_last_report_of_a_test_counts),
        cmocka_unit_test(markup_means_nothing),
        cmocka_unit_test(annotations_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
