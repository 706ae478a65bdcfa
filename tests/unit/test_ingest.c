/* From journals over records to the selection, through changes of the tree. */
#include "ingest_world.h"

#define A_PY "LIMIT = 1\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n"
#define B_PY "import a\n\ndef h():\n    return a.f()\n"

static const char test_a[] = "import a\n\ndef test_f():\n    a.f()\n\ndef test_g():\n    a.g()\n";
static const char test_b[] = "import b\n\ndef test_h():\n    b.h()\n";
static const char test_c[] = "def test_alone():\n    pass\n";

static void make_project(struct world *world)
{
    put(world, "a.py", A_PY);
    put(world, "b.py", B_PY);
    put(world, "test_a.py", test_a);
    put(world, "test_b.py", test_b);
    put(world, "sub/test_c.py", test_c);
}

static void import_all(struct session *s)
{
    module(s, "a.py", "");
    module(s, "b.py", "i:a.py n:a");
    module(s, "test_a.py", "i:a.py n:a");
    module(s, "test_b.py", "i:b.py n:b");
    module(s, "sub/test_c.py", "");
}

static void collect_all(struct session *s)
{
    import_all(s);
    collect(s, "test_a.py", "test_f test_g");
    collect(s, "test_b.py", "test_h");
    collect(s, "sub/test_c.py", "test_alone");
}

static void ran_a_and_b(struct session *s)
{
    ran(s, "test_a.py", "test_f", "c:a.py:f");
    ran(s, "test_a.py", "test_g", "c:a.py:g");
    ran(s, "test_b.py", "test_h", "c:b.py:h c:a.py:f");
}

static void ran_all(struct session *s)
{
    ran_a_and_b(s);
    ran(s, "sub/test_c.py", "test_alone", "");
}

/* What a run of everything records. */
static void run_all(struct world *world)
{
    struct session s;
    begin(world, &s);
    collect_all(&s);
    ran_all(&s);
    end(&s);
}

static struct world *recorded_world(void **state)
{
    struct world *world = *state;
    make_project(world);
    open_world(world, false);
    run_all(world);
    expect(world, "");
    assert_int_equal(world->verdict.selection.total, 4);
    return world;
}

static const char everything_of_a[] = "  test_a.py::test_f: a.py: LIMIT\n"
                                      "  test_b.py::test_h: a.py: LIMIT\n";

/* ---- before anything is known ---- */

static void nothing_known(void **state)
{
    struct world *world = *state;
    make_project(world);
    open_world(world, false);
    expect(world, "  sub/test_c.py: new test file\n"
                  "  test_a.py: new test file\n"
                  "  test_b.py: new test file\n");
    assert_true(world->verdict.no_data);
}

static void an_empty_tree(void **state)
{
    struct world *world = *state;
    struct session s;
    open_world(world, false);
    expect(world, "");
    begin(world, &s);
    end(&s);
    expect(world, "");
    assert_int_equal(world->verdict.selection.total, 0);
}

static void an_empty_session(void **state)
{
    struct world *world = *state;
    make_project(world);
    open_world(world, false);
    start_sessions(world);
    assert_int_equal(ingest(world, true), 0);
    expect(world, "  sub/test_c.py: new test file\n"
                  "  test_a.py: new test file\n"
                  "  test_b.py: new test file\n");
}

/* ---- changes of code ---- */

static void a_body_concerns_its_users(void **state)
{
    struct world *world = recorded_world(state);
    put(world, "a.py", "LIMIT = 1\n\ndef f():\n    return LIMIT + 1\n\ndef g():\n    return 2\n");
    expect(world, "  test_a.py::test_f: a.py: f\n"
                  "  test_b.py::test_h: a.py: f\n");
    assert_int_equal(world->verdict.selection.deselect_count, 1);
    assert_int_equal(world->verdict.selection.ignore_count, 1);
}

static void a_comment_concerns_nobody(void **state)
{
    struct world *world = recorded_world(state);
    put(world, "a.py",
        "# limits\nLIMIT = 1\n\n\ndef f():\n    return LIMIT  # it\n\ndef g():\n    return 2\n");
    expect(world, "");
}

static void the_same_size_at_once(void **state)
{
    struct world *world = recorded_world(state);
    for (int i = 0; i < 20; i++) {
        put(world, "a.py",
            i % 2 ? "LIMIT = 1\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n"
                  : "LIMIT = 1\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 3\n");
        expect(world, i % 2 ? "" : "  test_a.py::test_g: a.py: g\n");
    }
}

static void module_level_concerns_importers(void **state)
{
    struct world *world = recorded_world(state);
    put(world, "a.py", "LIMIT = 2\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n");
    expect(world, everything_of_a);
}

static void a_function_that_vanished(void **state)
{
    struct world *world = recorded_world(state);
    put(world, "a.py", "LIMIT = 1\n\ndef g():\n    return 2\n");
    expect(world, "  test_a.py::test_f: a.py: f\n"
                  "  test_b.py::test_h: a.py: f\n");
}

