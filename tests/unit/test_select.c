#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "select/select.h"

#define HOLDS SIZE_MAX

/* The input while it is put together; nodes and their records in order. */
struct table {
    struct ptd_select_node nodes[32];
    struct ptd_select_record records[64];
    const char *test_files[16];
    const char *scope[8];
    struct ptd_select_input in;
    struct ptd_selection out;
    bool done;
};

static void start(struct table *t)
{
    *t = (struct table){.in = {.nodes = t->nodes,
                               .records = t->records,
                               .test_files = t->test_files,
                               .scope = t->scope}};
}

static void node(struct table *t, const char *name, const char *path, bool is_file)
{
    t->nodes[t->in.node_count++] =
        (struct ptd_select_node){.name = name, .path = path, .is_file = is_file, .present = true};
}

static size_t records(const struct table *t)
{
    size_t count = 0;
    for (size_t i = 0; i < t->in.node_count; i++)
        count += t->nodes[i].count;
    return count;
}

/* A record of the last node; they come newest first. */
static struct ptd_select_record *add(struct table *t, int outcome, size_t broken)
{
    size_t at = records(t);
    struct ptd_select_node *n = &t->nodes[t->in.node_count - 1];
    if (n->count++ == 0)
        n->first = at;
    t->records[at] = (struct ptd_select_record){
        .outcome = outcome, .id = (int64_t)at + 1, .broken = broken, .duration_us = 100 * (at + 1)};
    return &t->records[at];
}

/* A file whose tests (NUL-terminated each) are known. */
static void file(struct table *t, const char *path, const char *tests, size_t len, size_t broken)
{
    node(t, path, path, true);
    struct ptd_select_record *r = add(t, PTD_OUTCOME_PASSED, broken);
    r->tests = tests;
    r->tests_len = len;
}

static void test(struct table *t, const char *name, const char *path, int outcome, size_t broken)
{
    node(t, name, path, false);
    add(t, outcome, broken);
}

static const char a_tests[] = "a.py::f\0a.py::g";
static const char b_tests[] = "b.py::h";

/* Two files with three tests, all known to pass. */
static void quiet(struct table *t)
{
    start(t);
    file(t, "a.py", a_tests, sizeof(a_tests), HOLDS);
    file(t, "b.py", b_tests, sizeof(b_tests), HOLDS);
    test(t, "a.py::f", "a.py", PTD_OUTCOME_PASSED, HOLDS);
    test(t, "a.py::g", "a.py", PTD_OUTCOME_PASSED, HOLDS);
    test(t, "b.py::h", "b.py", PTD_OUTCOME_PASSED, HOLDS);
}

static struct ptd_select_record *record_of(struct table *t, const char *name)
{
    for (size_t i = 0; i < t->in.node_count; i++)
        if (strcmp(t->nodes[i].name, name) == 0)
            return &t->records[t->nodes[i].first];
    fail();
    return NULL;
}

static void list(struct ptd_buf *out, const char *key, const char **items, size_t count)
{
    ptd_buf_addf(out, "%s:", key);
    for (size_t i = 0; i < count; i++)
        ptd_buf_addf(out, " %s", items[i]);
    ptd_buf_addc(out, '\n');
}

/* "run: NAME=REASON[BROKEN] ...\nignore: ...\ndeselect: ...\n" */
static void expect(struct table *t, const char *expected)
{
    static const char *const reasons[] = {"new",   "changed", "failed",  "uncollected",
                                          "named", "all",     "baseline"};
    struct ptd_buf out = PTD_BUF_INIT;
    ptd_select(&t->in, &t->out);
    ptd_buf_adds(&out, "run:");
    for (size_t i = 0; i < t->out.count; i++) {
        const struct ptd_selected *s = &t->out.items[i];
        ptd_buf_addf(&out, " %s%s=%s", s->is_file ? "+" : "", s->name, reasons[s->reason]);
        if (s->broken != SIZE_MAX)
            ptd_buf_addf(&out, "%zu", s->broken);
    }
    ptd_buf_addc(&out, '\n');
    list(&out, "ignore", t->out.ignore, t->out.ignore_count);
    list(&out, "deselect", t->out.deselect, t->out.deselect_count);
    assert_string_equal(out.data, expected);
    ptd_buf_release(&out);
}

static void release(struct table *t)
{
    ptd_selection_release(&t->out);
}

