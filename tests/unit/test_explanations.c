/* What is kept to explain records: labels, import edges, flaky tests, and the questions about them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "record/flaky.h"
#include "record/importers.h"
#include "record/parts.h"
#include "record/users.h"

struct world {
    char dir[64];
    struct ptd_store *store;
    struct ptd_state state; /* its store only */
    ptd_id environment, run;
};

static int set_up(void **state)
{
    struct world *w = ptd_xcalloc(1, sizeof(*w));
    char *note = NULL;
    struct ptd_err err = {0};
    strcpy(w->dir, "/tmp/ptd-details-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_int_equal(ptd_store_open(w->dir, false, &w->store, &note, &err), 0);
    assert_int_equal(ptd_store_begin(w->store, &err), 0);
    assert_int_equal(ptd_store_environment(w->store, "e", &w->environment, &err), 0);
    assert_int_equal(ptd_store_run_start(w->store, false, NULL, &w->run, &err), 0);
    w->state.store = w->store;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char command[128];
    ptd_state_release(&w->state);
    ptd_store_rollback(w->store);
    ptd_store_close(w->store);
    snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
    free(w);
    return system(command);
}

static ptd_id file(struct world *w, const char *path)
{
    ptd_id id;
    assert_int_equal(ptd_store_file(w->store, PTD_FILE_SOURCE, path, &id, NULL), 0);
    return id;
}

/* A set with one fingerprint: code object `code` of a file whose content is not known. */
static ptd_id set_of(struct world *w, ptd_id of, unsigned char code, ptd_id *fingerprint)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    struct ptd_hash128 hash = ptd_hash128(&of, sizeof(of));
    ptd_id version, id;
    bool parsed;
    assert_int_equal(ptd_store_version(w->store, &hash, true, &version, &parsed, NULL), 0);
    assert_int_equal(ptd_store_fingerprint(w->store, of, version, &code, 1, fingerprint, NULL), 0);
    ptd_buf_add_varint(&blob, (uint64_t)*fingerprint);
    assert_int_equal(ptd_store_depset(w->store, blob.data, blob.len, &id, NULL), 0);
    return id;
}

static void record(struct world *w, const char *name, const char *depsets, size_t len)
{
    ptd_id node;
    assert_int_equal(ptd_store_node(w->store, name, file(w, "t.py"), false, &node, NULL), 0);
    struct ptd_record r = {
        .node = node, .run = w->run, .depsets = depsets, .depsets_len = len, .outcome = 0};
    assert_int_equal(ptd_store_record(w->store, w->environment, &r, NULL), 0);
}

static void imports(struct world *w, ptd_id from, ptd_id to, ptd_id enters)
{
    PTD_CLEANUP_BUF struct ptd_buf imported = PTD_BUF_INIT, entered = PTD_BUF_INIT;
    if (to)
        ptd_buf_add_varint(&imported, (uint64_t)to);
    if (enters)
        ptd_buf_add_varint(&entered, (uint64_t)enters);
    struct ptd_store_imports row = {from, imported.data, imported.len, entered.data, entered.len};
    assert_int_equal(ptd_store_imports_set(w->store, &row, NULL), 0);
}

static void parts_have_the_best_label(void **state)
{
    struct world *w = *state;
    ptd_id a = file(w, "a.py"), b = file(w, "b.py"), print, other;
    char sets[2] = {(char)set_of(w, a, 0, &print), (char)set_of(w, b, 3, &other)};
    char twice[3] = {sets[0], sets[0], sets[1]};
    char labels[3] = {PTD_LABEL_FILE_IMPORTS, PTD_LABEL_FIXTURE + 1, PTD_LABEL_SESSION};
    struct ptd_parts parts;
    assert_int_equal(ptd_parts_read(w->store, twice, 3, labels, 3, &parts, NULL), 0);
    assert_int_equal(parts.count, 2);
    assert_int_equal(parts.items[0].label, PTD_LABEL_FIXTURE + 1);
    assert_int_equal(parts.items[1].codes[0], 3);
    assert_true(ptd_parts_has_file(&parts, a) && !ptd_parts_has_file(&parts, 99));
    ptd_parts_release(&parts);
    /* Labels that are missing or damaged say nothing, sets that are lost are left out. */
    char lost[2] = {sets[0], 77};
    assert_int_equal(ptd_parts_read(w->store, lost, 2, "\xff", 1, &parts, NULL), 0);
    assert_int_equal(parts.count, 1);
    assert_int_equal(parts.items[0].label, PTD_LABEL_UNKNOWN);
    ptd_parts_release(&parts);
}

static void the_way_of_an_import(void **state)
{
    struct world *w = *state;
    ptd_id t = file(w, "t.py"), a = file(w, "a.py"), b = file(w, "b.py"), c = file(w, "c.py");
    ptd_id way[4];
    bool whole;
    struct ptd_importers importers;
    PTD_CLEANUP_MAP struct ptd_map inside = PTD_MAP_INIT;
    imports(w, t, a, 0);
    imports(w, a, b, c);
    imports(w, b, a, 0); /* a cycle */
    imports(w, c, b, 0); /* outside */
    assert_int_equal(ptd_importers_load(w->store, &importers, NULL), 0);
    const ptd_id known[] = {t, a, b};
    for (size_t i = 0; i < 3; i++)
        ptd_map_put(&inside, &known[i], sizeof(ptd_id), 1, NULL);
    assert_int_equal(ptd_importers_way(&importers, b, t, &inside, way, 4, &whole), 2);
    assert_true(whole && way[0] == a && way[1] == t);
    assert_int_equal(ptd_importers_way(&importers, b, t, &inside, way, 1, &whole), 1);
    assert_true(!whole && way[0] == a);
    assert_int_equal(ptd_importers_way(&importers, t, t, &inside, way, 4, &whole), 0);
    assert_int_equal(ptd_importers_way(&importers, b, 0, &inside, way, 4, &whole), 2);
    assert_int_equal(ptd_importers_entered_by(&importers, c, &inside), a);
    assert_int_equal(ptd_importers_entered_by(&importers, b, &inside), 0);
    ptd_importers_release(&importers);
}