static void a_deleted_module(void **state)
{
    struct world *world = recorded_world(state);
    drop(world, "a.py");
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    choose(world, NULL);
    reasons(world, &text);
    assert_int_equal(world->verdict.selection.tests, 3);
    assert_non_null(strstr(text.data, "a.py: deleted"));
    put(world, "a.py", A_PY);
    expect(world, "");
}

static void a_source_that_does_not_parse(void **state)
{
    struct world *world = recorded_world(state);
    put(world, "a.py", "LIMIT = (\n");
    expect(world, "  test_a.py::test_f: a.py: does not parse\n"
                  "  test_a.py::test_g: a.py: does not parse\n"
                  "  test_b.py::test_h: a.py: does not parse\n");
}

static void a_deleted_test_file(void **state)
{
    struct world *world = recorded_world(state);
    drop(world, "test_a.py");
    expect(world, "");
    assert_int_equal(world->verdict.selection.total, 2);
}

static void a_changed_test(void **state)
{
    struct world *world = recorded_world(state);
    put(world, "sub/test_c.py", "def test_alone():\n    assert 1\n");
    expect(world, "  sub/test_c.py::test_alone: sub/test_c.py: test_alone\n");
    put(world, "sub/test_c.py", "def test_alone():\n    pass\n\ndef test_more():\n    pass\n");
    expect(world, "  sub/test_c.py: sub/test_c.py: header of function test_more\n");
    assert_int_equal(world->verdict.selection.deselect_count, 1);
}

/* A file that was imported, and nobody saw its code run: no function of it can be told apart. */
static void an_import_that_was_not_seen(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    open_world(world, false);
    begin(world, &s);
    module(&s, "test_a.py", "i:a.py n:a");
    collect(&s, "test_a.py", "test_f");
    ran(&s, "test_a.py", "test_f", "c:a.py:f");
    end(&s);
    put(world, "a.py", "LIMIT = 1\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 3\n");
    choose(world, NULL);
    assert_string_equal(selected(world, 0)->name, "test_a.py::test_f");
    assert_int_equal(world->verdict.selection.tests, 1);
}

/* A module that was executed twice depends on what both times needed. */
static void a_module_with_two_scopes(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    put(world, "c.py", "def helper():\n    return 1\n");
    open_world(world, false);
    begin(world, &s);
    module(&s, "a.py", "");
    module(&s, "c.py", "");
    module(&s, "test_a.py", "i:c.py p:c.py:helper");
    module(&s, "test_a.py", "i:a.py p:a.py:g");
    collect(&s, "test_a.py", "test_f");
    ran(&s, "test_a.py", "test_f", "");
    end(&s);
    put(world, "c.py", "def helper():\n    return 2\n");
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 1);
    put(world, "c.py", "def helper():\n    return 1\n");
    put(world, "a.py", "LIMIT = 1\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 3\n");
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 1);
}

/* ---- scopes that others use ---- */

static void run_with_fixtures(struct world *world)
{
    struct session s;
    begin(world, &s);
    collect_all(&s);
    scope(&s, PTD_SCOPE_FIXTURE, "b.py", "inner", "c:a.py:g");
    scope(&s, PTD_SCOPE_FIXTURE, "b.py", "outer", "c:b.py:h u:inner");
    ran(&s, "test_a.py", "test_f", "");
    ran(&s, "sub/test_c.py", "test_alone", "u:outer");
    end(&s);
}

static void fixtures_reach_their_users(void **state)
{
    struct world *world = *state;
    make_project(world);
    open_world(world, false);
    run_with_fixtures(world);
    put(world, "a.py", "LIMIT = 1\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 3\n");
    expect(world, "  sub/test_c.py::test_alone: a.py: g\n"
                  "  test_a.py::test_g: new test\n"
                  "  test_b.py::test_h: new test\n");
    put(world, "a.py", A_PY);
    put(world, "b.py", "import a\n\ndef h():\n    return a.g()\n");
    expect(world, "  sub/test_c.py::test_alone: b.py: h\n"
                  "  test_a.py::test_g: new test\n"
                  "  test_b.py::test_h: new test\n");
}

/* What a fixture's module imports concerns the fixture's users. */
static void fixtures_bring_their_imports(void **state)
{
    struct world *world = *state;
    make_project(world);
    open_world(world, false);
    run_with_fixtures(world);
    put(world, "a.py",
        "LIMIT = 1\nprint(LIMIT)\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n");
    choose(world, NULL);
    assert_string_equal(selected(world, 0)->name, "sub/test_c.py::test_alone");
}

static void collections_use_scopes(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    open_world(world, false);
    begin(world, &s);
    import_all(&s);
    scope(&s, PTD_SCOPE_FIXTURE, "a.py", "cases", "c:a.py:g");
    collect_as(&s, "sub/test_c.py", "test_alone", PTD_OUTCOME_PASSED, 0, "u:cases");
    ran(&s, "sub/test_c.py", "test_alone", "");
    end(&s);
    put(world, "a.py", "LIMIT = 1\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 3\n");
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 1);
    assert_string_equal(selected(world, 0)->name, "sub/test_c.py::test_alone");
}

