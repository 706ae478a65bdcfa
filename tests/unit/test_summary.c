#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "report/summary.h"

static const char *describe(size_t broken, void *arg)
{
    static const char *const texts[] = {"a.py: f", "b.py: \"q\"", "c.py: module level", "d.py: g",
                                        "e.py: h"};
    (void)arg;
    return texts[broken];
}

static struct ptd_summary summary_of(const struct ptd_selection *selection)
{
    return (struct ptd_summary){
        .selection = selection, .describe = describe, .python = "cpython 3.11.7 linux x86_64"};
}

static void expect(void (*write)(const struct ptd_summary *, struct ptd_buf *),
                   const struct ptd_summary *summary, const char *expected)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    write(summary, &out);
    assert_string_equal(out.data ? out.data : "", expected);
}

static struct ptd_selected items[] = {
    {"t.py::a", false, PTD_REASON_CHANGED, 0, 1500000},
    {"t.py::b", false, PTD_REASON_CHANGED, 0, 0},
    {"t.py::c", false, PTD_REASON_FAILED, SIZE_MAX, 0},
    {"t.py::d", false, PTD_REASON_CHANGED, 1, 0},
    {"t.py::e", false, PTD_REASON_CHANGED, 2, 0},
    {"new.py", true, PTD_REASON_NEW, SIZE_MAX, 0},
    {"old.py", true, PTD_REASON_UNCOLLECTED, SIZE_MAX, 0},
};

static void nothing_affected(void **state)
{
    (void)state;
    struct ptd_selection sel = {.total = 840};
    struct ptd_summary s = summary_of(&sel);
    expect(ptd_summary_line, &s, "pyt-diff: no tests affected (0 of 840; nothing changed)\n");
    s.changed_files = 1;
    expect(ptd_summary_line, &s, "pyt-diff: no tests affected (0 of 840; 1 file changed)\n");
    s.changed_files = 2;
    sel.outside = 3;
    expect(ptd_summary_line, &s,
           "pyt-diff: no tests affected (0 of 840; 2 files changed; 3 affected outside the given "
           "paths)\n");
    expect(ptd_summary_reasons, &s, "");
    expect(ptd_summary_list, &s, "0/840 tests affected\n");
    expect(ptd_summary_json, &s,
           "{\"version\":1,\"total\":840,\"affected\":0,\"changed_files\":2,\"no_data\":false,"
           "\"tests\":[],\"files\":[]}\n");
}

static void first_runs(void **state)
{
    (void)state;
    struct ptd_selection sel = {.items = items + 5, .count = 1};
    struct ptd_summary s = summary_of(&sel);
    s.no_data = true;
    expect(ptd_summary_line, &s,
           "pyt-diff: no data for cpython 3.11.7 linux x86_64 yet: running all tests and "
           "recording\n");
    s.no_data = false;
    s.everything = true;
    expect(ptd_summary_line, &s, "pyt-diff: running all tests, as asked\n");
}

static void tests_and_causes(void **state)
{
    (void)state;
    struct ptd_selection sel = {.items = items, .count = 1, .tests = 1, .total = 1};
    struct ptd_summary s = summary_of(&sel);
    expect(ptd_summary_line, &s, "pyt-diff: 1 of 1 test affected (a.py: f)\n");
    sel.count = sel.tests = 3;
    sel.total = 10;
    expect(ptd_summary_line, &s, "pyt-diff: 3 of 10 tests affected (a.py: f; failed before)\n");
    sel.count = sel.tests = 5;
    sel.outside = 2;
    expect(ptd_summary_line, &s,
           "pyt-diff: 5 of 10 tests affected (a.py: f; failed before; b.py: \"q\"; 1 more; 2 more "
           "affected outside the given paths)\n");
    sel.count = 4;
    sel.tests = 4;
    expect(ptd_summary_reasons, &s,
           "  t.py::a: a.py: f\n  t.py::b: a.py: f\n  t.py::c: failed before\n"
           "  t.py::d: b.py: \"q\"\n");
    expect(ptd_summary_list, &s, "t.py::a\nt.py::b\nt.py::c\nt.py::d\n\n4/10 tests affected\n");
}

static void files_to_collect(void **state)
{
    (void)state;
    struct ptd_selection sel = {.items = items + 5, .count = 1, .new_files = 1, .total = 4};
    struct ptd_summary s = summary_of(&sel);
    expect(ptd_summary_line, &s,
           "pyt-diff: 1 new test file to collect, 0 of 4 known tests affected (new test file)\n");
    sel.items = items + 4;
    sel.count = 3;
    sel.tests = 1;
    expect(ptd_summary_line, &s,
           "pyt-diff: 1 of 4 tests affected, 2 test files to collect (c.py: module level; new test "
           "file; could not be collected before)\n");
    expect(ptd_summary_list, &s,
           "t.py::e\nnew.py\nold.py\n\n1/4 tests affected, 2 files to collect\n");
}

static void json(void **state)
{
    (void)state;
    struct ptd_selection sel = {.items = items + 3, .count = 3, .tests = 2, .total = 4};
    struct ptd_summary s = summary_of(&sel);
    s.changed_files = 1;
    expect(ptd_summary_json, &s,
           "{\"version\":1,\"total\":4,\"affected\":2,\"changed_files\":1,\"no_data\":false,"
           "\"tests\":[{\"nodeid\":\"t.py::d\",\"reason\":\"changed\",\"detail\":\"b.py: "
           "\\\"q\\\"\"},{\"nodeid\":\"t.py::e\",\"reason\":\"changed\",\"detail\":\"c.py: module "
           "level\"}],\"files\":[{\"path\":\"new.py\",\"reason\":\"new\",\"detail\":\"new test "
           "file\"}]}\n");
    sel.items = items;
    sel.count = sel.tests = 1;
    expect(ptd_summary_json, &s,
           "{\"version\":1,\"total\":4,\"affected\":1,\"changed_files\":1,\"no_data\":false,"
           "\"tests\":[{\"nodeid\":\"t.py::a\",\"reason\":\"changed\",\"detail\":\"a.py: f\","
           "\"duration\":1.500000}],\"files\":[]}\n");
}

static void every_reason_has_words(void **state)
{
    (void)state;
    for (int reason = PTD_REASON_NEW; reason <= PTD_REASON_BASELINE; reason++) {
        struct ptd_selected item = {"t", false, (enum ptd_reason)reason, 0, 0};
        struct ptd_selection sel = {.items = &item, .count = 1, .tests = 1, .total = 1};
        struct ptd_summary s = summary_of(&sel);
        PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT, all = PTD_BUF_INIT;
        ptd_summary_reasons(&s, &out);
        assert_true(out.len > strlen("  t: \n"));
        ptd_summary_json(&s, &all);
        assert_null(strstr(all.data, "\"reason\":\"\""));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_affected),
        cmocka_unit_test(first_runs),
        cmocka_unit_test(tests_and_causes),
        cmocka_unit_test(files_to_collect),
        cmocka_unit_test(json),
        cmocka_unit_test(every_reason_has_words),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
