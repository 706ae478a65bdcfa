/* Names and modules of all versions of the sources. */
#include "ingest_world.h"

#include "record/namespace.h"

static void lists_of_modules_stay_where_they_are(void **state)
{
    struct world *world = *state;
    struct ptd_namespace ns;
    struct ptd_err err = {0};
    put(world, "lib.py", "import other\n");
    put(world, "other.py", "VALUE = 1\n");
    open_world(world, false);
    size_t at;
    must(ptd_state_add(&world->w.state, PTD_FILE_SOURCE, "other.py", &at, &err), &err);
    must(ptd_state_add(&world->w.state, PTD_FILE_SOURCE, "lib.py", &at, &err), &err);
    ptd_namespace_init(&ns, &world->w.state);
    uint32_t lib = ptd_namespace_module(&ns, world->w.state.files[at].id),
             other = ptd_namespace_name(&ns, "other");
    const struct ptd_u32s *held = ptd_namespace_resolve(&ns, lib, other);
    assert_int_equal(held->count, 1);
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "module_%d", i);
        ptd_namespace_resolve(&ns, lib, ptd_namespace_name(&ns, name));
    }
    assert_ptr_equal(held, ptd_namespace_resolve(&ns, lib, other));
    assert_string_equal(ns.modules[held->items[0]].path, "other.py");
    ptd_namespace_release(&ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_of_modules_stay_where_they_are, make_world,
                                        remove_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