static void collection_code_concerns_all_of_a_file(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    open_world(world, false);
    begin(world, &s);
    import_all(&s);
    collect_as(&s, "test_a.py", "test_f test_g", PTD_OUTCOME_PASSED, 0, "c:b.py:h");
    ran(&s, "test_a.py", "test_f", "");
    ran(&s, "test_a.py", "test_g", "");
    end(&s);
    put(world, "b.py", "import a\n\ndef h():\n    return a.g()\n");
    expect(world, "  test_a.py::test_f: b.py: h\n"
                  "  test_a.py::test_g: b.py: h\n");
}

static void session_code_concerns_all(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    open_world(world, false);
    begin(world, &s);
    collect_all(&s);
    ran_all(&s);
    delta(&s, 0, "c:b.py:h");
    end(&s);
    put(world, "b.py", "import a\n\ndef h():\n    return a.g()\n");
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 4);
}

static void code_of_an_import_concerns_importers(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    open_world(world, false);
    begin(world, &s);
    module(&s, "a.py", "");
    module(&s, "b.py", "i:a.py p:a.py:g");
    module(&s, "test_a.py", "i:a.py");
    module(&s, "test_b.py", "i:b.py");
    collect(&s, "test_a.py", "test_f");
    collect(&s, "test_b.py", "test_h");
    ran(&s, "test_a.py", "test_f", "c:a.py:f");
    ran(&s, "test_b.py", "test_h", "");
    end(&s);
    put(world, "a.py", "LIMIT = 1\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 3\n");
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 1);
    assert_string_equal(selected(world, 0)->name, "test_b.py::test_h");
}

/* ---- the set of paths ---- */

static void a_new_provider(void **state)
{
    struct world *world = recorded_world(state);
    put(world, "lib/b.py", "");
    expect(world, "  test_b.py::test_h: files that provide a module named b changed\n");
    put(world, "lib/other.py", "");
    drop(world, "lib/b.py");
    expect(world, "");
}

static void a_name_that_nobody_provided(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    open_world(world, false);
    begin(world, &s);
    collect_all(&s);
    ran(&s, "test_a.py", "test_f", "n:speedups");
    ran(&s, "test_a.py", "test_g", "n:lib.speedups");
    end(&s);
    put(world, "speedups.cpython-311-x86_64-linux-gnu.so", "");
    choose(world, NULL);
    assert_string_equal(selected(world, 1)->name, "test_a.py::test_f");
    assert_int_equal(selected(world, 1)->reason, PTD_REASON_CHANGED);
    drop(world, "speedups.cpython-311-x86_64-linux-gnu.so");
    put(world, "lib/speedups/__init__.py", "");
    choose(world, NULL);
    assert_string_equal(selected(world, 2)->name, "test_a.py::test_g");
    assert_int_equal(selected(world, 2)->reason, PTD_REASON_CHANGED);
}

static void a_new_conftest(void **state)
{
    struct world *world = recorded_world(state);
    put(world, "sub/conftest.py", "");
    expect(world,
           "  sub/test_c.py::test_alone: conftest.py or __init__.py files for sub changed\n");
    drop(world, "sub/conftest.py");
    put(world, "conftest.py", "");
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 4);
    drop(world, "conftest.py");
    expect(world, "");
}

/*
 * A run that began before a file appeared, and ended after another process had looked at the new
 * tree: what it says of module names is about the old tree.
 */
static void names_from_an_older_tree(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    open_world(world, false);
    begin(world, &s);
    collect_all(&s);
    ran_a_and_b(&s);
    ran(&s, "sub/test_c.py", "test_alone", "n:late");
    jb_finish(&s.jb, 0);
    save(&s);

    put(world, "late.py", "");
    struct world other = *world;
    other.w.store = NULL;
    other.w.state_loaded = other.selected = false;
    open_world(&other, false);
    close_world(&other);

    ingest(world, true);
    expect(world, "  sub/test_c.py::test_alone: files that provide a module named late changed\n");
}

static void a_new_test_file(void **state)
{
    struct world *world = recorded_world(state);
    put(world, "test_new.py", "def test_it():\n    pass\n");
    expect(world, "  test_new.py: new test file\n");
}

/* ---- several records ---- */

static void going_back_is_known(void **state)
{
    struct world *world = recorded_world(state);
    put(world, "a.py", "LIMIT = 3\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n");
    expect(world, everything_of_a);
    run_all(world);
    expect(world, "");
    put(world, "a.py", A_PY);
    expect(world, "");
    put(world, "a.py", "LIMIT = 3\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n");
    expect(world, "");
    put(world, "a.py", "LIMIT = 4\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n");
    expect(world, everything_of_a);
}

static void only_so_many_states_are_kept(void **state)
{
    struct world *world = recorded_world(state);
    char text[128];
    for (int i = 0; i < PTD_RECORDS_KEPT; i++) {
        snprintf(text, sizeof(text),
                 "LIMIT = %d\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n", 10 + i);
        put(world, "a.py", text);
        look(world);
        run_all(world);
    }
    expect(world, "");
    put(world, "a.py", A_PY);
    expect(world, everything_of_a);
    put(world, "a.py", "LIMIT = 10\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n");
    expect(world, "");
}