static void users_of_a_file(void **state)
{
    struct world *w = *state;
    ptd_id a = file(w, "a.py"), b = file(w, "b.py"), print;
    char of_a = (char)set_of(w, a, 0, &print), of_b = (char)set_of(w, b, 0, &print);
    struct ptd_users users;
    record(w, "t.py::one", &of_a, 1);
    record(w, "t.py::two", &of_b, 1);
    assert_int_equal(ptd_store_commit(w->store, NULL), 0);
    struct ptd_users_request request = {
        .state = &w->state, .environment = w->environment, .file = a};
    assert_int_equal(ptd_users_find(&request, &users, NULL), 0);
    assert_int_equal(users.count, 1);
    assert_int_equal(users.total, 2);
    assert_string_equal(users.items[0].nodeid, "t.py::one");
    assert_true(ptd_users_has(&users, &users.items[0], "anything")); /* all of it */
    assert_int_equal(ptd_users_count(&users, ""), 1);
    ptd_users_release(&users);
    request.file = 99;
    assert_int_equal(ptd_users_find(&request, &users, NULL), 0);
    assert_int_equal(users.count, 0);
    ptd_users_release(&users);
}

static int prior(const char *nodeid, ptd_id *record, void *arg)
{
    *record = 1;
    return strcmp(nodeid, arg) == 0 ? PTD_OUTCOME_PASSED : -1;
}

static void flaky_is_another_outcome_than_before(void **state)
{
    (void)state;
    struct ptd_flaky_notes notes = {0};
    char known[] = "known";
    struct ptd_ingest_request request = {.prior = prior, .prior_arg = known};
    ptd_flaky_note(&notes, &request, 1, "known", PTD_OUTCOME_PASSED);
    ptd_flaky_note(&notes, &request, 2, "unknown", PTD_OUTCOME_FAILED);
    assert_int_equal(notes.count, 0);
    ptd_flaky_note(&notes, &request, 1, "known", PTD_OUTCOME_FAILED);
    ptd_flaky_note(&notes, &request, 1, "known", PTD_OUTCOME_ERROR); /* run again by a plugin */
    assert_int_equal(notes.count, 1);
    assert_int_equal(notes.items[0].what.after, PTD_OUTCOME_ERROR);
    ptd_flaky_release(&notes);
}

static int see_flaky(const struct ptd_store_flaky *flaky, void *arg)
{
    *(int64_t *)arg = flaky->times * 100 + flaky->before * 10 + flaky->after;
    return 0;
}

static void flaky_tests_are_counted(void **state)
{
    struct world *w = *state;
    ptd_id node;
    int64_t seen = 0;
    assert_int_equal(ptd_store_node(w->store, "t", file(w, "t.py"), false, &node, NULL), 0);
    assert_int_equal(ptd_store_flaky_add(w->store, w->environment, node, 0, 1, NULL), 0);
    assert_int_equal(ptd_store_flaky_add(w->store, w->environment, node, 1, 0, NULL), 0);
    assert_int_equal(ptd_store_each_flaky(w->store, see_flaky, &seen, NULL), 0);
    assert_int_equal(seen, 210);
}

static ptd_id changed_at(struct world *w, ptd_id id)
{
    struct ptd_store_files files;
    uint64_t at = 0;
    assert_int_equal(ptd_store_files(w->store, &files, NULL), 0);
    for (size_t i = 0; i < files.count; i++)
        at = files.items[i].id == id ? files.items[i].changed_at : at;
    ptd_store_files_release(&files);
    return (ptd_id)at;
}

static void a_change_has_a_time(void **state)
{
    struct world *w = *state;
    const uint64_t sig[4] = {1, 5, 7, 1};
    ptd_id f = file(w, "a.py"), versions[2];
    bool parsed;
    for (int i = 0; i < 2; i++) {
        struct ptd_hash128 hash = ptd_hash128(&i, sizeof(i));
        assert_int_equal(ptd_store_version(w->store, &hash, true, &versions[i], &parsed, NULL), 0);
    }
    assert_int_equal(ptd_store_file_seen(w->store, f, sig, 9, versions[0], NULL), 0);
    assert_int_equal(changed_at(w, f), 7); /* seen for the first time */
    const uint64_t touched[4] = {1, 50, 70, 1};
    assert_int_equal(ptd_store_file_seen(w->store, f, touched, 90, versions[0], NULL), 0);
    assert_int_equal(changed_at(w, f), 7);
    assert_int_equal(ptd_store_file_seen(w->store, f, touched, 90, versions[1], NULL), 0);
    assert_true(changed_at(w, f) > 1000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_have_the_best_label, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_way_of_an_import, set_up, tear_down),
        cmocka_unit_test_setup_teardown(users_of_a_file, set_up, tear_down),
        cmocka_unit_test(flaky_is_another_outcome_than_before),
        cmocka_unit_test_setup_teardown(flaky_tests_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_change_has_a_time, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
