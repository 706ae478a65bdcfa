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
    {"t.py::a", false, PTD_REASON_CHANGED, 0, 1500000, false},
    {"t.py::b", false, PTD_REASON_CHANGED, 0, 0, false},
    {"t.py::c", false, PTD_REASON_FAILED, SIZE_MAX, 0, false},
    {"t.py::d", false, PTD_REASON_CHANGED, 1, 0, false},
    {"t.py::e", false, PTD_REASON_CHANGED, 2, 0, false},
    {"new.py", true, PTD_REASON_NEW, SIZE_MAX, 0, false},
    {"old.py", true, PTD_REASON_UNCOLLECTED, SIZE_MAX, 0, false},
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
           "\"tests\":[],\"files\":[],\"seconds\":0.000000,\"untimed\":0}\n");
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

static void a_difference_of_gits(void **state)
{
    (void)state;
    struct ptd_selection sel = {.items = items, .count = 1, .tests = 1, .total = 9};
    struct ptd_summary s = summary_of(&sel);
    struct ptd_summary_since since = {
        .label = "since main@1a2b3c4", .request = "--since main", .ref = "main", .commit = "1a2b"};
    s.since = &since;
    expect(ptd_summary_line, &s, "pyt-diff: 1 of 9 tests affected since main@1a2b3c4 (a.py: f)\n");
    since.elsewhere = 1;
    since.left_out = 2;
    expect(
        ptd_summary_line, &s,
        "pyt-diff: 1 of 9 tests affected since main@1a2b3c4 (a.py: f; 1 of them last recorded in "
        "neither state; 2 affected by other changes left out)\n");
    sel.count = sel.tests = 0;
    since.elsewhere = 0;
    s.changed_files = 3;
    expect(ptd_summary_line, &s,
           "pyt-diff: no tests affected since main@1a2b3c4 (0 of 9; 3 files changed; 2 affected by "
           "other changes left out)\n");
    expect(ptd_summary_json, &s,
           "{\"version\":1,\"total\":9,\"affected\":0,\"changed_files\":3,\"no_data\":false,"
           "\"since\":{\"request\":\"--since main\",\"ref\":\"main\",\"commit\":\"1a2b\","
           "\"compared_with\":\"git\",\"recorded_elsewhere\":0,\"left_out\":2},"
           "\"tests\":[],\"files\":[],\"seconds\":0.000000,\"untimed\":0}\n");
    since.label = NULL;
    since.commit = NULL;
    since.problem = "no git";
    expect(ptd_summary_line, &s, "pyt-diff: no tests affected (0 of 9; 3 files changed)\n");
    expect(ptd_summary_json, &s,
           "{\"version\":1,\"total\":9,\"affected\":0,\"changed_files\":3,\"no_data\":false,"
           "\"since\":{\"request\":\"--since main\",\"ref\":\"main\","
           "\"compared_with\":\"records\",\"problem\":\"no git\"},"
           "\"tests\":[],\"files\":[],\"seconds\":0.000000,\"untimed\":0}\n");
    sel = (struct ptd_selection){.items = items + 5, .count = 1, .new_files = 1, .total = 4};
    since.label = "by staged changes";
    since.left_out = 0;
    expect(ptd_summary_line, &s,
           "pyt-diff: 1 new test file to collect, 0 of 4 known tests affected by staged changes "
           "(new test file)\n");
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
           "file\"}],\"seconds\":0.000000,\"untimed\":0}\n");
    sel.items = items;
    sel.count = sel.tests = 1;
    expect(ptd_summary_json, &s,
           "{\"version\":1,\"total\":4,\"affected\":1,\"changed_files\":1,\"no_data\":false,"
           "\"tests\":[{\"nodeid\":\"t.py::a\",\"reason\":\"changed\",\"detail\":\"a.py: f\","
           "\"duration\":1.500000}],\"files\":[],\"seconds\":0.000000,\"untimed\":0}\n");
}