static void run_g_as(struct world *world, uint32_t outcome)
{
    struct session s;
    begin(world, &s);
    collect_all(&s);
    ran_as(&s, "test_a.py", "test_g", outcome, "c:a.py:g");
    end(&s);
}

static int count_depset(ptd_id id, const void *data, size_t len, void *arg)
{
    (void)id, (void)data, (void)len;
    ++*(size_t *)arg;
    return 0;
}

static void what_nobody_needs_goes(void **state)
{
    struct world *world = recorded_world(state);
    struct ptd_err err = {0};
    size_t few = 0, count = 0;
    must(ptd_store_each_depset(world->w.store, count_depset, &few, &err), &err);
    for (int i = 0; i < 100; i++) {
        char text[128];
        snprintf(text, sizeof(text),
                 "LIMIT = %d\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n", 100 + i);
        put(world, "a.py", text);
        look(world);
        run_all(world);
    }
    expect(world, "");
    must(ptd_store_each_depset(world->w.store, count_depset, &count, &err), &err);
    assert_true(count < few * 20);
    put(world, "a.py", A_PY);
    expect(world, everything_of_a);
}

static void failures_stay_selected(void **state)
{
    struct world *world = recorded_world(state);
    run_g_as(world, PTD_OUTCOME_FAILED);
    expect(world, "  test_a.py::test_g: failed before\n");
    assert_int_equal(world->verdict.selection.known_failures, 1);
    run_g_as(world, PTD_OUTCOME_ERROR);
    expect(world, "  test_a.py::test_g: failed before\n");
    run_g_as(world, PTD_OUTCOME_SKIPPED);
    expect(world, "");
    run_g_as(world, PTD_OUTCOME_XFAILED);
    expect(world, "");
}

static void a_failure_in_another_state(void **state)
{
    struct world *world = recorded_world(state);
    put(world, "a.py", "LIMIT = 1\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 3\n");
    look(world);
    run_g_as(world, PTD_OUTCOME_FAILED);
    expect(world, "  test_a.py::test_g: failed before\n");
    put(world, "a.py", A_PY);
    expect(world, "");
}

/* ---- what cannot be trusted ---- */

static void a_file_changed_under_the_run(void **state)
{
    struct world *world = *state;
    make_project(world);
    open_world(world, false);
    put(world, "a.py", "LIMIT = 100\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n");
    run_all(world);
    expect(world, "  test_a.py::test_f: a.py: recorded incompletely\n"
                  "  test_a.py::test_g: a.py: recorded incompletely\n"
                  "  test_b.py::test_h: a.py: recorded incompletely\n");
    run_all(world);
    expect(world, "");
}

static void run_disturbed(struct world *world, const char *test_words, const char *fixture_words,
                          const char *module_words, const char *session_words)
{
    struct session s;
    begin(world, &s);
    delta(&s, 0, session_words);
    module(&s, "a.py", module_words);
    module(&s, "b.py", "i:a.py n:a");
    module(&s, "test_a.py", "i:a.py n:a");
    module(&s, "test_b.py", "i:b.py n:b");
    module(&s, "sub/test_c.py", "");
    collect(&s, "test_a.py", "test_f test_g");
    collect(&s, "test_b.py", "test_h");
    collect(&s, "sub/test_c.py", "test_alone");
    scope(&s, PTD_SCOPE_FIXTURE, "b.py", "fixture", fixture_words);
    ran(&s, "test_a.py", "test_f", "c:a.py:f");
    ran(&s, "test_a.py", "test_g", "c:a.py:g");
    ran(&s, "test_b.py", "test_h", "c:b.py:h c:a.py:f u:fixture");
    ran(&s, "sub/test_c.py", "test_alone", test_words);
    end(&s);
}

/* A state that is new to the records. */
static void new_state(struct world *world, int limit)
{
    char text[128];
    snprintf(text, sizeof(text),
             "LIMIT = 1\nprint(%d)\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n",
             limit);
    put(world, "a.py", text);
    look(world);
}

static void incomplete_scopes(void **state)
{
    struct world *world = *state;
    make_project(world);
    open_world(world, false);
    run_disturbed(world, "!", "", "", "");
    expect(world, "  sub/test_c.py::test_alone: sub/test_c.py: recorded incompletely\n");
    run_disturbed(world, "", "", "", "");
    expect(world, "");
    new_state(world, 2);
    run_disturbed(world, "", "!", "", "");
    expect(world, "  test_b.py::test_h: test_b.py: recorded incompletely\n");
    new_state(world, 3);
    run_disturbed(world, "", "", "!", "");
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 3);
    world->packages = "newer";
    new_state(world, 4);
    run_disturbed(world, "", "", "", "!");
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 4);
    run_disturbed(world, "", "", "", "");
    expect(world, "");
}

/* A failure that cannot be placed counts, also when the test passed in this state before. */
static void an_incomplete_failure(void **state)
{
    struct world *world = recorded_world(state);
    struct session s;
    begin(world, &s);
    collect_all(&s);
    ran_as(&s, "test_a.py", "test_g", PTD_OUTCOME_FAILED, "c:a.py:g !");
    end(&s);
    expect(world, "  test_a.py::test_g: failed before\n");
    run_g_as(world, PTD_OUTCOME_PASSED);
    expect(world, "");
}

