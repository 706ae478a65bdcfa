/* Whom code that runs once is charged to: journals with suspects, turned into records. */
#include "ingest_world.h"

#include "record/once_holders.h"

static const char lib[] = "import cachelib\n"
                          "@cachelib.keep\n"
                          "def table():\n"
                          "    return build()\n"
                          "def build():\n"
                          "    return 1\n"
                          "def plain():\n"
                          "    return 2\n"
                          "renamed = table\n";
static const char changed[] = "import cachelib\n"
                              "@cachelib.keep\n"
                              "def table():\n"
                              "    return build()\n"
                              "def build():\n"
                              "    return 3\n"
                              "def plain():\n"
                              "    return 2\n"
                              "renamed = table\n";

static const char tests[] = "from lib import table as alias, plain\n"
                            "import lib\n"
                            "def test_first():\n"
                            "    assert lib.table()\n"
                            "def test_name():\n"
                            "    assert alias()\n"
                            "def test_renamed():\n"
                            "    assert lib.renamed()\n"
                            "def test_plain():\n"
                            "    assert plain()\n";

static void make(struct world *world)
{
    put(world, "lib.py", lib);
    put(world, "test_t.py", tests);
    put(world, "test_apart.py", "def test_apart():\n    table = 1\n");
    open_world(world, false);
}

/* A session in which test_first ran the suspect; `names` are those of its label. */
static void run_session(struct world *world, const char *names)
{
    struct session s;
    begin(world, &s);
    module(&s, "lib.py", "");
    module(&s, "test_t.py", "i:lib.py");
    module(&s, "test_apart.py", "");
    collect(&s, "test_t.py", "test_first test_name test_renamed test_plain");
    collect(&s, "test_apart.py", "test_apart");
    PTD_CLEANUP_FREE char *label = ptd_xasprintf("%u%s", code_id(&s, "lib.py:table"), names);
    scope(&s, PTD_SCOPE_ONCE, "lib.py", label, "c:lib.py:table c:lib.py:build");
    ran(&s, "test_t.py", "test_first", "c:lib.py:table c:lib.py:build");
    ran(&s, "test_t.py", "test_name", "");
    ran(&s, "test_t.py", "test_renamed", "");
    ran(&s, "test_t.py", "test_plain", "c:lib.py:plain");
    ran(&s, "test_apart.py", "test_apart", "");
    end(&s);
}

static void expect_after_change(struct world *world, const char *text)
{
    put(world, "lib.py", changed);
    expect(world, text);
}

static void served_under_its_name(void **state)
{
    struct world *world = *state;
    make(world);
    run_session(world, " @table %keep");
    expect_after_change(world, "  test_t.py::test_first: lib.py: build\n"
                               "  test_t.py::test_name: lib.py: build\n"
                               "  test_t.py::test_renamed: lib.py: build\n");
}

static void served_by_being_entered(void **state)
{
    struct world *world = *state;
    make(world);
    run_session(world, " !");
    expect_after_change(world, "  test_t.py::test_first: lib.py: build\n");
}

static void served_under_any_name(void **state)
{
    struct world *world = *state;
    make(world);
    run_session(world, " *");
    expect_after_change(world, "  test_t.py::test_first: lib.py: build\n"
                               "  test_t.py::test_name: lib.py: build\n"
                               "  test_t.py::test_renamed: lib.py: build\n"
                               "  test_t.py::test_plain: lib.py: build\n");
}

static void served_under_a_stored_name(void **state)
{
    struct world *world = *state;
    make(world);
    run_session(world, " renamed");
    expect_after_change(world, "  test_t.py::test_first: lib.py: build\n"
                               "  test_t.py::test_renamed: lib.py: build\n");
}

/* Labels of another tracer, or nonsense, charge nobody and break nothing. */
static void labels_without_sense(void **state)
{
    static const char *const labels[] = {"", "x", "999999 @table", "0", "0 ", "0  @ % . :"};
    struct world *world = *state;
    make(world);
    struct session s;
    begin(world, &s);
    module(&s, "lib.py", "");
    module(&s, "test_t.py", "i:lib.py");
    collect(&s, "test_t.py", "test_first");
    for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++)
        scope(&s, PTD_SCOPE_ONCE, "lib.py", labels[i], "c:lib.py:build");
    ran(&s, "test_t.py", "test_first", "");
    end(&s);
    expect_after_change(world, "");
}

static void what_is_bound(void **state)
{
    (void)state;
    assert_true(ptd_once_is_bound("$"));
    assert_true(ptd_once_is_bound(":seen"));
    assert_true(ptd_once_is_bound("@prop %cached_property"));
    assert_true(ptd_once_is_bound("@prop %cached_property $"));
    assert_false(ptd_once_is_bound("@prop %cached_property %keep"));
    assert_false(ptd_once_is_bound("@table %lru_cache"));
    assert_false(ptd_once_is_bound("$ CONFIG"));
    assert_false(ptd_once_is_bound("!"));
    assert_false(ptd_once_is_bound("*"));
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, make_world, remove_world)

int main(void)
{
    const struct CMUnitTest all[] = {
        IN_WORLD(served_under_its_name), IN_WORLD(served_by_being_entered),
        IN_WORLD(served_under_any_name), IN_WORLD(served_under_a_stored_name),
        IN_WORLD(labels_without_sense),  cmocka_unit_test(what_is_bound),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