static void nothing_at_all(void **state)
{
    (void)state;
    struct table t;
    start(&t);
    expect(&t, "run:\nignore:\ndeselect:\n");
    release(&t);
    t.in = (struct ptd_select_input){0};
    expect(&t, "run:\nignore:\ndeselect:\n");
    release(&t);
}

static void nothing_affected(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    expect(&t, "run:\nignore: a.py b.py\ndeselect:\n");
    assert_int_equal(t.out.total, 3);
    assert_int_equal(t.out.ignored_tests, 3);
    assert_int_equal(t.out.valid_count, 5);
    release(&t);
}

static void one_is_affected(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    record_of(&t, "a.py::g")->broken = 4;
    expect(&t, "run: a.py::g=changed4\nignore: b.py\ndeselect: a.py::f\n");
    assert_int_equal(t.out.tests, 1);
    assert_int_equal(t.out.ignored_tests, 1);
    assert_int_equal(t.out.items[0].duration_us, 400);
    assert_int_equal(t.out.valid_count, 4);
    release(&t);
}

static void outcomes(void **state)
{
    (void)state;
    static const struct {
        int outcome;
        const char *run;
    } cases[] = {
        {PTD_OUTCOME_PASSED, "run:\nignore: a.py b.py\ndeselect:\n"},
        {PTD_OUTCOME_SKIPPED, "run:\nignore: a.py b.py\ndeselect:\n"},
        {PTD_OUTCOME_XFAILED, "run:\nignore: a.py b.py\ndeselect:\n"},
        {PTD_OUTCOME_XPASSED, "run:\nignore: a.py b.py\ndeselect:\n"},
        {PTD_OUTCOME_FAILED, "run: b.py::h=failed\nignore: a.py\ndeselect:\n"},
        {PTD_OUTCOME_ERROR, "run: b.py::h=failed\nignore: a.py\ndeselect:\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct table t;
        quiet(&t);
        record_of(&t, "b.py::h")->outcome = cases[i].outcome;
        expect(&t, cases[i].run);
        release(&t);
    }
}

static void the_newest_that_holds_counts(void **state)
{
    (void)state;
    struct table t;
    start(&t);
    file(&t, "b.py", b_tests, sizeof(b_tests), HOLDS);
    node(&t, "b.py::h", "b.py", false);
    add(&t, PTD_OUTCOME_FAILED, 1);
    add(&t, PTD_OUTCOME_PASSED, HOLDS);
    add(&t, PTD_OUTCOME_FAILED, HOLDS);
    expect(&t, "run:\nignore: b.py\ndeselect:\n");
    release(&t);
    t.records[2].outcome = PTD_OUTCOME_ERROR;
    t.records[3].outcome = PTD_OUTCOME_PASSED;
    expect(&t, "run: b.py::h=failed\nignore:\ndeselect:\n");
    assert_int_equal(t.out.known_failures, 1);
    release(&t);
    t.records[2].broken = 7;
    t.records[3].broken = 8;
    expect(&t, "run: b.py::h=changed1\nignore:\ndeselect:\n");
    release(&t);
}

static void new_files_and_tests(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    t.test_files[0] = "a.py";
    t.test_files[1] = "c.py";
    t.in.test_file_count = 2;
    expect(&t, "run: +c.py=new\nignore: a.py b.py\ndeselect:\n");
    assert_int_equal(t.out.tests, 0);
    assert_int_equal(t.out.new_files, 1);
    release(&t);
    /* In the list of its file, never run. */
    t.nodes[4].count = 0;
    expect(&t, "run: b.py::h=new +c.py=new\nignore: a.py\ndeselect:\n");
    release(&t);
    /* Not even known by its name. */
    t.in.node_count = 4;
    expect(&t, "run: b.py::h=new +c.py=new\nignore: a.py\ndeselect:\n");
    release(&t);
}

/* Its tests may be others now: it is collected, and what is known of it to hold does not run. */
static void a_changed_file(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    record_of(&t, "a.py")->broken = 3;
    expect(&t, "run: +a.py=changed3\nignore: b.py\ndeselect: a.py::f a.py::g\n");
    assert_int_equal(t.out.total, 3);
    release(&t);
    record_of(&t, "a.py::f")->broken = 3;
    expect(&t, "run: a.py::f=changed3\nignore: b.py\ndeselect: a.py::g\n");
    release(&t);
    /* A test that is new in it is new because of that change. */
    t.nodes[2].count = 0;
    expect(&t, "run: a.py::f=changed3\nignore: b.py\ndeselect: a.py::g\n");
    release(&t);
}

static void a_file_known_by_its_tests_only(void **state)
{
    (void)state;
    struct table t;
    start(&t);
    test(&t, "a.py::f", "a.py", PTD_OUTCOME_PASSED, HOLDS);
    expect(&t, "run: +a.py=new\nignore:\ndeselect:\n");
    release(&t);
}

static void a_file_that_could_not_be_collected(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    record_of(&t, "a.py")->outcome = PTD_OUTCOME_ERROR;
    expect(&t, "run: +a.py=uncollected\nignore: b.py\ndeselect: a.py::f a.py::g\n");
    release(&t);
}

static void a_file_that_was_not_collected(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    file(&t, "data.py", "", 0, HOLDS);
    record_of(&t, "data.py")->outcome = PTD_SELECT_NOT_COLLECTED;
    t.test_files[t.in.test_file_count++] = "data.py";
    expect(&t, "run:\nignore: a.py b.py data.py\ndeselect:\n");
    release(&t);
    record_of(&t, "data.py")->broken = 2;
    expect(&t, "run: +data.py=changed2\nignore: a.py b.py\ndeselect:\n");
    release(&t);
}

static void what_is_gone(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    for (size_t i = 0; i < t.in.node_count; i++)
        t.nodes[i].present = strcmp(t.nodes[i].path, "a.py") != 0;
    record_of(&t, "a.py::f")->broken = 0;
    expect(&t, "run:\nignore: b.py\ndeselect:\n");
    assert_int_equal(t.out.total, 1);
    release(&t);
}

static void a_test_that_left_its_file(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    test(&t, "a.py::gone", "a.py", PTD_OUTCOME_FAILED, HOLDS);
    expect(&t, "run:\nignore: a.py b.py\ndeselect:\n");
    assert_int_equal(t.out.total, 3);
    release(&t);
}

static void everything(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    t.in.everything = true;
    t.test_files[t.in.test_file_count++] = "new.py";
    expect(&t, "run: a.py::f=all a.py::g=all b.py::h=all +new.py=new\nignore:\ndeselect:\n");
    assert_int_equal(t.out.valid_count, 5);
    release(&t);
}

static void since_a_baseline(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    t.in.since_baseline = true;
    for (size_t i = 0; i < 5; i++)
        t.records[i].baseline = true;
    expect(&t, "run:\nignore: a.py b.py\ndeselect:\n");
    release(&t);
    record_of(&t, "b.py::h")->baseline = false;
    expect(&t, "run: b.py::h=baseline\nignore: a.py\ndeselect:\n");
    release(&t);
}

static void scopes(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    record_of(&t, "a.py::g")->broken = 1;
    record_of(&t, "b.py::h")->broken = 1;
    t.scope[0] = "b.py";
    expect(&t, "run: b.py::h=changed1\nignore:\ndeselect: a.py::f\n");
    assert_int_equal(t.out.outside, 1);
    assert_int_equal(t.out.total, 1);
    release(&t);
    t.scope[0] = "";
    expect(&t, "run: a.py::g=changed1 b.py::h=changed1\nignore:\ndeselect: a.py::f\n");
    release(&t);
    t.scope[0] = "elsewhere";
    /* What is affected is left to pytest, should it look there after all. */
    expect(&t, "run:\nignore:\ndeselect: a.py::f\n");
    assert_int_equal(t.out.outside, 2);
    release(&t);
    t.test_files[0] = "new.py";
    t.in.test_file_count = 1;
    expect(&t, "run:\nignore:\ndeselect: a.py::f\n");
    release(&t);
    /* An argument is collected whatever we say. */
    t.scope[0] = "a.py";
    record_of(&t, "a.py::g")->broken = HOLDS;
    expect(&t, "run:\nignore:\ndeselect: a.py::f a.py::g\n");
    record_of(&t, "a.py::g")->broken = 1;
    release(&t);
    t.scope[0] = "a.py::f";
    t.scope[1] = "b.py";
    expect(&t, "run: a.py::f=named b.py::h=changed1\nignore:\ndeselect:\n");
    release(&t);
}

static const char many[] = "t/a.py::C::m\0t/a.py::C::m[1]\0t/a.py::Cx::m\0t/a.py::C";

static void named_nodes_and_what_is_below(void **state)
{
    (void)state;
    struct table t;
    start(&t);
    file(&t, "t/a.py", many, sizeof(many), HOLDS);
    for (const char *p = many; p < many + sizeof(many); p += strlen(p) + 1)
        test(&t, p, "t/a.py", PTD_OUTCOME_PASSED, HOLDS);
    t.scope[0] = "t/a.py::C";
    expect(&t, "run: t/a.py::C::m=named t/a.py::C::m[1]=named t/a.py::C=named\n"
               "ignore:\ndeselect: t/a.py::Cx::m\n");
    release(&t);
    t.scope[0] = "t/a.py::C::m";
    expect(&t, "run: t/a.py::C::m=named t/a.py::C::m[1]=named\n"
               "ignore:\ndeselect: t/a.py::Cx::m t/a.py::C\n");
    release(&t);
    /* A file that has to be collected anyway still is one of those named. */
    record_of(&t, "t/a.py")->broken = 1;
    t.scope[0] = "t/a.py::D";
    expect(&t, "run: +t/a.py=changed1\nignore:\n"
               "deselect: t/a.py::C::m t/a.py::C::m[1] t/a.py::Cx::m t/a.py::C\n");
    release(&t);
}

/* Every known test either runs, or is told to be left out: nothing gets lost. */
static void nothing_gets_lost(void **state)
{
    (void)state;
    static const size_t brokens[] = {HOLDS, 0, HOLDS};
    for (unsigned seed = 0; seed < 4096; seed++) {
        struct table t;
        quiet(&t);
        unsigned bits = seed;
        for (size_t i = 0; i < 5; i++, bits >>= 2) {
            t.records[i].broken = brokens[bits & 1];
            if (i >= 2 && bits & 2)
                t.records[i].outcome = PTD_OUTCOME_FAILED;
            else if (bits & 2)
                t.nodes[i].count = 0;
        }
        t.in.since_baseline = bits & 1;
        ptd_select(&t.in, &t.out);
        size_t known = 0;
        for (size_t i = 0; i < 2; i++)
            known += t.nodes[i].count ? 2 - i : 0;
        assert_int_equal(t.out.tests + t.out.deselect_count + t.out.ignored_tests, known);
        assert_int_equal(t.out.total, known);
        for (size_t i = 2; i < 5; i++) {
            bool holds = t.records[i].broken == HOLDS && !t.in.since_baseline &&
                         t.records[i].outcome != PTD_OUTCOME_FAILED;
            for (size_t k = 0; !holds && k < t.out.deselect_count; k++)
                assert_string_not_equal(t.out.deselect[k], t.nodes[i].name);
            for (size_t k = 0; !holds && k < t.out.ignore_count; k++)
                assert_string_not_equal(t.out.ignore[k], t.nodes[i].path);
        }
        release(&t);
    }
}

/* Affected and failing tests in front, then by duration. */
static void the_affected_first(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    t.in.first = true;
    record_of(&t, "a.py::f")->duration_us = 300;
    record_of(&t, "a.py::g")->duration_us = 200;
    record_of(&t, "b.py::h")->duration_us = 100;
    expect(&t, "run: b.py::h=all a.py::g=all a.py::f=all\nignore:\ndeselect:\n");
    assert_int_equal(t.out.affected, 0);
    assert_int_equal(t.out.valid_count, 5);
    release(&t);
    record_of(&t, "a.py::f")->broken = 2;
    expect(&t, "run: a.py::f=changed2 b.py::h=all a.py::g=all\nignore:\ndeselect:\n");
    assert_int_equal(t.out.affected, 1);
    assert_int_equal(t.out.known_us, 600);
    release(&t);
    /* It failed and has been edited since: that is what one is working on. */
    record_of(&t, "a.py::g")->broken = 2;
    record_of(&t, "a.py::g")->outcome = PTD_OUTCOME_FAILED;
    expect(&t, "run: a.py::g=changed2 a.py::f=changed2 b.py::h=all\nignore:\ndeselect:\n");
    release(&t);
    t.scope[0] = "b.py";
    expect(&t, "run: b.py::h=all\nignore:\ndeselect:\n");
    release(&t);
}

/* What is never left out: tests of a file that is collected anew, and those that are named. */
static bool leaves_g_and_b_out(int64_t collection, const char *name, void *arg)
{
    (void)arg;
    return collection == 1 ? strcmp(name, "a.py::g") == 0 : strcmp(name, "b.py") == 0;
}

static void left_out(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    t.in.left_out = leaves_g_and_b_out;
    t.test_files[0] = "b.py";
    t.in.test_file_count = 1;
    record_of(&t, "a.py::f")->broken = 1;
    record_of(&t, "a.py::g")->broken = 1;
    record_of(&t, "b.py")->broken = 1;
    record_of(&t, "b.py::h")->broken = 1;
    expect(&t, "run: a.py::f=changed1\nignore: b.py\ndeselect: a.py::g\n");
    assert_int_equal(t.out.left_out, 2);
    assert_int_equal(t.out.total, 1);
    release(&t);
    record_of(&t, "a.py::f")->broken = HOLDS;
    expect(&t, "run:\nignore: a.py b.py\ndeselect:\n");
    release(&t);
    record_of(&t, "a.py")->broken = 1;
    expect(&t, "run: a.py::g=changed1\nignore: b.py\ndeselect: a.py::f\n");
    release(&t);
    t.scope[0] = "b.py::h";
    expect(&t, "run: b.py::h=named\nignore:\ndeselect: a.py::f\n");
    release(&t);
}

/* Many tests in a few files; `seed` decides which are affected and how long they take. */
static char many_names[60][24];
static char lists[6][240];

static void many_tests(struct table *t, struct ptd_select_node *nodes,
                       struct ptd_select_record *results, unsigned seed)
{
    size_t count = 0;
    for (int f = 0; f < 6; f++) {
        char *list = lists[f];
        static const char *const paths[] = {"a.py", "b.py", "c.py", "d.py", "e.py", "f.py"};
        size_t of_file = count++;
        for (int i = 0; i < 10; i++) {
            char *name = many_names[f * 10 + i];
            int n = sprintf(name, "%s::t%d", paths[f], i);
            memcpy(list, name, (size_t)n + 1);
            list += n + 1;
            seed = seed * 1103515245 + 12345;
            results[count] = (struct ptd_select_record){.broken = seed >> 16 & 3 ? 1 : HOLDS,
                                                        .duration_us = 1000 + (seed >> 18) % 4000};
            nodes[count] = (struct ptd_select_node){name, paths[f], false, true, count, 1};
            if ((seed >> 20) % 16 == 0)
                nodes[count].count = 0; /* new */
            count++;
        }
        nodes[of_file] = (struct ptd_select_node){paths[f], paths[f], true, true, of_file, 1};
        results[of_file] = (struct ptd_select_record){.broken = f == 5 ? 1 : HOLDS,
                                                      .tests = lists[f],
                                                      .tests_len = (size_t)(list - lists[f])};
    }
    *t = (struct table){.in = {.nodes = nodes, .node_count = count, .records = results}};
}

static bool is_in(const char *name, const char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

/* Each selected test is in one shard, known to the others where they collect its file, and the
 * shards take equally long. */
static void shards(void **state)
{
    (void)state;
    static struct ptd_select_node nodes[66];
    static struct ptd_select_record results[66];
    for (unsigned seed = 0; seed < 200; seed++) {
        struct table t;
        struct ptd_selection whole, part;
        size_t seen = 0;
        uint64_t most = 0, least = UINT64_MAX, split = 0;
        many_tests(&t, nodes, results, seed);
        ptd_select(&t.in, &whole);
        t.in.shards = 1 + seed % 5;
        for (t.in.shard = 1; t.in.shard <= t.in.shards; t.in.shard++) {
            ptd_select(&t.in, &part);
            assert_int_equal(part.all_shards, whole.tests);
            assert_int_equal(part.total, whole.total);
            assert_int_equal(part.all_known_us, whole.known_us);
            assert_true(t.in.shard == 1 || part.split == split);
            split = part.split;
            seen += part.tests;
            most = part.known_us > most ? part.known_us : most;
            least = part.known_us < least ? part.known_us : least;
            for (size_t i = 0; i < whole.tests; i++) {
                const char *name = whole.items[i].name;
                bool ours = false;
                for (size_t k = 0; k < part.tests; k++)
                    ours = ours || strcmp(part.items[k].name, name) == 0;
                char path[] = {name[0], '.', 'p', 'y', '\0'};
                bool ignored = is_in(path, part.ignore, part.ignore_count);
                assert_int_equal(is_in(name, part.elsewhere, part.elsewhere_count),
                                 !ours && !ignored);
                assert_false(ours && ignored);
                assert_false(is_in(name, part.deselect, part.deselect_count));
            }
            assert_false(is_in("f.py", part.ignore, part.ignore_count)); /* it has changed */
            ptd_selection_release(&part);
        }
        assert_int_equal(seen, whole.tests);
        assert_true(most - least <= whole.known_us / t.in.shards / 2);
        ptd_selection_release(&whole);
    }
}

static void shards_of_everything(void **state)
{
    (void)state;
    struct table t;
    quiet(&t);
    t.in.everything = true;
    t.in.shards = 2;
    t.in.shard = 1;
    record_of(&t, "b.py::h")->duration_us = 10000;
    expect(&t, "run: b.py::h=all\nignore: a.py\ndeselect:\n");
    release(&t);
    t.in.shard = 2;
    expect(&t, "run: a.py::f=all a.py::g=all\nignore: b.py\ndeselect:\n");
    release(&t);
    /* What is in a changed file nobody knows before it is collected. */
    record_of(&t, "b.py")->broken = 1;
    expect(&t, "run: a.py::f=all a.py::g=all\nignore:\ndeselect:\n");
    assert_int_equal(t.out.elsewhere_count, 1);
    release(&t);
}

static bool is_in_list(const char *name, void *arg)
{
    for (const char **n = arg; *n; n++)
        if (strcmp(*n, name) == 0)
            return true;
    return false;
}

static void passed_elsewhere(void **state)
{
    (void)state;
    struct table t;
    const char *passed[] = {"a.py::g", "b.py::h", NULL};
    quiet(&t);
    t.in.passed = is_in_list;
    t.in.passed_arg = passed;
    /* What holds needs no such answer; a file without a test to run is not collected. */
    expect(&t, "run:\nignore: a.py b.py\ndeselect:\n");
    assert_int_equal(t.out.all_passed, 0);
    release(&t);
    record_of(&t, "a.py::f")->broken = 4;
    record_of(&t, "a.py::g")->broken = 4;
    record_of(&t, "b.py::h")->broken = 4;
    expect(&t, "run: a.py::f=changed4\nignore: b.py\ndeselect:\n");
    assert_int_equal(t.out.passed_count, 1);
    assert_string_equal(t.out.passed[0], "a.py::g");
    assert_int_equal(t.out.all_passed, 2);
    release(&t);
    /* Its file may hold new tests: it is collected all the same. */
    record_of(&t, "b.py")->broken = 5;
    expect(&t, "run: a.py::f=changed4 +b.py=changed5\nignore:\ndeselect:\n");
    assert_int_equal(t.out.passed_count, 2);
    release(&t);
    /* A failure counts until it has passed here, and so does a name on the command line. */
    record_of(&t, "b.py::h")->broken = HOLDS;
    record_of(&t, "b.py::h")->outcome = PTD_OUTCOME_FAILED;
    t.scope[0] = "a.py::g";
    t.scope[1] = "b.py";
    expect(&t, "run: a.py::g=named b.py::h=failed\nignore:\ndeselect:\n");
    assert_int_equal(t.out.all_passed, 0);
    release(&t);
    /* Shards are shared out first: who runs what does not depend on what others have told since. */
    t.scope[0] = NULL;
    record_of(&t, "b.py::h")->outcome = PTD_OUTCOME_PASSED;
    for (t.in.shards = 2, t.in.shard = 1; t.in.shard <= 2; t.in.shard++) {
        ptd_select(&t.in, &t.out);
        for (size_t i = 0; i < t.out.tests; i++)
            assert_string_equal(t.out.items[i].name, "a.py::f");
        assert_int_equal(t.out.tests + t.out.all_passed, 1);
        release(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(nothing_affected),
        cmocka_unit_test(one_is_affected),
        cmocka_unit_test(outcomes),
        cmocka_unit_test(the_newest_that_holds_counts),
        cmocka_unit_test(new_files_and_tests),
        cmocka_unit_test(a_changed_file),
        cmocka_unit_test(a_file_known_by_its_tests_only),
        cmocka_unit_test(a_file_that_could_not_be_collected),
        cmocka_unit_test(a_file_that_was_not_collected),
        cmocka_unit_test(what_is_gone),
        cmocka_unit_test(a_test_that_left_its_file),
        cmocka_unit_test(everything),
        cmocka_unit_test(since_a_baseline),
        cmocka_unit_test(scopes),
        cmocka_unit_test(named_nodes_and_what_is_below),
        cmocka_unit_test(nothing_gets_lost),
        cmocka_unit_test(the_affected_first),
        cmocka_unit_test(left_out),
        cmocka_unit_test(shards),
        cmocka_unit_test(shards_of_everything),
        cmocka_unit_test(passed_elsewhere),
    };
    return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