static void no_tracer(void **state)
{
    struct world *world = recorded_world(state);
    static const char *const facts[] = {"none: no slot", "none:", "none"};
    for (size_t i = 0; i < 3; i++) {
        struct session s = {.world = world, .number = 1};
        struct ptd_ingest_result result;
        struct ptd_ingest_request request = request_of(world, true);
        struct ptd_err err = {0};
        start_sessions(world);
        jb_start(&s.jb);
        jb_fact(&s.jb, "rootdir", world->root);
        jb_fact(&s.jb, "tracer", facts[i]);
        jb_finish(&s.jb, 0);
        save(&s);
        assert_int_equal(ptd_ingest(&request, &result, &err), 0);
        assert_string_equal(result.tracer_problem, i ? facts[i] : "no slot");
        ptd_ingest_result_release(&result);
    }
    put(world, "test_z.py", "");
    expect(world, "  test_z.py: new test file\n");
}

static void another_root(void **state)
{
    struct world *world = *state;
    make_project(world);
    open_world(world, false);
    struct session s = {.world = world, .number = 1};
    struct ptd_ingest_result result;
    struct ptd_ingest_request request = request_of(world, true);
    struct ptd_err err = {0};
    start_sessions(world);
    jb_start(&s.jb);
    jb_fact(&s.jb, "tracer", "eval");
    jb_fact(&s.jb, "rootdir", "/elsewhere");
    jb_finish(&s.jb, 0);
    save(&s);
    assert_int_equal(ptd_ingest(&request, &result, &err), 0);
    assert_string_equal(result.root_problem, "/elsewhere");
    ptd_ingest_result_release(&result);
    expect(world, "  sub/test_c.py: new test file\n"
                  "  test_a.py: new test file\n"
                  "  test_b.py: new test file\n");
}

/* ---- files that were not collected ---- */

static void not_collected(void **state)
{
    struct world *world = *state;
    make_project(world);
    put(world, "test_data.py", "x = 1\n");
    open_world(world, false);
    run_all(world);
    expect(world, "");
    put(world, "test_data.py", "x = 2\n");
    expect(world, "  test_data.py: test_data.py: x\n");
    run_all(world);
    expect(world, "");
}

/* A conftest.py can say what is not to be collected, and so can what it imports. */
static void left_out_by_a_conftest(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    put(world, "sub/conftest.py", "import a\n\ncollect_ignore = ['test_data.py']\n");
    put(world, "sub/test_data.py", "x = 1\n");
    open_world(world, false);
    begin(world, &s);
    collect_all(&s);
    module(&s, "sub/conftest.py", "i:a.py n:a");
    ran_all(&s);
    end(&s);
    expect(world, "");
    put(world, "sub/conftest.py", "import a\n\ncollect_ignore = []\n");
    expect(world, "  sub/test_data.py: sub/conftest.py: content\n");
    put(world, "sub/conftest.py", "import a\n\ncollect_ignore = ['test_data.py']\n");
    put(world, "a.py",
        "LIMIT = 1\nprint(LIMIT)\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n");
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 3);
    assert_string_equal(selected(world, 3)->name, "sub/test_data.py");
}

static const char data_is_new[] = "  test_data.py: new test file\n";

static void not_collected_by_half_a_run(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    put(world, "test_data.py", "x = 1\n");
    open_world(world, false);
    /* Interrupted */
    begin(world, &s);
    collect_all(&s);
    ran_all(&s);
    jb_finish(&s.jb, 2);
    save(&s);
    ingest(world, true);
    expect(world, data_is_new);
    /* Killed */
    begin(world, &s);
    collect_all(&s);
    ran_all(&s);
    save(&s);
    ingest(world, true);
    expect(world, data_is_new);
    /* Narrowed */
    begin(world, &s);
    collect_all(&s);
    ran_all(&s);
    jb_finish(&s.jb, 0);
    save(&s);
    ingest(world, false);
    expect(world, data_is_new);
    /* Part of another file only */
    begin(world, &s);
    import_all(&s);
    collect_as(&s, "test_a.py", "test_f", PTD_OUTCOME_PASSED, PTD_COLLECT_PARTIAL, "");
    end(&s);
    expect(world, data_is_new);
}

static void workers(struct world *world, uint32_t controller, int ended)
{
    struct session s;
    begin_as(world, &s, 1, "controller");
    jb_finish(&s.jb, controller);
    save(&s);
    for (int i = 2; i < 4; i++) {
        begin_as(world, &s, i, "worker");
        collect_all(&s);
        if (i == 2)
            ran(&s, "test_a.py", "test_f", "c:a.py:f");
        else
            ran(&s, "test_a.py", "test_g", "c:a.py:g");
        if (ended & 1 << i)
            jb_finish(&s.jb, 0);
        save(&s);
    }
    ingest(world, true);
}