static void shards(void **state)
{
    (void)state;
    struct ptd_selection sel = {.items = items, .count = 1, .tests = 1, .total = 9};
    struct ptd_summary s = summary_of(&sel);
    sel.all_shards = 3;
    s.shard = 2;
    s.shards = 4;
    sel.split = 0xabc;
    expect(ptd_summary_line, &s,
           "pyt-diff: 3 of 9 tests affected (a.py: f), shard 2/4 runs 1 of them\n");
    expect(ptd_summary_list, &s, "t.py::a\n\n1/9 tests affected in shard 2/4\n");
    sel.items = items + 5;
    sel.new_files = 1;
    sel.tests = 0;
    expect(ptd_summary_line, &s,
           "pyt-diff: 3 of 9 tests affected, 1 new test file to collect (new test file), shard 2/4 "
           "runs none of them and its part of the new ones\n");
    sel.all_shards = 0;
    expect(ptd_summary_line, &s,
           "pyt-diff: 1 new test file to collect, 0 of 9 known tests affected (new test file), "
           "shard 2/4 runs its part\n");
    sel.count = 0;
    expect(ptd_summary_line, &s, "pyt-diff: no tests affected (0 of 9; nothing changed)\n");
    expect(ptd_summary_json, &s,
           "{\"version\":1,\"total\":9,\"affected\":0,\"changed_files\":0,\"no_data\":false,"
           "\"tests\":[],\"files\":[],\"seconds\":0.000000,\"untimed\":0,\"shard\":{\"index\":2,"
           "\"count\":4,\"split\":\"0000000000000abc\"}}\n");
    sel.all_shards = 3;
    expect(ptd_summary_line, &s, "pyt-diff: 3 of 9 tests affected, shard 2/4 runs none of them\n");
    s.everything = true;
    expect(ptd_summary_line, &s,
           "pyt-diff: running all tests, as asked, shard 2/4 runs none of them\n");
    s.no_data = true;
    expect(ptd_summary_line, &s,
           "pyt-diff: no data for cpython 3.11.7 linux x86_64 yet: running shard 2/4 of all tests "
           "and recording\n");
}

static void all_with_the_affected_first(void **state)
{
    (void)state;
    static struct ptd_selected mixed[] = {{"t.py::a", false, PTD_REASON_CHANGED, 0, 0, false},
                                          {"t.py::b", false, PTD_REASON_ALL, SIZE_MAX, 0, false}};
    struct ptd_selection sel = {.items = mixed, .count = 2, .tests = 2, .total = 2, .affected = 1};
    struct ptd_summary s = summary_of(&sel);
    s.first = true;
    expect(ptd_summary_line, &s, "pyt-diff: running all 2 tests, 1 affected first (a.py: f)\n");
    expect(ptd_summary_list, &s, "t.py::a\nt.py::b\n\n2/2 tests, 1 affected\n");
    mixed[0].reason = PTD_REASON_ALL;
    sel.affected = 0;
    expect(ptd_summary_line, &s, "pyt-diff: running all 2 tests, none of them affected\n");
}

/* The times of a run are told when they are known, and only what is known. */
static void estimates(void **state)
{
    (void)state;
    struct ptd_selection sel = {.items = items, .count = 1, .tests = 1, .total = 9};
    struct ptd_summary s = summary_of(&sel);
    sel.known_us = 999999;
    expect(ptd_summary_line, &s, "pyt-diff: 1 of 9 tests affected (a.py: f)\n");
    expect(ptd_summary_saved, &s, "");
    sel.known_us = 4240000;
    expect(ptd_summary_line, &s, "pyt-diff: 1 of 9 tests affected (a.py: f), about 4.2 s\n");
    sel.unknown = 1;
    expect(ptd_summary_line, &s, "pyt-diff: 1 of 9 tests affected (a.py: f), 4.2 s or more\n");
    s.parallel = true;
    sel.known_us = 200ull * 1000000;
    expect(ptd_summary_line, &s,
           "pyt-diff: 1 of 9 tests affected (a.py: f), 3 min 20 s of test time or more\n");
    sel.spared_us = 7500ull * 1000000;
    expect(ptd_summary_saved, &s,
           "pyt-diff: 8 tests not run, about 2 h 5 min of test time saved\n");
    s.parallel = false;
    sel.spared_us = 34ull * 1000000;
    expect(ptd_summary_saved, &s, "pyt-diff: 8 tests not run, about 34 s saved\n");
    s.narrowed = true;
    expect(ptd_summary_line, &s, "pyt-diff: 1 of 9 tests affected (a.py: f)\n");
    expect(ptd_summary_saved, &s, "");
    s.narrowed = false;
    s.shards = s.shard = 1;
    expect(ptd_summary_saved, &s, "");
}

static void end_to_end_tests_left_out(void **state)
{
    (void)state;
    struct ptd_selection sel = {.total = 9, .left_out = 1};
    struct ptd_summary s = summary_of(&sel);
    expect(ptd_summary_line, &s,
           "pyt-diff: no tests affected (0 of 9; nothing changed; 1 affected end-to-end test left "
           "out)\n");
    sel.items = items;
    sel.count = sel.tests = 1;
    sel.left_out = 2;
    expect(ptd_summary_line, &s,
           "pyt-diff: 1 of 9 tests affected (a.py: f; 2 affected end-to-end tests left out)\n");
}

static void every_reason_has_words(void **state)
{
    (void)state;
    for (int reason = PTD_REASON_NEW; reason <= PTD_REASON_BASELINE; reason++) {
        struct ptd_selected item = {"t", false, (enum ptd_reason)reason, 0, 0, false};
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
        cmocka_unit_test(shards),
        cmocka_unit_test(all_with_the_affected_first),
        cmocka_unit_test(estimates),
        cmocka_unit_test(end_to_end_tests_left_out),
        cmocka_unit_test(a_difference_of_gits),
        cmocka_unit_test(every_reason_has_words),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
