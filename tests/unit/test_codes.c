/* The lists of code objects that fingerprints name: numbering, keeping, and two writers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/path.h"
#include "state/codes.h"

static const char source[] = "def first():\n"
                             "    return 1\n"
                             "def second():\n"
                             "    return [i for i in ()]\n";

struct place {
    char *top;
    struct ptd_store *store;
    ptd_id version;
    struct ptd_state one, other; /* as two engines have them */
};

static void must(int result, const struct ptd_err *err)
{
    if (result < 0)
        fail_msg("%s", err->msg);
}

static int set_up(void **state)
{
    struct place *p = ptd_xcalloc(1, sizeof(*p));
    struct ptd_err err = {0};
    struct ptd_hash128 hash = ptd_hash128("source", 6);
    char *note = NULL;
    bool parsed;
    p->top = ptd_xstrdup("/tmp/ptd-codes-XXXXXX");
    if (!mkdtemp(p->top))
        return -1;
    must(ptd_store_open(p->top, false, &p->store, &note, &err), &err);
    free(note);
    must(ptd_store_version(p->store, &hash, true, &p->version, &parsed, &err), &err);
    must(ptd_store_set_source(p->store, p->version, source, strlen(source), &err), &err);
    p->one.store = p->other.store = p->store;
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    PTD_CLEANUP_FREE char *command = ptd_xasprintf("rm -rf '%s'", p->top);
    ptd_codes_forget(&p->one);
    ptd_codes_forget(&p->other);
    ptd_state_release(&p->one);
    ptd_store_close(p->store);
    int result = system(command);
    free(p->top);
    free(p);
    return result;
}

static uint32_t number(struct place *p, struct ptd_state *state, uint32_t line, const char *name)
{
    struct ptd_err err = {0};
    uint32_t out = UINT32_MAX;
    must(ptd_codes_number(state, p->version, line, name, &out, &err), &err);
    return out;
}

static void save(struct ptd_state *state)
{
    struct ptd_err err = {0};
    must(ptd_codes_save(state, &err), &err);
}

static void numbers_are_kept(void **state)
{
    struct place *p = *state;
    assert_int_equal(number(p, &p->one, 1, "<module>"), 0);
    assert_int_equal(number(p, &p->one, 3, "second"), 1);
    assert_int_equal(number(p, &p->one, 4, "<listcomp>"), 2);
    assert_int_equal(number(p, &p->one, 3, "second"), 1);
    save(&p->one);
    assert_int_equal(number(p, &p->other, 4, "<listcomp>"), 2);
    assert_int_equal(number(p, &p->other, 1, "first"), 3);
}

static void numbers_lead_to_blocks(void **state)
{
    struct place *p = *state;
    uint32_t second = number(p, &p->one, 3, "second");
    uint32_t comprehension = number(p, &p->one, 4, "<listcomp>");
    uint32_t first = number(p, &p->one, 1, "first");
    assert_int_equal(ptd_codes_block(&p->one, p->version, 0), 0);
    assert_int_equal(ptd_codes_block(&p->one, p->version, first), 1);
    assert_int_equal(ptd_codes_block(&p->one, p->version, second), 2);
    assert_int_equal(ptd_codes_block(&p->one, p->version, comprehension), 2);
    assert_int_equal(ptd_codes_block(&p->one, p->version, first + 1), UINT32_MAX);
}

/* One engine has looked at the list when another adds to it: the numbers that the other gave stay
 * what they are. */
static void lists_are_read_again_before_writing(void **state)
{
    struct place *p = *state;
    assert_int_equal(number(p, &p->one, 1, "first"), 1);
    save(&p->one);
    assert_int_equal(number(p, &p->other, 1, "first"), 1);
    assert_int_equal(number(p, &p->one, 3, "second"), 2);
    save(&p->one);
    ptd_codes_forget(&p->other);
    assert_int_equal(number(p, &p->other, 4, "<listcomp>"), 3);
    assert_int_equal(number(p, &p->other, 3, "second"), 2);
    save(&p->other);
    ptd_codes_forget(&p->one);
    assert_int_equal(number(p, &p->one, 4, "<listcomp>"), 3);
}

static void damaged_lists_are_errors(void **state)
{
    struct place *p = *state;
    struct ptd_err err = {0};
    uint32_t out;
    must(ptd_store_set_codes(p->store, p->version, "\1\120x", 3, &err), &err);
    assert_int_equal(ptd_codes_number(&p->one, p->version, 1, "first", &out, &err), -1);
    assert_int_equal(err.code, PTD_E_STORE);
    assert_int_equal(err.sys_errno, EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_lead_to_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_are_read_again_before_writing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_lists_are_errors, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