static void several_processes(void **state)
{
    struct world *world = *state;
    make_project(world);
    put(world, "test_data.py", "x = 1\n");
    open_world(world, false);
    workers(world, 2, 4 | 8);
    expect(world, "  sub/test_c.py::test_alone: new test\n"
                  "  test_b.py::test_h: new test\n"
                  "  test_data.py: new test file\n");
    workers(world, 0, 8);
    workers(world, 0, 4);
    expect(world, "  sub/test_c.py::test_alone: new test\n"
                  "  test_b.py::test_h: new test\n"
                  "  test_data.py: new test file\n");
    workers(world, 0, 4 | 8);
    expect(world, "  sub/test_c.py::test_alone: new test\n"
                  "  test_b.py::test_h: new test\n");
}

/* A process that came so late that it says nothing is no process that came to its end. */
static void a_process_without_facts(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    put(world, "test_data.py", "x = 1\n");
    open_world(world, false);
    begin_as(world, &s, 1, "worker");
    collect_all(&s);
    ran_all(&s);
    jb_finish(&s.jb, 0);
    save(&s);
    s = (struct session){.world = world, .number = 2};
    jb_start(&s.jb);
    save(&s);
    ingest(world, true);
    expect(world, data_is_new);
}

static void left_out_by_the_plan(void **state)
{
    struct world *world = recorded_world(state);
    static const char *const ignored[] = {"test_b.py", "sub/test_c.py"};
    struct session s;
    struct ptd_ingest_result result;
    struct ptd_ingest_request request = request_of(world, true);
    struct ptd_err err = {0};
    put(world, "a.py", "LIMIT = 1\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 3\n");
    look(world);
    begin(world, &s);
    module(&s, "a.py", "");
    module(&s, "test_a.py", "i:a.py n:a");
    collect(&s, "test_a.py", "test_f test_g");
    ran(&s, "test_a.py", "test_g", "c:a.py:g");
    jb_finish(&s.jb, 0);
    save(&s);
    request.ignored = ignored;
    request.ignored_count = 2;
    assert_int_equal(ptd_ingest(&request, &result, &err), 0);
    ptd_ingest_result_release(&result);
    expect(world, "");
    assert_int_equal(world->verdict.selection.total, 4);
    put(world, "b.py", "import a\n\ndef h():\n    return a.g()\n");
    expect(world, "  test_b.py::test_h: b.py: h\n");
}

static void a_file_that_failed_to_collect(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    open_world(world, false);
    begin(world, &s);
    import_all(&s);
    collect_as(&s, "test_a.py", "", PTD_OUTCOME_ERROR, 0, "");
    collect(&s, "test_b.py", "test_h");
    ran(&s, "test_b.py", "test_h", "c:b.py:h c:a.py:f");
    jb_finish(&s.jb, 2);
    save(&s);
    ingest(world, true);
    expect(world, "  sub/test_c.py: new test file\n"
                  "  test_a.py: could not be collected before\n");
}

static void collected_by_nobody(void **state)
{
    struct world *world = *state;
    struct session s;
    char path[512];
    make_project(world);
    open_world(world, false);
    begin(world, &s);
    collect_all(&s);
    ran_all(&s);
    put(world, "odd.py", "");
    world_path(world, "odd.py", path);
    jb_collect(&s.jb, PTD_J_NO_SCOPE, PTD_OUTCOME_PASSED, 0, path,
               (const char *const[]){"odd.py::t", NULL});
    end(&s);
    expect(world, "  odd.py::t: odd.py: recorded incompletely\n");
}

/* ---- crashes ---- */

static void a_crash_in_a_test(void **state)
{
    struct world *world = recorded_world(state);
    struct session s;
    begin(world, &s);
    collect_all(&s);
    ran(&s, "test_a.py", "test_f", "c:a.py:f");
    jb_begin_test(&s.jb, "test_a.py::test_g");
    save(&s);
    assert_int_equal(ingest(world, true), 1);
    expect(world, "  test_a.py::test_g: failed before\n");
    /* Whatever it was: until it has come to an end, it is not known to work. */
    put(world, "test_a.py",
        "import a\n\n# a note\n\ndef test_f():\n    a.f()\n\ndef test_g():\n    a.g()\n");
    expect(world, "  test_a.py::test_g: failed before\n");
    run_all(world);
    expect(world, "");
}

static void a_torn_journal(void **state)
{
    struct world *world = *state;
    struct session s;
    make_project(world);
    open_world(world, false);
    begin(world, &s);
    collect_all(&s);
    ran_all(&s);
    size_t whole = s.jb.out.len;
    save(&s);
    /* The last test's record lacks its end. */
    begin(world, &s);
    collect_all(&s);
    ran_all(&s);
    save_cut(&s, whole - 1);
    assert_int_equal(ingest(world, true), 3);
    expect(world, "  sub/test_c.py::test_alone: failed before\n");
}

static void any_cut_can_be_ingested(void **state)
{
    struct world *world = *state;
    make_project(world);
    open_world(world, false);
    for (size_t len = 0;; len += 97) {
        struct session s;
        begin(world, &s);
        collect_all(&s);
        ran_all(&s);
        bool last = len >= s.jb.out.len;
        save_cut(&s, len);
        size_t tests = ingest(world, true);
        choose(world, NULL);
        const struct ptd_selection *sel = &world->verdict.selection;
        assert_true(sel->count > 0 || tests == 4);
        if (last)
            break;
        close_world(world);
        char command[512];
        snprintf(command, sizeof(command), "rm -rf '%s/cache'", world->top);
        assert_int_equal(system(command), 0);
        open_world(world, false);
    }
    expect(world, "");
}

static void half_a_journal_among_others(void **state)
{
    struct world *world = *state;
    struct session s;
    struct ptd_ingest_result result;
    struct ptd_ingest_request request = request_of(world, true);
    struct ptd_err err = {0};
    make_project(world);
    open_world(world, false);
    begin(world, &s);
    collect_all(&s);
    ran_all(&s);
    jb_finish(&s.jb, 0);
    save(&s);
    begin_as(world, &s, 2, "worker");
    save_cut(&s, 5);
    assert_int_equal(ptd_ingest(&request, &result, &err), 0);
    assert_int_equal(result.journals, 2);
    assert_int_equal(result.torn, 1);
    assert_int_equal(result.tests, 4);
    ptd_ingest_result_release(&result);
    expect(world, "");
}

static void no_session_directory(void **state)
{
    struct world *world = *state;
    struct ptd_ingest_result result;
    struct ptd_err err = {0};
    open_world(world, false);
    struct ptd_ingest_request request = request_of(world, true);
    assert_int_equal(ptd_ingest(&request, &result, &err), -1);
    assert_int_equal(err.code, PTD_E_IO);
    ptd_ingest_result_release(&result);
}

/* ---- files that come and go ---- */

static void run_c_importing(struct world *world, const char *words)
{
    struct session s;
    begin(world, &s);
    collect_all(&s);
    ran_a_and_b(&s);
    ran(&s, "sub/test_c.py", "test_alone", words);
    end(&s);
}

static void made_by_the_session(void **state)
{
    struct world *world = *state;
    make_project(world);
    put(world, "made/.gitignore", "*\n");
    open_world(world, false);
    put(world, "made/later.py", "x = 1\n");
    age(world, "made/later.py", 1);
    run_c_importing(world, "i:made/later.py i:made/gone.py");
    expect(world, "");
    put(world, "made/later.py", "x = 2\n");
    expect(world, "");
}

/* Not part of the tree as it is walked, and still there before the session began. */
static void outside_the_walk(void **state)
{
    struct world *world = *state;
    char outside[512];
    make_project(world);
    snprintf(outside, sizeof(outside), "%s/outside.py", world->top);
    put(world, outside, "x = 1\n");
    age(world, outside, -100);
    open_world(world, false);
    PTD_CLEANUP_FREE char *words = ptd_xasprintf("i:%s", outside);
    run_c_importing(world, words);
    expect(world, "");
    put(world, outside, "x = 2\n");
    expect(world, "  sub/test_c.py::test_alone: ../outside.py: content\n");
}

/* Without the plan nobody knows when the session began: nothing is taken for its product. */
static void without_a_plan(void **state)
{
    struct world *world = *state;
    struct session s;
    char plan[512], outside[512];
    make_project(world);
    snprintf(outside, sizeof(outside), "%s/outside.py", world->top);
    put(world, outside, "x = 1\n");
    open_world(world, false);
    PTD_CLEANUP_FREE char *words = ptd_xasprintf("i:%s", outside);
    begin(world, &s);
    collect_all(&s);
    ran_a_and_b(&s);
    ran(&s, "sub/test_c.py", "test_alone", words);
    jb_finish(&s.jb, 0);
    save(&s);
    snprintf(plan, sizeof(plan), "%s/%s", world->session_dir, PTD_PLAN_FILE);
    unlink(plan);
    ingest(world, true);
    expect(world, "");
    put(world, outside, "x = 2\n");
    expect(world, "  sub/test_c.py::test_alone: ../outside.py: content\n");
}

/* ---- facts of a run, environments, reading only ---- */

static void facts_concern_everything(void **state)
{
    struct world *world = recorded_world(state);
    world->packages = "other";
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 4);
    assert_string_equal(ptd_verdict_describe(selected(world, 0)->broken, &world->verdict),
                        "pytest, a plugin of it, or what these require changed");
    world->packages = NULL;
    expect(world, "");
    world->arguments = "--strict";
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 4);
    run_all(world);
    expect(world, "");
    world->arguments = NULL;
    expect(world, "");
    world->config = "[pytest]";
    choose(world, NULL);
    assert_int_equal(world->verdict.selection.tests, 4);
}

static void environments_are_apart(void **state)
{
    struct world *world = recorded_world(state);
    world->w.environment.name = (char *)"cpython 3.12.1 linux x86_64";
    choose(world, NULL);
    assert_true(world->verdict.no_data);
    run_all(world);
    expect(world, "");
    put(world, "a.py", "LIMIT = 5\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 2\n");
    look(world);
    run_all(world);
    expect(world, "");
    world->w.environment.name = (char *)"cpython 3.11.7 linux x86_64";
    expect(world, everything_of_a);
}

static void reading_only(void **state)
{
    struct world *world = recorded_world(state);
    close_world(world);
    open_world(world, true);
    expect(world, "");
    put(world, "a.py", "LIMIT = 1\n\ndef f():\n    return LIMIT\n\ndef g():\n    return 3\n");
    expect(world, "  test_a.py::test_g: a.py: g\n");
    put(world, "lib/b.py", "");
    put(world, "a.py", A_PY);
    expect(world, "  test_b.py::test_h: files that provide a module named b changed\n");
    world->w.environment.name = (char *)"cpython 3.13.0 linux x86_64";
    choose(world, NULL);
    assert_true(world->verdict.no_data);
}

/* What was recorded after the state was looked at is about a tree that nobody has compared yet. */
static void recorded_meanwhile(void **state)
{
    struct world *world = recorded_world(state);
    look(world);
    struct world other = *world;
    struct ptd_err err = {0};
    other.w.store = NULL;
    other.w.state_loaded = other.selected = false;
    put(world, "c.py", "def k():\n    return 1\n");
    open_world(&other, false);
    struct session s;
    begin(&other, &s);
    collect_all(&s);
    module(&s, "c.py", "");
    ran(&s, "sub/test_c.py", "test_alone", "i:c.py c:c.py:k");
    end(&s);
    close_world(&other);
    must(ptd_workspace_select(&world->w, NULL, false, &world->verdict, &err), &err);
    world->selected = true;
    for (size_t i = 0; i < world->verdict.record_count; i++) {
        const struct ptd_select_record *r = &world->verdict.records[i];
        if (r->id > 7) /* after the first run's four tests and three files */
            assert_int_not_equal(r->broken, SIZE_MAX);
    }
}

static void an_answer_is_not_kept(void **state)
{
    struct world *world = recorded_world(state);
    struct ptd_err err = {0};
    char *idle = NULL;
    assert_int_equal(ptd_store_meta_set(world->w.store, "idle", "digest 4", &err), 0);
    run_g_as(world, PTD_OUTCOME_FAILED);
    assert_int_equal(ptd_store_meta_get(world->w.store, "idle", &idle, &err), 0);
    assert_true(!idle || !*idle);
    free(idle);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, remove_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(nothing_known),
        IN_WORLD(an_empty_tree),
        IN_WORLD(an_empty_session),
        IN_WORLD(a_body_concerns_its_users),
        IN_WORLD(a_comment_concerns_nobody),
        IN_WORLD(the_same_size_at_once),
        IN_WORLD(module_level_concerns_importers),
        IN_WORLD(a_function_that_vanished),
        IN_WORLD(a_deleted_module),
        IN_WORLD(a_source_that_does_not_parse),
        IN_WORLD(a_deleted_test_file),
        IN_WORLD(a_changed_test),
        IN_WORLD(an_import_that_was_not_seen),
        IN_WORLD(a_module_with_two_scopes),
        IN_WORLD(fixtures_reach_their_users),
        IN_WORLD(fixtures_bring_their_imports),
        IN_WORLD(collections_use_scopes),
        IN_WORLD(collection_code_concerns_all_of_a_file),
        IN_WORLD(session_code_concerns_all),
        IN_WORLD(code_of_an_import_concerns_importers),
        IN_WORLD(a_new_provider),
        IN_WORLD(a_name_that_nobody_provided),
        IN_WORLD(a_new_conftest),
        IN_WORLD(names_from_an_older_tree),
        IN_WORLD(a_new_test_file),
        IN_WORLD(going_back_is_known),
        IN_WORLD(only_so_many_states_are_kept),
        IN_WORLD(what_nobody_needs_goes),
        IN_WORLD(failures_stay_selected),
        IN_WORLD(a_failure_in_another_state),
        IN_WORLD(a_file_changed_under_the_run),
        IN_WORLD(incomplete_scopes),
        IN_WORLD(an_incomplete_failure),
        IN_WORLD(no_tracer),
        IN_WORLD(another_root),
        IN_WORLD(not_collected),
        IN_WORLD(left_out_by_a_conftest),
        IN_WORLD(not_collected_by_half_a_run),
        IN_WORLD(several_processes),
        IN_WORLD(a_process_without_facts),
        IN_WORLD(left_out_by_the_plan),
        IN_WORLD(a_file_that_failed_to_collect),
        IN_WORLD(collected_by_nobody),
        IN_WORLD(a_crash_in_a_test),
        IN_WORLD(a_torn_journal),
        IN_WORLD(any_cut_can_be_ingested),
        IN_WORLD(half_a_journal_among_others),
        IN_WORLD(no_session_directory),
        IN_WORLD(made_by_the_session),
        IN_WORLD(outside_the_walk),
        IN_WORLD(without_a_plan),
        IN_WORLD(facts_concern_everything),
        IN_WORLD(environments_are_apart),
        IN_WORLD(reading_only),
        IN_WORLD(recorded_meanwhile),
        IN_WORLD(an_answer_is_not_kept),
    };
    return cmocka_run_group_tests_name("ingest", tests, NULL, NULL);
}
